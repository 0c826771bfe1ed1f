# SPDX-License-Identifier: Apache-2.0
"""peers.py - Prosody, ejabberd and jabberd2 as Debian ships them, one user `user`/`password`

What S2S demands of both sides is the `security` of a run:
    plain        no TLS, dialback
    selfsigned   TLS required, certificates that prove nothing: dialback inside TLS
    external     TLS and certificates of a common authority required, no dialback: SASL EXTERNAL
    direct       the same, and TLS begins with the first byte (port 5270)

Each runs in the foreground on its host, with settings, data and logs below one directory.
"""
import glob
import os
import re
import sqlite3
import subprocess
import time


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


class Peer:
    domains = ()
    securities = ("plain", "selfsigned", "external", "direct")
    more = ""  # at the end of its settings

    def __init__(self, host, directory, security, certificates):
        self.host, self.security, self.certificates = host, security, certificates
        self.directory = os.path.join(directory, self.name)
        self.log = os.path.join(self.directory, "log")
        os.makedirs(self.directory)
        self.processes = []
        self.configure()

    def certificate(self, domain):
        """The file with its key, certificate and chain."""
        return os.path.join(self.certificates.directory, domain + ".pem")

    @property
    def authority(self):
        return os.path.join(self.certificates.directory, "ca.pem")

    def spawn(self, *words, **options):
        self.processes.append(self.host.start(self.log, *words, **options))

    def is_listening(self, port):
        probe = ("import socket; socket.create_connection((%r, %d), 2).close()" % (self.host.address, port))
        return subprocess.run(["ip", "netns", "exec", self.host.namespace, "/usr/bin/python3", "-c", probe],
                              stderr=subprocess.DEVNULL).returncode == 0

    def start(self):
        self.launch()
        end = time.monotonic() + 60
        for port in (5222, 5269):
            while not self.is_listening(port):
                if time.monotonic() > end:
                    raise RuntimeError("%s does not listen on %d: %s" % (self.name, port, self.read_log(1500)))
                time.sleep(0.2)

    def stop(self):
        for process in reversed(self.processes):
            self.host.stop(process)
        self.processes = []

    def read_log(self, length):
        text = ""
        for path in glob.glob(os.path.join(self.directory, "*log")):
            with open(path, errors="replace") as file:
                text += "--- %s\n%s\n" % (path, file.read()[-length:])
        return text


