#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""two_servers.py - two processes of this program federate over loopback, and what SIGHUP and SIGTERM do to one

Each case starts the servers it needs, on addresses 127.0.2.x and free ports, and ends them by their process ids. Every wait
has a limit. Prints `ok name` or `FAILED name: why` for each, then `N passed, N failed, N skipped`.
"""
import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pki  # noqa: E402
from ports import free_ports  # noqa: E402

LIMIT = 20  # seconds for any one wait; sanitizers are slow


def free_port(address):
    return free_ports(1, address)[0]


class Server:
    """One process with settings of its own; `settings` is a dict of property names."""

    def __init__(self, binary, directory, name, address, settings, *options):
        self.name, self.address = name, address
        self.home = os.path.join(directory, name)
        os.makedirs(self.home, exist_ok=True)
        self.conf = os.path.join(directory, name + ".conf")
        self.log = os.path.join(directory, name + ".log")
        self.settings = {"xmpp.domain": name, "network.interface": address, "s2s.home": self.home,
                         "s2s.log.level": "debug", "s2s.dns.server": "127.0.0.1@9", "s2s.dns.timeout": "300",
                         "xmpp.server.certificate.file": "none", "s2s.dns.trust-anchor": "",
                         "adminConsole.port": "0", "adminConsole.securePort": "0"}
        self.settings.update(settings)
        self.port = int(self.settings.setdefault("xmpp.server.socket.port", str(free_port(address))))
        self.write_conf()
        self.start(binary, *options)

    def write_conf(self, **changes):
        self.settings.update({key.replace("__", "."): value for key, value in changes.items()})
        sections = {}
        for name, value in self.settings.items():
            section, key = name.split(".", 1)
            sections.setdefault(section, []).append("%s = %s" % (key, value))
        with open(self.conf, "w") as file:
            for section, lines in sections.items():
                file.write("[%s]\n%s\n" % (section, "\n".join(lines)))

    def start(self, binary, *options):
        self.log_from = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([binary, "-c", self.conf, *options], stderr=log)

    def read_log(self):
        with open(self.log, "rb") as log:
            log.seek(self.log_from)
            return log.read().decode("utf-8", "replace")

    def wait_log(self, pattern, limit=LIMIT):
        end = time.monotonic() + limit
        while time.monotonic() < end:
            found = re.search(pattern, self.read_log())
            if found:
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError("%s never said '%s'; its last lines:\n%s"
                             % (self.name, pattern, "\n".join(self.read_log().splitlines()[-12:])))

    def forget_log(self):
        self.log_from = os.path.getsize(self.log)

    def hup(self, **changes):
        self.write_conf(**changes)
        self.forget_log()
        self.process.send_signal(signal.SIGHUP)
        self.wait_log("SIGHUP")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(LIMIT)
        assert status == 0, "%s ended with status %d" % (self.name, status)


class Stream:
    """A raw stream of the test to a server."""

    def __init__(self, server, port=None, sender="remote.test"):
        self.socket = socket.create_connection((server.address, port or server.port), LIMIT)
        self.socket.settimeout(LIMIT)
        self.received = b""
        self.send("<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' "
                  "xmlns:stream='http://etherx.jabber.org/streams' from='%s' to='%s' version='1.0'>"
                  % (sender, server.name))
        self.expect("</stream:features>")

    def send(self, text):
        self.socket.sendall(text.encode())

    def expect(self, text):
        end = time.monotonic() + LIMIT
        while text.encode() not in self.received:
            assert time.monotonic() < end, "no %s in %r" % (text, self.received)
            data = self.socket.recv(65536)
            assert data, "the stream ended before %s: %r" % (text, self.received)
            self.received += data
        return self.received.decode()

    def read_to_end(self):
        while True:
            data = self.socket.recv(65536)
            if not data:
                return self.received.decode()
            self.received += data

    def close(self):
        self.socket.close()


def ask_about_a_key(stream, server):
    stream.received = b""
    stream.send("<db:verify from='remote.test' to='%s' id='x'>no</db:verify>" % server.name)
    return stream.expect("invalid")


class Cases:
    def __init__(self, binary):
        self.binary = binary
        self.servers = []

    def serve(self, name, address, settings=None, *options):
        server = Server(self.binary, self.directory, name, address, settings or {}, *options)
        self.servers.append(server)
        server.wait_log("serves " + re.escape(name))
        return server

    def pair(self):
        a, b = "127.0.2.1", "127.0.2.2"
        ports = free_port(a), free_port(b)
        override = "{one.test,%s:%d},{two.test,%s:%d}" % (a, ports[0], b, ports[1])
        one = {"xmpp.server.socket.port": str(ports[0]), "dnsutil.dnsOverride": override}
        two = {"xmpp.server.socket.port": str(ports[1]), "dnsutil.dnsOverride": override}
        return one, two

    def pings_go_both_ways(self):
        one, two = self.pair()
        second = self.serve("two.test", "127.0.2.2", two, "-P", "one.test")
        first = self.serve("one.test", "127.0.2.1", one, "-P", "two.test")
        first.wait_log("pong from two.test in")
        second.wait_log("pong from one.test in|ping to one.test failed")  # it may have been too early
        first.wait_log("two.test proved itself to one.test by dialback")
        second.wait_log("one.test proved itself to two.test by dialback")
        assert first.read_log().count("LocalOutgoingServerSession.createOutgoingSession: stream opened") == 1, \
            "the verify stream was not shared with the stanzas"

    def a_partner_that_restarts_is_found_again(self):
        one, two = self.pair()
        second = self.serve("two.test", "127.0.2.2", two)
        first = self.serve("one.test", "127.0.2.1", one, "-P", "two.test")
        first.wait_log("pong from two.test in")
        second.stop()
        first.wait_log("outgoing session to two.test at .* ended")
        second.start(self.binary, "-P", "one.test")
        second.wait_log("pong from one.test in")

    def a_dead_and_an_unknown_domain_are_told_apart(self):
        dead = free_port("127.0.2.3")
        first = self.serve("one.test", "127.0.2.1",
                           {"dnsutil.dnsOverride": "{dead.test,127.0.2.3:%d},{loop.test,loop.test}" % dead},
                           "-P", "dead.test", "-P", "loop.test", "-P", "dead.test")
        first.wait_log("ping to dead.test failed: remote-server-timeout")
        first.wait_log("ping to loop.test failed: remote-server-not-found")

    def a_blocked_domain_is_neither_looked_up_nor_connected_to(self):
        home = os.path.join(self.directory, "one.test")
        os.makedirs(home)
        with open(os.path.join(home, "remote-servers.conf"), "w") as rows:
            rows.write("[blocked.example]\npermission = blocked\nremotePort = 0\n")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as names:
            names.bind(("127.0.0.1", 0))
            first = self.serve("one.test", "127.0.2.1", {"s2s.dns.server": "127.0.0.1@%d" % names.getsockname()[1]},
                               "-P", "sub.blocked.example", "-P", "other.example")
            first.wait_log("ping to sub.blocked.example failed: remote-server-not-found")
            first.wait_log("ping to other.example failed: remote-server-timeout")
            names.setblocking(False)
            asked = b""
            try:
                while True:
                    asked += names.recv(4096)
            except BlockingIOError:
                pass
            assert b"other" in asked and b"blocked" not in asked, asked

    def sigterm_ends_within_its_limit_whatever_is_under_way(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as names:
            names.bind(("127.0.0.1", 0))
            first = self.serve("one.test", "127.0.2.1",
                               {"s2s.dns.server": "127.0.0.1@%d" % names.getsockname()[1], "s2s.dns.timeout": "30000",
                                "xmpp.server.session.initialise-timeout": "60", "s2s.shutdown.timeout": "1000"},
                               "-P", "silent.example")
            names.settimeout(LIMIT)
            names.recv(4096)  # the question is on its way and will not be answered
            before = time.monotonic()
            first.process.send_signal(signal.SIGTERM)
            assert first.process.wait(LIMIT) == 0
            assert time.monotonic() - before < 8, "it took %.1f s" % (time.monotonic() - before)

    def sighup_switches_the_listener_off_and_on_and_live_sessions_stay(self):
        first = self.serve("one.test", "127.0.2.1")
        live = Stream(first)
        first.hup(xmpp__server__socket__active="false")
        first.wait_log("Stopped server socket on port: %d" % first.port)
        try:
            Stream(first).close()
            raise AssertionError("a connection was accepted while the listener is off")
        except OSError:
            pass
        ask_about_a_key(live, first)
        first.hup(xmpp__server__socket__active="true")
        first.wait_log("Started server .* port: %d" % first.port)
        Stream(first).close()
        ask_about_a_key(live, first)

    def sighup_moves_the_listener_and_live_sessions_stay(self):
        first = self.serve("one.test", "127.0.2.1")
        live, old = Stream(first), first.port
        port = free_port("127.0.2.1")
        first.hup(xmpp__server__socket__port=str(port))
        first.wait_log("Started server .* port: %d" % port)
        first.wait_log("Stopped server socket on port: %d" % old)
        Stream(first, port).close()
        ask_about_a_key(live, first)
        try:
            Stream(first, old).close()
            raise AssertionError("the old port still accepts")
        except OSError:
            pass

    def a_port_that_is_taken_leaves_the_listener_where_it_was(self):
        first = self.serve("one.test", "127.0.2.1")
        with socket.socket() as taken:
            taken.bind(("127.0.2.1", 0))
            taken.listen()
            first.hup(xmpp__server__socket__port=str(taken.getsockname()[1]))
            first.wait_log("cannot listen on 127.0.2.1:%d" % taken.getsockname()[1])
        Stream(first).close()

    def bad_settings_leave_the_old_ones_in_force(self):
        first = self.serve("one.test", "127.0.2.1")
        first.hup(xmpp__server__socket__port="many")
        first.wait_log("socket.port")
        assert first.process.poll() is None
        Stream(first).close()

    def bad_rows_leave_all_settings_in_force(self):
        first = self.serve("one.test", "127.0.2.1")
        old = first.port
        with open(os.path.join(first.home, "remote-servers.conf"), "w") as rows:
            rows.write("[two.test]\npermission = perhaps\n")
        first.hup(xmpp__server__socket__port=str(free_port("127.0.2.1")))
        first.wait_log("perhaps")
        first.wait_log("the settings stay as they were")
        Stream(first, old).close()

    def blocking_a_domain_ends_its_live_sessions_and_no_other(self):
        one, two = self.pair()
        second = self.serve("two.test", "127.0.2.2", two)
        first = self.serve("one.test", "127.0.2.1", one, "-P", "two.test")
        first.wait_log("pong from two.test in")
        other = Stream(first)
        with open(os.path.join(first.home, "remote-servers.conf"), "w") as rows:
            rows.write("[two.test]\npermission = blocked\nremotePort = 0\n")
        first.hup()
        first.wait_log("ended after a change of the settings: policy-violation")
        second.wait_log("other side ends the stream: policy-violation|other side says policy-violation")
        ask_about_a_key(other, first)

    def secure_pair(self, one_more=None, two_more=None):
        """Two servers with certificates of one authority; the first pings the second."""
        authority = pki.Pki(os.path.join(self.directory, "pki"))
        one, two = self.pair()
        for settings, domain, more in ((one, "one.test", one_more), (two, "two.test", two_more)):
            authority.issue(domain, pki.all_forms(domain))
            settings.update({"xmpp.server.certificate.file": os.path.join(authority.directory, domain + ".pem"),
                             "xmpp.server.certificate.trust": os.path.join(authority.directory, "ca.pem"),
                             "xmpp.server.socket.ssl.active": "false"})
            settings.update(more or {})
        return authority, one, two

    def certificates_prove_both_sides(self):
        _, one, two = self.secure_pair({"xmpp.server.tls.policy": "required", "xmpp.server.dialback.enabled": "false"},
                                       {"xmpp.server.tls.policy": "required", "xmpp.server.dialback.enabled": "false"})
        second = self.serve("two.test", "127.0.2.2", two)
        first = self.serve("one.test", "127.0.2.1", one, "-P", "two.test")
        first.wait_log("pong from two.test in")
        first.wait_log("two.test proved itself to one.test by its certificate")
        second.wait_log("one.test proved itself to two.test by its certificate")

    def an_ocsp_response_decides_over_a_certificate(self):
        asking = {"xmpp.socket.ssl.certificate.verify.revocation": "true", "s2s.retry.first": "1", "s2s.retry.max": "1",
                  "xmpp.socket.ssl.certificate.revocation.only-end-entity": "true"}
        for name, good, age, wanted in (("good", True, pki.DAY / 2, "not revoked, says its OCSP response"),
                                        ("revoked", False, pki.DAY / 2, "certificate revoked, says the OCSP response"),
                                        ("old", True, 5 * pki.DAY, "the OCSP response is out of date"),
                                        ("another", True, pki.DAY / 2, "the OCSP response is about another certificate"),
                                        ("none", True, pki.DAY / 2, "no list and no OCSP response tells")):
            authority, one, two = self.secure_pair(asking)
            shown = authority.issue("two.test", pki.all_forms("two.test"))
            about = authority.issue("one.test", pki.all_forms("one.test")) if name == "another" else shown
            if name != "none":
                two["xmpp.server.certificate.ocsp"] = authority.write_ocsp(name, about, good, age)
            second = self.serve("two.test", "127.0.2.2", two)
            first = self.serve("one.test", "127.0.2.1", one, "-P", "two.test")
            first.wait_log(re.escape(wanted))
            first.wait_log("one.test is proved by its certificate" if name == "good" else "ping to two.test failed")
            for server in (first, second):
                server.stop()
            self.servers = []
            shutil.rmtree(os.path.join(self.directory, "pki"))

    def sighup_switches_tls_on_and_off_with_the_direct_port(self):
        authority, one, _ = self.secure_pair()
        direct = free_port("127.0.2.1")
        one.update({"xmpp.server.socket.ssl.active": "true", "xmpp.server.socket.ssl.port": str(direct)})
        first = self.serve("one.test", "127.0.2.1", one)
        live = Stream(first)
        assert "<starttls" in live.received.decode()
        first.hup(xmpp__server__tls__policy="disabled")
        first.wait_log("Stopped server socket on port: %d" % direct)
        plain = Stream(first)
        assert "<starttls" not in plain.received.decode()
        ask_about_a_key(live, first)
        first.hup(xmpp__server__tls__policy="optional")
        first.wait_log(r"Started server \(direct TLS\) socket on port: %d" % direct)
        assert "<starttls" in Stream(first).received.decode()

    def sigterm_tells_every_stream_and_ends_cleanly(self):
        first = self.serve("one.test", "127.0.2.1")
        streams = [Stream(first) for _ in range(5)]
        first.process.send_signal(signal.SIGTERM)
        for stream in streams:
            assert "<system-shutdown" in stream.read_to_end() and stream.received.endswith(b"</stream:stream>")
        for stream in streams:
            stream.close()
        assert first.process.wait(LIMIT) == 0

    def the_demo_shows_every_statement_of_the_model(self):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "demo.sh")
        done = subprocess.run([script, self.binary], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        text = done.stdout.decode("utf-8", "replace")
        assert done.returncode == 0, text[-2000:]
        for words in ("Started server (unencrypted) socket on port: 5269", "accept-5269",
                      "BlockingAcceptingMode.run: connection from", "this thread is its SocketReader",
                      "BlockingReadingMode.run: stream header received", "LocalIncomingServerSession.createSession",
                      "handshake sent: our header with id", "db:result received: \"I am", "proved itself to",
                      "verdict for", "pong from two.test"):
            assert words in text, "the demo does not show: " + words

    def settings_are_checked_without_starting(self):
        conf = os.path.join(self.directory, "check.conf")
        home = os.path.join(self.directory, "nothing-made")
        for text, good in (("[xmpp]\ndomain = a.test\n[s2s]\nhome = %s\n" % home, True),
                           ("[xmpp]\ndomain = a@b\n[s2s]\nhome = %s\n" % home, False),
                           ("[dnsutil]\ndnsOverride = {a.test\n[s2s]\nhome = %s\n" % home, False)):
            with open(conf, "w") as file:
                file.write(text)
            done = subprocess.run([self.binary, "-t", "-c", conf], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  timeout=LIMIT)
            assert (done.returncode == 0) == good, (text, done.returncode, done.stdout, done.stderr)
        assert not os.path.exists(home)

    def run(self, name):
        self.directory = tempfile.mkdtemp()
        try:
            getattr(self, name)()
            for server in self.servers:
                server.stop()
            print("ok " + name, flush=True)
            return True
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            print("FAILED %s: %s" % (name, error), flush=True)
            return False
        finally:
            for server in self.servers:
                if server.process.poll() is None:
                    server.process.kill()
                    server.process.wait()
            self.servers = []
            shutil.rmtree(self.directory, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="./openfire-s2s")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    cases = Cases(os.path.abspath(options.binary))
    names = [name for name in vars(Cases) if not name.startswith("_") and name not in ("serve", "pair", "secure_pair", "run")]
    results = [cases.run(name) for name in names if options.only in name]
    print("%d passed, %d failed, 0 skipped" % (results.count(True), results.count(False)))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
