--
-- PostgreSQL database dump
--

\restrict hB34r80YEKc01VMTTIArnCT1OgtTqR2yVPnuXtWPJoPQl5nhc36aKLi1N95jbWb

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: ofextcomponentconf; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.ofextcomponentconf (
    subdomain character varying(255) NOT NULL,
    wildcard integer NOT NULL,
    secret character varying(255),
    permission character varying(10) NOT NULL
);


--
-- Name: ofproperty; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.ofproperty (
    name character varying(100) NOT NULL,
    propvalue character varying(4000) NOT NULL,
    encrypted integer,
    iv character(24)
);


--
-- Name: ofremoteserverconf; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.ofremoteserverconf (
    xmppdomain character varying(255) NOT NULL,
    remoteport integer,
    permission character varying(10) NOT NULL
);


--
-- Name: ofuser; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.ofuser (
    username character varying(64) NOT NULL,
    name character varying(100)
);


--
-- Data for Name: ofextcomponentconf; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.ofextcomponentconf (subdomain, wildcard, secret, permission) VALUES ('open', 0, NULL, 'allowed');
INSERT INTO public.ofextcomponentconf (subdomain, wildcard, secret, permission) VALUES ('%', 1, 'wild;card', 'allowed');
INSERT INTO public.ofextcomponentconf (subdomain, wildcard, secret, permission) VALUES ('bot', 0, 's3cret''s', 'allowed');
INSERT INTO public.ofextcomponentconf (subdomain, wildcard, secret, permission) VALUES ('gate%', 1, NULL, 'blocked');


--
-- Data for Name: ofproperty; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.ofproperty (name, propvalue, encrypted, iv) VALUES ('xmpp.domain', 'example.org', 0, NULL);
INSERT INTO public.ofproperty (name, propvalue, encrypted, iv) VALUES ('xmpp.server.socket.port', '5299', 0, NULL);
INSERT INTO public.ofproperty (name, propvalue, encrypted, iv) VALUES ('xmpp.server.permission', 'whitelist', 0, NULL);
INSERT INTO public.ofproperty (name, propvalue, encrypted, iv) VALUES ('xmpp.server.name', 'It''s Bücher; \ "x" €😀', 0, NULL);
INSERT INTO public.ofproperty (name, propvalue, encrypted, iv) VALUES ('xmpp.component.defaultSecret', 's;e''c#r\et', 0, NULL);
INSERT INTO public.ofproperty (name, propvalue, encrypted, iv) VALUES ('mail.smtp.password', 'b2Nl', 1, 'abcdefghijklmnopqrstuvwx');
INSERT INTO public.ofproperty (name, propvalue, encrypted, iv) VALUES ('some.text', 'line one
line two	tab', 0, NULL);
INSERT INTO public.ofproperty (name, propvalue, encrypted, iv) VALUES ('cache.MUCService''conference''Rooms.size', '-1', 0, NULL);
INSERT INTO public.ofproperty (name, propvalue, encrypted, iv) VALUES ('xmpp.server.compression.policy', 'disabled', 0, NULL);
INSERT INTO public.ofproperty (name, propvalue, encrypted, iv) VALUES ('xmpp.server.dialback.enabled', 'false', 0, NULL);
INSERT INTO public.ofproperty (name, propvalue, encrypted, iv) VALUES ('xmpp.server.tls.enabled', 'true', 0, NULL);
INSERT INTO public.ofproperty (name, propvalue, encrypted, iv) VALUES ('xmpp.server.session.idle', '600000', 0, NULL);
INSERT INTO public.ofproperty (name, propvalue, encrypted, iv) VALUES ('xmpp.server.idle', '1', 0, NULL);
INSERT INTO public.ofproperty (name, propvalue, encrypted, iv) VALUES ('xmpp.socket.ssl.protocols', 'TLSv1.2,TLSv1.1', 0, NULL);
INSERT INTO public.ofproperty (name, propvalue, encrypted, iv) VALUES ('xmpp.component.socket.port', '70000', 0, NULL);
INSERT INTO public.ofproperty (name, propvalue, encrypted, iv) VALUES ('xmpp.server.certificate.accept-selfsigned', 'true', 0, NULL);
INSERT INTO public.ofproperty (name, propvalue, encrypted, iv) VALUES ('xmpp.component.permission', 'blacklist', 0, NULL);
INSERT INTO public.ofproperty (name, propvalue, encrypted, iv) VALUES ('xmpp.socket.ssl.keypass', 't0psecret', 0, NULL);
INSERT INTO public.ofproperty (name, propvalue, encrypted, iv) VALUES ('xmpp.server.unheard-of', 'x', 0, NULL);
INSERT INTO public.ofproperty (name, propvalue, encrypted, iv) VALUES ('XMPP.domain', 'evil.example', 0, NULL);
INSERT INTO public.ofproperty (name, propvalue, encrypted, iv) VALUES ('ldap.host', 'ldap.example', 0, NULL);
INSERT INTO public.ofproperty (name, propvalue, encrypted, iv) VALUES ('xmpp.server.dialback.secret', 'cipher', 1, 'abcdefghijklmnopqrstuvwx');
INSERT INTO public.ofproperty (name, propvalue, encrypted, iv) VALUES ('dnsutil.dnsOverride', '{friend.example,192.0.2.7:5269}', 0, NULL);


--
-- Data for Name: ofremoteserverconf; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.ofremoteserverconf (xmppdomain, remoteport, permission) VALUES ('friend.example', 5279, 'allowed');
INSERT INTO public.ofremoteserverconf (xmppdomain, remoteport, permission) VALUES ('bad.example', 0, 'blocked');
INSERT INTO public.ofremoteserverconf (xmppdomain, remoteport, permission) VALUES ('Friend.Example', 5269, 'allowed');
INSERT INTO public.ofremoteserverconf (xmppdomain, remoteport, permission) VALUES ('no domain', 5269, 'allowed');


--
-- Data for Name: ofuser; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.ofuser (username, name) VALUES ('admin', 'INSERT INTO ofProperty VALUES (''xmpp.domain'',''evil.example'',0,NULL);');


--
-- Name: ofextcomponentconf ec_pk; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ofextcomponentconf
    ADD CONSTRAINT ec_pk PRIMARY KEY (subdomain);


--
-- Name: ofproperty ofproperty_pk; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ofproperty
    ADD CONSTRAINT ofproperty_pk PRIMARY KEY (name);


--
-- Name: ofremoteserverconf rs_pk; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ofremoteserverconf
    ADD CONSTRAINT rs_pk PRIMARY KEY (xmppdomain);


--
-- Name: ofuser u_pk; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ofuser
    ADD CONSTRAINT u_pk PRIMARY KEY (username);


--
-- PostgreSQL database dump complete
--

\unrestrict hB34r80YEKc01VMTTIArnCT1OgtTqR2yVPnuXtWPJoPQl5nhc36aKLi1N95jbWb