class Prosody(Peer):
    name, packages = "prosody", ("prosody",)
    domains = ("prosody.test", "prosody2.test")
    program = "/usr/bin/prosody"

    def configure(self):
        os.makedirs(self.directory + "/data")
        os.makedirs(self.directory + "/certificates")
        for domain in self.domains:
            for ending in ("crt", "key"):
                with open(self.certificate(domain)) as file:
                    write("%s/certificates/%s.%s" % (self.directory, domain, ending), file.read())
        plain, valid = self.security == "plain", self.security in ("external", "direct")
        write(self.directory + "/prosody.cfg.lua", """
run_as_root = true
pidfile = "%(directory)s/pid"
data_path = "%(directory)s/data"
modules_enabled = { "roster", "saslauth", "disco", "ping", "version", "posix", "s2s", "c2s"%(modules)s }
modules_disabled = { %(off)s }
interfaces = { "*", "::" }
c2s_require_encryption = false
s2s_require_encryption = %(encrypted)s
s2s_secure_auth = %(valid)s
s2s_direct_tls_ports = { %(direct)s }
certificates = "%(directory)s/certificates"
ssl = { cafile = "%(authority)s", capath = false }
allow_unencrypted_plain_auth = true
authentication = "internal_plain"
log = { debug = "*console" }
%(hosts)s
%(more)s""" % {"hosts": "\n".join('VirtualHost "%s"' % domain for domain in self.domains), "more": self.more, "directory": self.directory, "modules": ', "tls", "s2s_auth_certs"' if valid else ', "dialback"' if plain else ', "tls", "dialback"',
       "off": '"tls", "s2s_auth_certs"' if plain else '"dialback"' if valid else "", "authority": self.authority,
       "encrypted": str(not plain).lower(), "valid": str(valid).lower(), "direct": "5270" if self.security == "direct" else ""})
        for domain in self.domains:
            subprocess.run(["/usr/bin/prosodyctl", "--config", self.directory + "/prosody.cfg.lua", "--root", "register",
                            "user", domain, "password"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           env={**os.environ, "PROSODY_CONFIG": self.directory + "/prosody.cfg.lua"})

    def launch(self):
        self.spawn("/usr/bin/prosody", "--config", self.directory + "/prosody.cfg.lua", "--root", "-F")


class Ejabberd(Peer):
    name, packages = "ejabberd", ("ejabberd",)
    domains = ("ejabberd.test",)
    program = "/usr/sbin/ejabberdctl"

    def configure(self):
        os.makedirs(self.directory + "/mnesia")
        write(self.directory + "/inetrc", '{lookup,[file,dns]}.\n{resolv_conf,"/etc/resolv.conf"}.\n')
        write(self.directory + "/ejabberd.yml", """
hosts: [%(domain)s]
loglevel: debug
log_rotate_size: infinity
certfiles: [%(certificate)s]
ca_file: %(authority)s
s2s_use_starttls: %(starttls)s
s2s_access: all
auth_method: internal
listen:
  - {port: 5222, ip: "::", module: ejabberd_c2s, starttls: false}
  - {port: 5269, ip: "::", module: ejabberd_s2s_in}
%(direct)smodules:
%(dialback)s  mod_ping: {}
  mod_disco: {}
  mod_version: {}
  mod_roster: {}
%(more)s""" % {"domain": self.domains[0], "more": self.more, "certificate": self.certificate(self.domains[0]), "authority": self.authority,
       "starttls": "false" if self.security == "plain" else "required",
       "direct": '  - {port: 5270, ip: "::", module: ejabberd_s2s_in, tls: true}\n' if self.security == "direct" else "",
       "dialback": "" if self.security in ("external", "direct") else "  mod_s2s_dialback: {}\n"})

    def launch(self):
        ebin = sorted(glob.glob("/usr/lib/*/ejabberd-*/ebin"))[-1]
        self.spawn("erl", "-noinput", "-pa", ebin, "-mnesia", "dir", '"%s/mnesia"' % self.directory,
                   "-ejabberd", "config", '"%s/ejabberd.yml"' % self.directory,
                   "log_path", '"%s/ejabberd.log"' % self.directory, "-s", "ejabberd", "-eval",
                   'ejabberd_auth:try_register(<<"user">>,<<"%s">>,<<"password">>).' % self.domains[0],
                   environment={"ERL_INETRC": self.directory + "/inetrc", "HOME": self.directory,
                                "ERL_LIBS": "/usr/lib/x86_64-linux-gnu", "EJABBERD_CONFIG_PATH":
                                self.directory + "/ejabberd.yml", "ERL_CRASH_DUMP_BYTES": "0"})


class Jabberd2(Peer):
    name, packages = "jabberd2", ("jabberd2",)
    domains = ("jabberd.test",)
    securities = ("plain", "selfsigned")  # it has no SASL EXTERNAL and no direct TLS
    program = "/usr/sbin/jabberd2-s2s"

    def configure(self):
        os.makedirs(self.directory + "/fs")
        for name in ("router.xml", "c2s.xml", "sm.xml", "s2s.xml", "router-users.xml", "router-filter.xml"):
            with open("/etc/jabberd2/" + name) as file:
                text = file.read()
            text = re.sub(r"<pidfile>.*?</pidfile>", "", text)
            text = re.sub(r"<log type='file'>", "<log type='stdout'>", text)
            text = text.replace("/etc/jabberd2/router-", self.directory + "/router-")
            text = text.replace("localhost.localdomain", "jabberd.test")
            if name == "s2s.xml" and self.security != "plain":
                text = text.replace("<!--\n    <pemfile>/etc/jabberd2/server.pem</pemfile>\n    -->",
                                    "<pemfile>%s</pemfile>" % self.certificate("jabberd.test"))
                text = text.replace("<!--\n      <require_tls/>\n    -->", "<require_tls/>")
                assert text.count(self.certificate("jabberd.test")) and text.count("<require_tls/>") == 1, "s2s.xml is not as expected"
            else:
                text = re.sub(r"<pemfile>.*?</pemfile>", "", text)
            text = re.sub(r"<ip>(0\.0\.0\.0)</ip>", "<ip>0.0.0.0</ip>", text)
            text = text.replace("/var/lib/jabberd2/sqlite.db", self.directory + "/users.db")
            text = text.replace("<driver>sqlite</driver>", "<driver>fs</driver>")
            text = text.replace("/var/lib/jabberd2/fs", self.directory + "/fs")
            text = text.replace("<!--\n    <auto-create/>\n    -->", "<auto-create/>")
            write(os.path.join(self.directory, name), text)
        users = sqlite3.connect(self.directory + "/users.db")
        users.executescript("CREATE TABLE authreg (username TEXT, realm TEXT, password TEXT);"
                            "INSERT INTO authreg VALUES ('user', 'jabberd.test', 'password');")
        users.close()

    def launch(self):
        for part in ("router", "sm", "c2s", "s2s"):
            self.spawn("/usr/sbin/jabberd2-" + part, "-c", "%s/%s.xml" % (self.directory, part))
            time.sleep(0.7 if part == "router" else 0.1)


PEERS = (Prosody, Ejabberd, Jabberd2)
