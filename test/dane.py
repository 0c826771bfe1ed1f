#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""dane.py - TLSA records and DNSSEC decide over the certificate of a server that we connect to

A signed zone test., served by nsd on a loopback port, with an unsigned zone below it; the server has the zone's key as its trust
anchor. For each case a domain of its own, whose server (played here, inside TLS) shows some certificate. Prints `ok name` or
`FAILED name: why` for each, then `N passed, N failed, N skipped`.
"""
import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import pki  # noqa: E402
from cryptography.hazmat.primitives import serialization  # noqa: E402
from matrix import Matrix  # noqa: E402

LIMIT = 20
VOUCHED = r"a secure TLSA record \(usage %d\) vouches"
NS_TLS = "urn:ietf:params:xml:ns:xmpp-tls"

# name, certificate, TLSA records as (usage, certificate meant), what the log must say of it. `proved`: the certificate proves the domain.
CASES = (
    ("usage-3", "selfsigned", [(3, "selfsigned")], VOUCHED % 3),
    ("usage-3-expired", "expired", [(3, "expired")], VOUCHED % 3),
    ("usage-3-one-of-two", "selfsigned", [(3, "valid"), (3, "selfsigned")], VOUCHED % 3),
    ("usage-3-mismatch", "valid", [(3, "selfsigned")], "we refuse the other side's certificate: no matching DANE TLSA records"),
    ("usage-2", "other", [(2, "other-ca")], VOUCHED % 2),
    ("usage-2-for-the-host", "host", [(2, "other-ca")], VOUCHED % 2),
    ("usage-2-wrong-name", "stranger", [(2, "other-ca")], "we refuse the other side's certificate: it is for dNSName stranger.test"),
    ("usage-2-mismatch", "valid", [(2, "other-ca")], "we refuse the other side's certificate"),
    ("usage-1-only", "valid", [(1, "selfsigned")], "a chain of 2 up to /CN=Test CA, which is trusted"),
    ("no-records", "valid", [], "a chain of 2 up to /CN=Test CA, which is trusted"),
    ("no-records-selfsigned", "selfsigned", [], "we refuse the other side's certificate: self-signed"),
    ("bogus", "selfsigned", [(3, "selfsigned")], "the TLSA records of host.bogus.test can't be had, though its DNS is secure"),
    ("unsigned.plain", "selfsigned", [(3, "selfsigned")], "we refuse the other side's certificate: self-signed"),
    ("unsigned-good.plain", "valid", [(3, "selfsigned")], "a chain of 2 up to /CN=Test CA, which is trusted"),
)

# What `check` must say of some: the steps that must be there, as "verdict step sentence".
CHECKS = (
    ("usage-3", ["good dns SRV _xmpp-server._tcp: .*; secure by DNSSEC", "good dns 127.0.0.1:.*; secure by DNSSEC",
                 "good dns TLSA: 1 record that counts", "good certificate a secure TLSA record"]),
    ("usage-3-mismatch", ["good dns TLSA: 1 record", "bad tls we refuse the other side's certificate: no matching DANE TLSA records"]),
    ("bogus", ["bad dns its TLSA records can't be had, though its DNS is secure"]),
    ("no-records", ["good dns SRV .*; secure by DNSSEC", "note dns TLSA: 0 records that count", "good certificate a chain of 2"]),
    ("unsigned-good.plain", ["good dns SRV .*; not signed", "good certificate a chain of 2"]),
)


class Dane:
    def __init__(self, binary):
        self.binary, self.directory = binary, tempfile.mkdtemp()
        os.chmod(self.directory, 0o755)
        self.pki = pki.Pki(os.path.join(self.directory, "pki"))
        self.processes, self.ports, self.seen = [], {}, {}

    def path(self, *names):
        return os.path.join(self.directory, *names)

    # --- certificates

    def make_certificate(self, case, kind):
        domain, key = case + ".test", self.pki.key
        names = pki.all_forms(domain)
        if kind in ("selfsigned", "expired"):
            late = {"start": self.pki.now - pki.LONG_AGO, "end": self.pki.now - pki.DAY} if kind == "expired" else {}
            return self.pki.write(case, [self.pki.build(domain, key, None, names, **late)], key)
        if kind == "valid":
            self.pki.issue(case, names)
        else:
            issuer = self.pki.other
            names = {"other": names, "host": [pki.dns("host." + domain)], "stranger": [pki.dns("stranger.test")]}[kind]
            self.pki.write(case, [self.pki.build("leaf", key, issuer, names), issuer.certificate], key)
        return self.path("pki", case + ".pem")

    def tlsa(self, usage, case, meant):
        """Of the authority, or of the case's own key (3 1 1); what is meant for another certificate fits nothing."""
        shown = [kind for name, kind, _, _ in CASES if name == case][0]
        if meant == "other-ca":
            der = self.pki.other.certificate.public_bytes(serialization.Encoding.DER)
            return "%d 0 1 %s" % (usage, hashlib.sha256(der).hexdigest())
        key = self.pki.key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return "%d 1 1 %s" % (usage, hashlib.sha256(key if meant == shown else b"another").hexdigest())

    # --- the zones

    def records(self, unsigned):
        lines = []
        for case, kind, tlsas, _ in CASES:
            if case.endswith(".plain") != unsigned:
                continue
            lines.append("_xmpp-server._tcp.%s.test. IN SRV 5 0 %d host.%s.test." % (case, self.ports[case], case))
            lines.append("host.%s.test. IN A 127.0.0.1" % case)
            lines += ["_%d._tcp.host.%s.test. IN TLSA %s" % (self.ports[case], case, self.tlsa(usage, case, of)) for usage, of in tlsas]
        return lines

    def write_zone(self, name, lines):
        with open(self.path(name), "w") as file:
            file.write("$TTL 300\n@ IN SOA ns.test. admin.test. 1 3600 600 86400 300\n@ IN NS ns.test.\n" + "\n".join(lines) + "\n")

    def make_zones(self):
        self.write_zone("plain.zone", self.records(True))
        self.write_zone("test.zone", ["ns IN A 127.0.0.1", "plain IN NS ns.test."] + self.records(False))
        keys = [subprocess.run(["ldns-keygen", "-a", "ECDSAP256SHA256", *more, "test"], cwd=self.directory, check=True,
                               stdout=subprocess.PIPE).stdout.decode().strip() for more in ((), ("-k",))]
        subprocess.run(["ldns-signzone", "-o", "test", "-f", self.path("signed.zone"), self.path("test.zone"), *keys],
                       cwd=self.directory, check=True, stdout=subprocess.DEVNULL)
        shutil.copy(self.path(keys[1] + ".key"), self.path("anchor"))
        with open(self.path("signed.zone")) as file:
            zone = file.read()
        # bogus: another digest than the one that was signed
        zone, changed = re.subn(r"(_tcp\.host\.bogus\.test\.\s.*TLSA\s+3 1 1 )(\w)", lambda found: found.group(1) +
                                ("0" if found.group(2) != "0" else "1"), zone)
        assert changed == 1, "no TLSA record of bogus.test in the signed zone"
        with open(self.path("signed.zone"), "w") as file:
            file.write(zone)

    def start_dns(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.dns = probe.getsockname()[1]
        with open(self.path("nsd.conf"), "w") as file:
            file.write('server:\n  ip-address: 127.0.0.1\n  port: %d\n  username: ""\n  chroot: ""\n  zonesdir: "%s"\n  database: ""\n'
                       '  pidfile: "%s"\n  xfrdfile: "%s"\n  zonelistfile: "%s"\nremote-control:\n  control-enable: no\n'
                       'zone:\n  name: test\n  zonefile: signed.zone\nzone:\n  name: plain.test\n  zonefile: plain.zone\n'
                       % (self.dns, self.directory, self.path("pid"), self.path("xfrd"), self.path("list")))
        with open(self.path("nsd.log"), "wb") as log:
            self.processes.append(subprocess.Popen(["/usr/sbin/nsd", "-d", "-c", self.path("nsd.conf")], stderr=log, stdout=log))
        # an answer with the bit AD unset comes from it as soon as it is up
        query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04test\x00\x00\x06\x00\x01"
        end = time.monotonic() + LIMIT
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.settimeout(0.2)
            while time.monotonic() < end:
                try:
                    asker.sendto(query, ("127.0.0.1", self.dns))
                    if asker.recv(4096):
                        return
                except OSError:
                    time.sleep(0.05)
        raise AssertionError("nsd does not answer: " + open(self.path("nsd.log")).read()[-600:])

    # --- the domains' servers

    def serve(self, case, stream):
        """Plain header, TLS, EXTERNAL, and until a stanza comes."""
        domain = case + ".test"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path("pki", case + ".pem"))
        stream.expect(r"<stream:stream[^>]*>")
        stream.header(domain, "s2s.test", True, " id='1'")
        stream.send("<stream:features><starttls xmlns='%s'/></stream:features>" % NS_TLS)
        stream.expect(r"<starttls[^>]*>")
        stream.send("<proceed xmlns='%s'/>" % NS_TLS)
        stream.secure(context, True)
        stream.expect(r"<stream:stream[^>]*>")
        stream.header(domain, "s2s.test", True, " id='2'")
        stream.send("<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms>"
                    "</stream:features>")
        stream.expect(r"<auth[^>]*>[^<]*</auth>")
        stream.send("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
        stream.expect(r"<stream:stream[^>]*>")
        stream.header(domain, "s2s.test", False, " id='3'")
        stream.send("<stream:features/>")
        stream.expect("<iq ")
        self.seen[case] = True

    def listen(self, case):
        listener = socket.create_server(("127.0.0.1", 0))
        self.ports[case] = listener.getsockname()[1]

        def accept():
            while True:
                connection, _ = listener.accept()
                Matrix.guard(lambda stream: self.serve(case, stream), connection)
        threading.Thread(target=accept, daemon=True).start()

    # --- the run

    def start(self, home, more=""):
        os.makedirs(self.path(home))
        with open(self.path(home, "conf"), "w") as conf:
            conf.write("[xmpp]\ndomain = s2s.test\n[xmpp.server]\nsocket.active = false\ncertificate.file = %s\ncertificate.trust = %s\n"
                       "[adminConsole]\nport = 0\nsecurePort = 0\n[s2s]\nhome = %s\ndns.server = 127.0.0.1@%d\ndns.trust-anchor = %s\nlog.level = debug\n%s"
                       % (self.path("pki", "ours.pem"), self.path("pki", "ca.pem"), self.path(home), self.dns, self.path("anchor"), more))
        words = [self.binary, "-c", self.path(home, "conf")] + [word for case in CASES for word in ("-P", case[0] + ".test")]
        with open(self.path(home, "log"), "wb") as log:
            self.processes.append(subprocess.Popen(words, stderr=log))
        return lambda: open(self.path(home, "log"), errors="replace").read()

    def story(self, log, case):
        """The lines of the stream to this domain."""
        found = re.search(r"(s2sout-\w+) .*SRV of %s\.test," % re.escape(case), log)
        return "\n".join(line for line in log.splitlines() if found and found.group(1) in line.split()) if found else ""

    def judge(self, log, case, wanted):
        refused = "refuse" in wanted or "can't be had" in wanted
        end = time.monotonic() + LIMIT
        while time.monotonic() < end and not (self.seen.get(case) or "ping to %s.test failed" % case in log()):
            time.sleep(0.05)
        story = self.story(log(), case)
        if not re.search(wanted, story):
            return "its stream never said '%s':\n%s" % (wanted, story[-1800:])
        if refused == bool(self.seen.get(case)):
            return "a stanza came though it was refused" if refused else "no stanza came:\n" + story[-1800:]
        return None

    def check(self, case, wanted):
        done = subprocess.run([self.binary + "ctl", "-c", self.path("home", "conf"), "--json", "check", case + ".test", "--limit=3"],
                              stdout=subprocess.PIPE, timeout=LIMIT)
        result = json.loads(done.stdout.decode().splitlines()[-1])
        steps = ["%(verdict)s %(step)s %(sentence)s" % step for step in result["steps"]]
        missing = [words for words in wanted if not any(re.match(words, step) for step in steps)]
        return "check does not say %s: %s" % (missing, "\n".join(steps)) if missing else None

    def run(self):
        for case, kind, _, _ in CASES:
            self.make_certificate(case, kind)
            self.listen(case)
        self.make_zones()
        self.start_dns()
        log, failed = self.start("home"), 0
        for case, _, _, wanted in CASES:
            why = self.judge(log, case, wanted)
            failed += why is not None
            print("FAILED %s: %s" % (case, why) if why else "ok " + case, flush=True)
        for case, wanted in CHECKS:
            why = self.check(case, wanted)
            failed += why is not None
            print("FAILED check %s: %s" % (case, why) if why else "ok check " + case, flush=True)
        self.seen = {}
        log = self.start("off", "dane.enabled = false\n")
        why = self.judge(log, "usage-3", "we refuse the other side's certificate: self-signed")
        failed += why is not None
        print("FAILED switched-off: %s" % why if why else "ok switched-off", flush=True)
        for process in self.processes[1:]:
            process.send_signal(signal.SIGTERM)
            failed += process.wait(LIMIT) != 0
        return len(CASES) + len(CHECKS) + 1, failed

    def clean(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="./openfire-s2s")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if not os.path.exists("/usr/sbin/nsd") or not shutil.which("ldns-signzone"):
        print("skipped all: nsd and ldnsutils are not installed\n0 passed, 0 failed, %d skipped" % (len(CASES) + len(CHECKS) + 1))
        return 0
    dane = Dane(os.path.abspath(options.binary))
    try:
        total, failed = dane.run()
    finally:
        dane.clean()
    print("%d passed, %d failed, 0 skipped" % (total - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
