#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""run.py - interoperation with Prosody, ejabberd and jabberd2, each on a host of its own, with a real DNS server

Hosts are network namespaces (hosts.py), the peers are Debian's packages (peers.py), the user is slixmpp (client.py). Needs root;
without it, or without network namespaces or a peer, what can't be run is counted as skipped. Prints `ok name`, `FAILED name: why`
or `skipped name: why` for each test, then `N passed, N failed, N skipped`.
"""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import hosts  # noqa: E402
import peers  # noqa: E402
import pki  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
QUESTIONS = ("ping", "disco_info", "disco_items", "version", "time", "last", "unknown", "message")


class Ours:
    """openfire-s2s on its host."""

    def __init__(self, host, directory, binary, security, certificates):
        self.host, self.binary = host, binary
        self.log, self.conf = os.path.join(directory, "ours.log"), os.path.join(directory, "ours.conf")
        path = certificates.directory
        tls = "server.certificate.file = none\n" if security == "plain" else (
            "server.certificate.file = %s/s2s.test.pem\nserver.certificate.trust = %s/ca.pem\nserver.tls.policy = required\n"
            "server.dialback.enabled = %s\nsocket.ssl.certificate.accept-selfsigned = %s\n"
            % (path, path, str(security == "selfsigned").lower(), str(security == "selfsigned").lower()))
        with open(self.conf, "w") as file:
            file.write("[xmpp]\ndomain = s2s.test\nsocket.write-timeout-seconds = 3\n" + tls + "[adminConsole]\nport = 0\nsecurePort = 0\n[s2s]\nhome = %s\ndomains = s2s2.test\ndns.server = 10.99.0.1\n"
                       "log.level = debug\nlog.wire = true\nretry.first = 200\nkeepalive.interval = 1000\n" % os.path.join(directory, "home"))
        self.process = None

    def start(self, *options):
        self.log_from = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        self.process = self.host.start(self.log, self.binary, "-c", self.conf, *options)
        self.wait_log("serves s2s.test")

    def stop(self):
        """None when it ended cleanly, or what was wrong."""
        if self.process is None:
            return None
        status = self.host.stop(self.process)
        self.process = None
        return None if status == 0 else "openfire-s2s ended with status %s" % status

    def read_log(self):
        with open(self.log, "rb") as file:
            file.seek(self.log_from)
            return file.read().decode("utf-8", "replace")

    def wait_log(self, pattern, limit=30):
        end = time.monotonic() + limit
        while not re.search(pattern, self.read_log()):
            assert time.monotonic() < end, "our log never said: " + pattern
            assert self.process.poll() is None, "openfire-s2s has ended"
            time.sleep(0.05)


class Tests:
    def __init__(self, ours, security):
        self.ours, self.security = ours, security
        self.by = "by its certificate" if security in ("external", "direct") else "by dialback"
        self.counts = {"ok": 0, "FAILED": 0, "skipped": 0}

    def report(self, word, name, why=""):
        self.counts[word] += 1
        print("%s %s%s" % (word, name, ": " + why if why else ""), flush=True)

    def check(self, name, peer, act):
        try:
            act()
            self.report("ok", name)
        except (AssertionError, RuntimeError, OSError, subprocess.SubprocessError) as error:
            self.report("FAILED", name, str(error))
            print("".join("    | %s\n" % line[:300] for line in self.ours.read_log().splitlines()[-40:]))
            print("".join("    > %s\n" % line[:300] for line in peer.read_log(2500).splitlines()[-40:]), flush=True)

    def ask(self, peer, domain, *questions, account=None):
        """What a user of the peer gets from our domain: question -> answer."""
        done = subprocess.run(["ip", "netns", "exec", peer.host.namespace, "/usr/bin/python3", HERE + "/client.py",
                               "user@" + (account or peer.domains[0]), "password", peer.host.address, domain, *questions],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=90)
        answers = {}
        for line in done.stdout.decode().splitlines():
            answer = json.loads(line)
            assert answer["good"], "%s: %s" % (answer["question"], answer["text"])
            answers[answer["question"]] = answer["text"]
        assert answers, "the client said nothing: " + done.stderr.decode()[-600:]
        return answers

    def user_gets_answers(self, peer):
        answers = self.ask(peer, "s2s.test", *QUESTIONS)
        for question in ("ping", "disco_info", "disco_items", "version", "time", "last"):
            assert 'type="result"' in answers[question], "%s: %s" % (question, answers[question])
        for text in ('category="server"', "urn:xmpp:ping", "jabber:iq:version"):
            assert text in answers["disco_info"], answers["disco_info"]
        assert "openfire-s2s" in answers["version"], answers["version"]
        for question in ("unknown", "message"):
            assert "service-unavailable" in answers[question], answers[question]
        self.ours.wait_log("%s proved itself to s2s.test %s" % (peer.domains[0], self.by))
        self.ours.wait_log("outgoing session to %s: s2s.test is proved %s" % (peer.domains[0], self.by))

    def all_is_encrypted(self, peer):
        log = self.ours.read_log()
        assert log.count("TLSStreamHandler.start: encrypted: TLSv1.3") >= 2, "no TLS in both directions"
        if self.security == "direct":
            assert re.search(r"outgoing session to %s: s2s.test is proved by its certificate, at \S+:5270" % peer.domains[0], log), "none of ours is direct"
            assert re.search(r"s2sin-\w+ +TLSStreamHandler.start: encrypted: TLSv1.3.*ALPN xmpp-server", log), "none of theirs is direct"

    def second_domain_of_ours(self, peer):
        assert 'type="result"' in self.ask(peer, "s2s2.test", "ping")["ping"]
        self.ours.wait_log("%s proved itself to s2s2.test %s" % (peer.domains[0], self.by))

    def second_domain_of_theirs(self, peer):
        assert 'type="result"' in self.ask(peer, "s2s.test", "ping", account=peer.domains[1])["ping"]
        self.ours.wait_log("%s proved itself to s2s.test %s" % (peer.domains[1], self.by))

    def burst_in_order(self, peer):
        ids = self.ask(peer, "s2s.test", "burst=200")["burst"]
        assert ids == ["burst-%d" % number for number in range(200)], "came as " + " ".join(ids)

    def we_ping(self, peer):
        wrong = self.ours.stop()
        assert wrong is None, wrong
        self.ours.start("-P", peer.domains[0])
        self.ours.wait_log("pong from %s in" % peer.domains[0])

    def after_our_restart(self, peer):
        wrong = self.ours.stop()
        assert wrong is None, wrong
        self.ours.start()
        assert 'type="result"' in self.ask(peer, "s2s.test", "ping")["ping"]

    def after_their_restart(self, peer):
        peer.stop()
        peer.start()
        assert 'type="result"' in self.ask(peer, "s2s.test", "ping")["ping"]

    def gone_without_a_word(self, peer):
        """The cable is pulled: our stream breaks by itself, and the peer is found again when it is back."""
        assert 'type="result"' in self.ask(peer, "s2s.test", "ping")["ping"]
        peer.host.plug_in(False)
        try:
            self.ours.wait_log("outgoing session to %s at .* ended: broken" % peer.domains[0], 40)
        finally:
            peer.host.plug_in(True)
        peer.stop()  # its own half of the streams is as dead as ours, which it does not know
        peer.start()
        assert 'type="result"' in self.ask(peer, "s2s.test", "ping")["ping"]

    def run(self, peer):
        names = ["user_gets_answers", "second_domain_of_ours", "burst_in_order", "we_ping", "after_our_restart",
                 "after_their_restart"]
        if self.security != "plain":
            names = ["user_gets_answers", "all_is_encrypted", "second_domain_of_ours", "burst_in_order", "we_ping"]
        if self.security == "plain" and len(peer.domains) > 1:
            names.append("gone_without_a_word")
        if len(peer.domains) > 1:
            names.insert(2, "second_domain_of_theirs")
        for name in names:
            self.check("%s, %s, %s" % (self.security, peer.name, name.replace("_", " ")), peer, lambda: getattr(self, name)(peer))


def between_peers(running):
    """--selftest: the peers among themselves, to show that the hosts and their settings are good."""
    tests = Tests(None, "")
    for peer in running:
        for other in running:
            if peer is not other:
                answer = tests.ask(peer, other.domains[0], "ping")["ping"]
                print("%s -> %s: %s" % (peer.name, other.name, answer[:100]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="./openfire-s2s")
    parser.add_argument("--only", default="")
    parser.add_argument("--security", default="plain", help="with commas: plain, selfsigned, external, direct (peers.py)")
    parser.add_argument("--selftest", action="store_true")
    parser.add_argument("--keep", action="store_true", help="keep the logs")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    counts = {"ok": 0, "FAILED": 0, "skipped": 0}
    for security in options.security.split(","):
        wanted = [kind for kind in peers.PEERS if options.only in kind.name and security in kind.securities]
        for word, count in run_with(options, security, wanted).items():
            counts[word] += count
    print("%(ok)d passed, %(FAILED)d failed, %(skipped)d skipped" % counts)
    return 1 if counts["FAILED"] else 0


def make_certificates(directory, security):
    """For all domains: of one authority, or self-signed."""
    certificates = pki.Pki(os.path.join(directory, "pki"))
    for name, domains in [("s2s.test", ("s2s.test", "s2s2.test"))] + [(each, (each,)) for kind in peers.PEERS for each in kind.domains]:
        # no xmppAddr: ejabberd 23.01's connection dies of one in a valid certificate
        names = [form(domain) for domain in domains for form in (pki.dns, pki.srv)]
        if security == "selfsigned":
            certificates.write(name, [certificates.build(name, certificates.key, None, names)], certificates.key)
        else:
            certificates.issue(name, names)
    return certificates


def run_with(options, security, wanted):
    """All tests with this security; how many were ok, FAILED, skipped."""
    tests = Tests(None, security)
    if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("dnsmasq") or not hosts.are_possible():
        for kind in wanted:
            tests.report("skipped", kind.name, "needs root, network namespaces, and dnsmasq")
        return tests.counts
    directory = tempfile.mkdtemp(prefix="interop")
    os.chmod(directory, 0o755)
    network = hosts.Network(directory)
    try:
        certificates = make_certificates(directory, security)
        ours = Ours(network.add("ours", 2), directory, os.path.abspath(options.binary), security, certificates)
        tests.ours, running, names = ours, [], {"s2s.test": ours.host, "s2s2.test": ours.host}
        for number, kind in enumerate(wanted, 3):
            if not os.path.exists(kind.program):
                tests.report("skipped", kind.name, "not installed")
                continue
            running.append(kind(network.add(kind.name, number), directory, security, certificates))
            names.update({domain: running[-1].host for domain in kind.domains})
        network.serve_names(names, security == "direct")
        if not options.selftest:
            ours.start()
        for peer in running:
            peer.start()
        if options.selftest:
            between_peers(running)
        else:
            for peer in running:
                tests.run(peer)
            wrong = ours.stop()
            tests.report("FAILED" if wrong else "ok", security + ", openfire-s2s ends cleanly", wrong or "")
    finally:
        network.remove()
        if options.keep:
            print("logs: " + directory)
        else:
            shutil.rmtree(directory, ignore_errors=True)
    return tests.counts


if __name__ == "__main__":
    sys.exit(main())
