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
import hosts  # noqa: E402
import peers  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
QUESTIONS = ("ping", "disco_info", "disco_items", "version", "time", "last", "unknown", "message")


class Ours:
    """openfire-s2s on its host."""

    def __init__(self, host, directory, binary):
        self.host, self.binary = host, binary
        self.log, self.conf = os.path.join(directory, "ours.log"), os.path.join(directory, "ours.conf")
        with open(self.conf, "w") as file:
            file.write("[xmpp]\ndomain = s2s.test\nsocket.write-timeout-seconds = 3\n[s2s]\nhome = %s\ndomains = s2s2.test\ndns.server = 10.99.0.1\n"
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
    def __init__(self, ours, verbose):
        self.ours, self.verbose = ours, verbose
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
        self.ours.wait_log("%s proved itself to s2s.test by dialback" % peer.domains[0])
        self.ours.wait_log("outgoing session to %s: s2s.test is proved by dialback" % peer.domains[0])

    def second_domain_of_ours(self, peer):
        assert 'type="result"' in self.ask(peer, "s2s2.test", "ping")["ping"]
        self.ours.wait_log("%s proved itself to s2s2.test by dialback" % peer.domains[0])

    def second_domain_of_theirs(self, peer):
        assert 'type="result"' in self.ask(peer, "s2s.test", "ping", account=peer.domains[1])["ping"]
        self.ours.wait_log("%s proved itself to s2s.test by dialback" % peer.domains[1])

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
        if len(peer.domains) > 1:
            names.append("gone_without_a_word")
            names.insert(2, "second_domain_of_theirs")
        for name in names:
            self.check("%s, %s" % (peer.name, name.replace("_", " ")), peer, lambda: getattr(self, name)(peer))


def between_peers(running):
    """--selftest: the peers among themselves, to show that the hosts and their settings are good."""
    tests = Tests(None, False)
    for peer in running:
        for other in running:
            if peer is not other:
                answer = tests.ask(peer, other.domains[0], "ping")["ping"]
                print("%s -> %s: %s" % (peer.name, other.name, answer[:100]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="./openfire-s2s")
    parser.add_argument("--only", default="")
    parser.add_argument("--selftest", action="store_true")
    parser.add_argument("--keep", action="store_true", help="keep the logs")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    wanted = [kind for kind in peers.PEERS if options.only in kind.name]
    if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("dnsmasq") or not hosts.are_possible():
        for kind in wanted:
            print("skipped %s: needs root, network namespaces, and dnsmasq" % kind.name)
        print("0 passed, 0 failed, %d skipped" % len(wanted))
        return 0
    directory = tempfile.mkdtemp(prefix="interop")
    os.chmod(directory, 0o755)
    network = hosts.Network(directory)
    try:
        ours = Ours(network.add("ours", 2), directory, os.path.abspath(options.binary))
        tests, running, names = Tests(ours, False), [], {"s2s.test": ours.host, "s2s2.test": ours.host}
        for number, kind in enumerate(wanted, 3):
            if not os.path.exists(kind.program):
                tests.report("skipped", kind.name, "not installed")
                continue
            running.append(kind(network.add(kind.name, number), directory))
            names.update({domain: running[-1].host for domain in kind.domains})
        network.serve_names(names)
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
            tests.report("FAILED" if wrong else "ok", "openfire-s2s ends cleanly", wrong or "")
    finally:
        network.remove()
        if options.keep:
            print("logs: " + directory)
        else:
            shutil.rmtree(directory, ignore_errors=True)
    print("%(ok)d passed, %(FAILED)d failed, %(skipped)d skipped" % tests.counts)
    return 1 if tests.counts["FAILED"] else 0


if __name__ == "__main__":
    sys.exit(main())
