#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""staged.py - "why can I not talk to them?": failures staged one by one, and what explain and check say of each

One server of ours, s2s.test, which has pinged every domain once; around it a DNS, further servers of ours that are set up wrongly in
one way each, and scripted peers where no server of ours would do it. For each failure both commands must name the cause, its step, its
side, and a remedy; check must find it by itself. Then the same checks by openfire-s2sctl alone, without the server. Prints `ok name` or
`FAILED name: why` for each, then `N passed, N failed, N skipped`.
"""
import argparse
import concurrent.futures
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pki  # noqa: E402
from matrix import Over, Stream  # noqa: E402
from peer import Names  # noqa: E402
from ports import free_ports  # noqa: E402
from two_servers import LIMIT, Server  # noqa: E402

US = "127.0.3.1"
SECRETS = ("staged-secret-of-s2s-test", "another-secret")
NS_TLS = "urn:ietf:params:xml:ns:xmpp-tls"
DIALBACK = "<dialback xmlns='urn:xmpp:features:dialback'/>"

# domain: (cause, step, side, words of the remedy; and what the sentence must hold of the reason)
STAGED = {
    "no-srv.test": ("no-srv", "dns", "dns", "publish an SRV record _xmpp-server._tcp.no-srv.test", "no SRV record|Connection refused"),
    "nowhere.test": ("no-address", "dns", "dns", "is nowhere.test spelt right?", "the DNS knows no address"),
    "dead.test": ("unreachable", "connect", "network", "the host is dead, or a firewall", "no answer in time"),
    "refuses-tls.test": ("tls-refused", "tls", "theirs", "their certificate or key is not in order", "<failure/>"),
    "expired.test": ("certificate-expired", "certificate", "theirs", "they must renew their certificate", "certificate has expired"),
    "wrong.test": ("certificate-name", "certificate", "theirs", "a certificate that is for wrong.test", "it is for dNSName other.example"),
    "untrusted.test": ("certificate-untrusted", "certificate", "theirs", "the whole chain up to an authority",
                       "unable to get local issuer certificate|self-signed certificate in certificate chain"),
    "invalid.test": ("dialback-invalid", "dialback-key", "ours", "the SRV records of our domain must lead to this server", "invalid"),
    "silent-dns.test": ("dns-silent", "dns", "dns", "see whether the name servers of s2s.dns.server answer", "no answer|did not answer"),
    "mute.test": ("dialback-timeout", "dialback-answer", "network", "can they reach us?", "no answer to our"),
    "blocked.test": ("blocked-here", "policy", "ours", "[blocked.test] permission = allowed", "row 'blocked' of blocked.test"),
    "blocks-us.test": ("blocked-there", "policy", "theirs", "their administrator must allow it", "policy-violation"),
    "plain.test": ("tls-missing", "tls", "theirs", "they must switch on TLS", "security = encrypted of plain.test"),
    "wrong-port.test": ("not-xmpp", "stream", "theirs", "the port in their SRV record is wrong", "HTTP"),
    "our-port.test": ("wrong-port-here", "connect", "ours", "correct the row's remotePort or dnsutil.dnsOverride", "SSH"),
    "not-there.test": ("not-served-there", "stream", "theirs", "does not serve not-there.test", "host-unknown"),
}
PROSODY = {
    "prosody-expired.test": ("certificate-expired", "certificate", "theirs", "they must renew their certificate", "certificate has expired"),
    "prosody-plain.test": ("tls-missing", "tls", "theirs", "they must switch on TLS", "security = encrypted of prosody-plain.test"),
    "prosody-strict.test": ("our-certificate", "certificate", "ours", "of an authority that they know", "certificate is not trusted"),
}
ALONE = {"invalid.test", "mute.test"}  # nothing is wrong with them as far as a check without the server gets


PROSODY_SETTINGS = """
run_as_root = true
pidfile = "%(directory)s/pid"
data_path = "%(directory)s"
modules_enabled = { "s2s", "tls", "dialback", "s2s_auth_certs", "posix" }
modules_disabled = { "c2s", "http" }
interfaces = { "%(address)s" }
s2s_ports = { %(port)d }
s2s_direct_tls_ports = { }
s2s_secure_auth = true
certificates = "%(directory)s"
ssl = { cafile = "%(authority)s", capath = false }
log = { debug = "*console" }
VirtualHost "prosody-expired.test"
VirtualHost "prosody-strict.test"
VirtualHost "prosody-plain.test"
    modules_disabled = { "tls" }
"""


class Staged:
    def __init__(self, binary, tool):
        self.binary, self.tool = binary, tool
        self.prosody, self.staged = None, dict(STAGED)
        self.directory = tempfile.mkdtemp()
        self.servers, self.sockets = [], []
        self.names = Names()

    # --- what is around us

    def find(self, domain, address, port):
        """The DNS names this place for the domain."""
        self.names.add("_xmpp-server._tcp." + domain, "srv", 0, 0, port, "host." + domain)
        self.names.add("host." + domain, "a", address)

    def serve(self, name, address, domains, settings=None, rows="", *options):
        """A server of ours; its first domain is `name`."""
        more = {"s2s.domains": ",".join(domains), "s2s.dns.server": "127.0.0.1@%d" % self.names.socket.getsockname()[1],
                "xmpp.server.socket.ssl.active": "false", "s2s.retry.first": "1", "s2s.retry.max": "1",
                "xmpp.server.certificate.trust": self.path("ca.pem")}
        more.update(settings or {})
        os.makedirs(os.path.join(self.directory, name))
        with open(os.path.join(self.directory, name, "remote-servers.conf"), "w") as file:
            file.write(rows)
        server = Server(self.binary, self.directory, name, address, more, *options)
        self.servers.append(server)
        server.wait_log("serves " + name)
        for domain in (name, *domains):
            if domain != "s2s.test":
                self.find(domain, address, server.port)
        return server

    def path(self, name):
        return os.path.join(self.directory, "pki", name)

    def listen(self, serve):
        """A scripted peer; returns its port."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.sockets.append(listener)

        def one(connection):
            try:
                serve(Stream(connection))
            except (Over, OSError):
                pass
            finally:
                connection.close()

        def accept():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=one, args=(connection,), daemon=True).start()
        threading.Thread(target=accept, daemon=True).start()
        return listener.getsockname()[1]

    def dead_port(self):
        """A port that answers nothing: its queue of connections is full, so the kernel drops what else comes."""
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        self.sockets.append(listener)
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            self.sockets.append(filler)
        return listener.getsockname()[1]

    @staticmethod
    def greet(stream, domain, features):
        stream.expect(r"<stream:stream[^>]*>")
        stream.header(domain, "s2s.test", True, " id='1'")
        stream.send("<stream:features>%s</stream:features>" % features)

    def refuses_tls(self, stream):
        self.greet(stream, "refuses-tls.test", "<starttls xmlns='%s'/>" % NS_TLS)
        stream.expect(r"<starttls[^>]*>")
        stream.send("<failure xmlns='%s'/></stream:stream>" % NS_TLS)

    def is_silent(self, stream):
        self.greet(stream, "mute.test", DIALBACK)
        stream.expect("</stream:stream>")

    @staticmethod
    def speaks_http(stream):
        stream.expect(r"<stream:stream[^>]*>")
        stream.send("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

    @staticmethod
    def speaks_ssh(stream):
        stream.send("SSH-2.0-OpenSSH_9.2\r\n")
        stream.expect("</stream:stream>")

    def make_certificates(self):
        authority = pki.Pki(self.path(""))
        domains = self.path("staged")
        os.makedirs(domains)
        late = {"start": authority.now - pki.LONG_AGO, "end": authority.now - pki.DAY}
        authority.issue("staged/good.test", pki.all_forms("good.test"))
        authority.issue("staged/expired.test", pki.all_forms("expired.test"), **late)
        authority.issue("staged/wrong.test", [pki.dns("other.example")])
        authority.issue("staged/untrusted.test", pki.all_forms("untrusted.test"), authority.other)
        for name in os.listdir(domains):
            os.rename(os.path.join(domains, name), os.path.join(domains, name[:-len(".pem")] + ".crt"))
        for name, more in (("prosody-expired.test", late), ("prosody-strict.test", {})):
            authority.issue(name, pki.all_forms(name), **more)
        authority.issue("invalid", pki.all_forms("invalid.test", "blocks-us.test"))
        self.own = {"xmpp.server.certificate.file": self.path("ours.pem")}

    def start_prosody(self, address):
        """With three domains; it trusts another authority than ours."""
        directory, port = os.path.join(self.directory, "prosody"), free_ports(1, address)[0]
        os.makedirs(directory)
        for domain in ("prosody-expired.test", "prosody-strict.test"):
            for ending in ("crt", "key"):
                shutil.copy(self.path(domain + ".pem"), os.path.join(directory, "%s.%s" % (domain, ending)))
        with open(directory + "/prosody.cfg.lua", "w") as file:
            file.write(PROSODY_SETTINGS % {"directory": directory, "address": address, "port": port, "authority": self.path("other-ca.pem")})
        with open(directory + "/log", "wb") as log:
            self.prosody = subprocess.Popen(["/usr/bin/prosody", "--config", directory + "/prosody.cfg.lua", "--root", "-F"],
                                            stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            try:
                socket.create_connection((address, port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        for domain in PROSODY:
            self.find(domain, address, port)
        self.staged.update(PROSODY)

    def stage(self):
        self.make_certificates()
        self.names.start()
        closed = free_ports(1)[0]
        us = free_ports(1, US)[0]
        self.find("s2s.test", US, us)
        self.serve("good.test", "127.0.3.2", ["expired.test", "wrong.test", "untrusted.test"],
                   {"xmpp.server.certificate.file": self.path("staged/good.test.crt"),
                    "xmpp.server.certificate.directory": self.path("staged")})
        # a server that takes another one for s2s.test, whose secret is not ours
        other = self.serve("s2s.test", "127.0.3.3", [], {"xmpp.server.dialback.secret": SECRETS[1]})
        os.rename(other.home, other.home + "-of-the-other")
        for suffix in (".conf", ".log"):
            os.rename(os.path.join(self.directory, "s2s.test" + suffix), os.path.join(self.directory, "other" + suffix))
        self.serve("invalid.test", "127.0.3.4", [], {"dnsutil.dnsOverride": "{s2s.test,127.0.3.3:%d}" % other.port,
                                                     "s2s.dialback.certificate": "false",  # else our certificate would do
                                                     "xmpp.server.certificate.file": self.path("invalid.pem")})
        self.serve("blocks-us.test", "127.0.3.5", [], {"xmpp.server.certificate.file": self.path("invalid.pem")},
                   "[s2s.test]\npermission = blocked\n")
        plain = self.serve("plain.test", "127.0.3.6", [])
        if os.path.exists("/usr/bin/prosody") and os.getuid() == 0:
            self.start_prosody("127.0.3.7")
        self.names.add("no-srv.test", "a", "127.0.0.1")
        self.find("dead.test", "127.0.0.1", self.dead_port())
        self.find("refuses-tls.test", "127.0.0.1", self.listen(self.refuses_tls))
        self.find("mute.test", "127.0.0.1", self.listen(self.is_silent))
        self.find("wrong-port.test", "127.0.0.1", self.listen(self.speaks_http))
        self.find("not-there.test", "127.0.3.6", plain.port)
        overrides = "{our-port.test,127.0.0.1:%d}" % self.listen(self.speaks_ssh)
        rows = ("[blocked.test]\npermission = blocked\n[plain.test]\nsecurity = encrypted\n[invalid.test]\nsecurity = dialback\n"
                "[prosody-plain.test]\nsecurity = encrypted\n"
                "[not-there.test]\nsecurity = dialback\n")
        pings = [word for domain in ("good.test", *self.staged) for word in ("-P", domain)]
        self.us = self.serve("s2s.test", US, [], dict(
            self.own, **{"xmpp.server.socket.port": str(us), "xmpp.server.socket.remotePort": str(closed),
                         "xmpp.server.dialback.secret": SECRETS[0], "dnsutil.dnsOverride": overrides,
                         "xmpp.server.read.timeout": "1500", "xmpp.server.session.initialise-timeout": "3"}), rows, *pings)

    # --- the two commands

    def run_tool(self, *words, expected=(0,)):
        done = subprocess.run([self.tool, "-c", self.us.conf, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=4 * LIMIT)
        text = done.stdout.decode()
        assert done.returncode in expected, "%s: status %d: %s%s" % (words, done.returncode, text[-1500:], done.stderr.decode())
        return text, done.stderr.decode()

    def explain(self, domain, *more):
        return json.loads(self.run_tool("--json", "explain", domain, *more)[0])

    def check(self, domain):
        """The steps as they came, and the whole."""
        lines = self.run_tool("--json", "check", domain, "--limit=4", expected=(0, 1))[0].splitlines()
        result = json.loads(lines[-1])
        assert [json.loads(line) for line in lines[:-1]] == result["steps"], "the events are not the steps"
        return result

    def wait_explained(self, domain):
        """The explanation, once the ping has come to something."""
        end = time.monotonic() + LIMIT
        while True:
            explained = self.explain(domain)
            if explained["conclusion"]["works"] is not None or time.monotonic() > end:
                return explained
            time.sleep(0.1)

    def judge(self, conclusion, domain):
        cause, step, side, remedy, reasons = self.staged[domain]
        found = tuple(conclusion[each] for each in ("cause", "step", "side"))
        assert found == (cause, step, side), "%s instead of %s: %s" % (found, (cause, step, side), conclusion["sentence"])
        assert conclusion["works"] is False and remedy in conclusion["remedy"] and remedy in conclusion["sentence"], conclusion
        assert any(reason in conclusion["why"] for reason in reasons.split("|")), conclusion

    def explained(self, domain):
        explained = self.wait_explained(domain)
        self.judge(explained["conclusion"], domain)
        if domain == "blocked.test":  # the rule says it; the attempt was not even made
            barred = [rule for rule in explained["rules"] if not rule["allows"]]
            assert [rule["rule"] for rule in barred] == ["permission"], barred
        else:
            failure = explained["history"]["out"]["failures"][0]
            assert failure["cause"] == explained["conclusion"]["cause"] and failure["certain"], failure
            assert failure["steps"] and any(step["clause"] for step in failure["steps"]), failure
            assert all(step["after_ms"] >= 0 for step in failure["steps"]), failure
        text = self.run_tool("explain", domain)[0]
        sentence = " ".join(text.split("\n\n")[-1].split())
        assert sentence == explained["conclusion"]["sentence"], text

    def checked(self, domain):
        result = self.check(domain)
        self.judge(result["conclusion"], domain)
        bad = [step for step in result["steps"] if step["verdict"] == "bad"]
        assert bad and result["conclusion"]["cause"] in [step["cause"] for step in bad], bad
        if self.staged[domain][1:3] == ("certificate", "theirs"):
            details = bad[-1]["details"]
            assert details["names"] and details["issuer"] and details["not_after"] and details["not_before"], details

    def checked_alone(self, domain):
        result = self.check(domain)
        assert result["alone"] is True, result
        if domain in ALONE:
            assert result["conclusion"]["works"] is None, result["conclusion"]
            assert [step["step"] for step in result["steps"] if step["verdict"] == "skipped"] == ["dialback-answer"], result["steps"]
        else:
            self.judge(result["conclusion"], domain)

    # --- further cases

    def what_works_is_said_to_work(self):
        explained = self.wait_explained("good.test")
        assert explained["conclusion"]["works"] is True and explained["history"]["out"]["successes"], explained["conclusion"]
        before = explained["history"]["out"]
        result = self.check("good.test")
        verdicts = {(step["step"], step["verdict"]) for step in result["steps"]}
        for step in ("policy", "dns", "connect", "features", "tls", "certificate", "sasl", "dialback-answer", "ping"):
            assert (step, "good") in verdicts, (step, verdicts)
        assert not [step for step in result["steps"] if step["verdict"] == "bad"], result["steps"]
        sentence = result["conclusion"]["sentence"]
        assert result["conclusion"]["works"] is True and "SASL EXTERNAL, dialback" in sentence and "ping came back" in sentence, sentence
        certificate = [step for step in result["steps"] if step["step"] == "certificate"][0]["details"]
        assert "dNSName good.test" in certificate["names"] and certificate["issuer"] == "CN = Test CA", certificate
        assert self.explain("good.test")["history"]["out"] == before, "the check left something with the sessions"

    def settings_that_are_not_loaded_are_judged(self):
        other = os.path.join(self.directory, "with.conf")
        home = os.path.join(self.directory, "with")
        os.makedirs(home)
        with open(self.us.conf) as file:
            settings = file.read().replace("home = " + self.us.home, "home = " + home)
        with open(other, "w") as file:
            file.write(settings)
        with_rows = lambda rows: open(os.path.join(home, "remote-servers.conf"), "w").write(rows)  # noqa: E731
        with_rows("[good.test]\npermission = blocked\n[expired.test]\nsecurity = dialback\n")
        found = self.explain("good.test", "--with=" + os.path.relpath(other))
        assert found["conclusion"]["cause"] == "blocked-here" and found["settings"] == other, found["conclusion"]
        found = self.explain("blocked.test", "--with=" + other)["conclusion"]
        assert found["works"] is not False, found
        found = self.explain("expired.test", "--with=" + other)["conclusion"]
        assert found["works"] is None and "would not come again" in found["sentence"], found
        found = self.explain("wrong.test", "--with=" + other)["conclusion"]
        assert found["cause"] == "certificate-name", found
        with open(other, "a") as file:
            file.write("[xmpp.server]\nsocket.port = many\n")
        error = self.run_tool("explain", "good.test", "--with=" + other, expected=(2,))[1]
        assert "many" in error, error

    def a_way_in_without_tls_is_explained(self):
        with socket.create_connection((US, self.us.port), LIMIT) as connection:
            stream = Stream(connection)
            stream.header("plain.test", "s2s.test", True)
            stream.expect("</stream:features>")
            stream.send("<db:result from='plain.test' to='s2s.test'>key</db:result>")
            stream.expect("type=\"error\"")
        end = time.monotonic() + LIMIT
        while not self.explain("plain.test")["history"]["in"]["failures"] and time.monotonic() < end:
            time.sleep(0.05)
        failure = self.explain("plain.test")["history"]["in"]["failures"][0]
        assert (failure["cause"], failure["step"], failure["certain"]) == ("tls-missing", "tls", False), failure

    def a_check_that_nobody_wants_ends(self):
        tool = subprocess.Popen([self.tool, "-c", self.us.conf, "check", "mute.test", "--limit=60"], stdout=subprocess.DEVNULL)
        time.sleep(0.5)
        tool.terminate()
        tool.wait(LIMIT)
        before = time.monotonic()
        self.us.stop()  # waits for the check, which must not take its minute
        assert time.monotonic() - before < 10, "it took %.1f s" % (time.monotonic() - before)

    def a_certificate_that_can_not_be_read_is_not_shown(self):
        """As for a user who is not the server: alone, TLS is tried all the same."""
        alone = os.path.join(self.directory, "alone.conf")
        with open(self.us.conf) as file:
            settings = file.read().replace(self.own["xmpp.server.certificate.file"], self.path("not-there.pem"))
        with open(alone, "w") as file:
            file.write(settings)
        before = sorted(os.listdir(self.us.home))
        done = subprocess.run([self.tool, "-c", alone, "--json", "check", "good.test"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=LIMIT)
        result = json.loads(done.stdout.decode().splitlines()[-1])
        verdicts = {step["step"]: step["verdict"] for step in result["steps"]}
        assert done.returncode == 0 and b"our certificate can't be read here" in done.stderr, done
        assert verdicts["certificate"] == "good" and "sasl" not in verdicts and verdicts["dialback-answer"] == "skipped", verdicts
        assert result["conclusion"]["works"] is None, result["conclusion"]
        assert sorted(os.listdir(self.us.home)) == before, "something was left in the server's home"

    # --- all of it

    def guard(self, name, run, *arguments):
        try:
            run(*arguments)
            print("ok " + name, flush=True)
            return True
        except Exception as error:
            print("FAILED %s: %s: %s" % (name, type(error).__name__, error), flush=True)
            return False

    def run(self):
        self.stage()
        results = [self.guard("explain " + domain, self.explained, domain) for domain in self.staged]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            results += pool.map(lambda domain: self.guard("check " + domain, self.checked, domain), self.staged)
        for case in (self.what_works_is_said_to_work, self.settings_that_are_not_loaded_are_judged,
                     self.a_way_in_without_tls_is_explained, self.a_check_that_nobody_wants_ends):
            results.append(self.guard(case.__name__, case))
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            results += pool.map(lambda domain: self.guard("check alone " + domain, self.checked_alone, domain), self.staged)
        results.append(self.guard("a_certificate_that_can_not_be_read_is_not_shown", self.a_certificate_that_can_not_be_read_is_not_shown))
        results += [self.guard("%s ends cleanly" % server.conf, server.stop) for server in self.servers]
        return results

    def clean(self):
        for server in self.servers:
            if server.process.poll() is None:
                server.process.kill()
                server.process.wait()
        if self.prosody is not None:
            self.prosody.terminate()
            self.prosody.wait()
        for each in self.sockets:
            each.close()
        shutil.rmtree(self.directory, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="./openfire-s2s")
    parser.add_argument("--keep", action="store_true", help="leave the directory")
    options = parser.parse_args()
    binary = os.path.abspath(options.binary)
    staged = Staged(binary, binary + "ctl")
    try:
        results = staged.run()
    finally:
        if options.keep:
            print(staged.directory)
            staged.directory = "/nonexistent"
        staged.clean()
    skipped = 0 if staged.prosody is not None else 3 * len(PROSODY)
    if skipped:
        print("skipped %d: Prosody is not installed, or this is not root" % skipped)
    print("%d passed, %d failed, %d skipped" % (results.count(True), results.count(False), skipped))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
