#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""matrix.py - who gets in, and how: Openfire's test matrix, every combination of both sides' settings, in both directions

A side is: policy for TLS {disabled, optional, required} x certificate {missing, expired, valid} x dialback {on, off} x validation of the
other's certificate {strict, not strict}: 36 x 36 = 1,296 combinations, 324 of them with both strict. In one run this program
listens as 36 domains while 36 servers of ours open streams to them, in the other it opens streams to 36 servers of ours. What came of each is
compared with `expected`, the rules of Openfire's own oracle. Prints both tables of the strict ones, a line per side, and the counts.

DIFFERS: in 4 of the combinations of a strict with a not strict side: where the certificates of both have expired, Openfire's oracle looks
at that of the receiving side only, and so lets in a server whose certificate its own side, being strict, must refuse (RFC 6120
13.7.2). Openfire has never run those; ours refuses. With both strict, or neither, nothing differs.

    . nothing    p dialback on a plain stream    t dialback inside TLS    E TLS and SASL EXTERNAL
"""
import argparse
import collections
import concurrent.futures
import itertools
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
from ports import free_ports  # noqa: E402

LIMIT = 20
NO_CHECK_TIME = 0x200000
POLICIES, CERTIFICATES = ("disabled", "optional", "required"), ("missing", "expired", "valid")
Side = collections.namedtuple("Side", "policy certificate dialback strict")
SIDES = [Side(*each) for each in itertools.product(POLICIES, CERTIFICATES, (True, False), (True, False))]
STRICT = [side for side in SIDES if side.strict]
NS_TLS, NS_SASL = "urn:ietf:params:xml:ns:xmpp-tls", "urn:ietf:params:xml:ns:xmpp-sasl"
STARTTLS, FAILURE = "<starttls xmlns='%s'/>" % NS_TLS, "<failure xmlns='%s'/>" % NS_TLS


def expected(initiating, receiving):
    """The first rule that fits (RFC 6120 13.7.2 when strict, RFC 7590 3.4 when not)."""
    db = initiating.dialback and receiving.dialback
    policies = {initiating.policy, receiving.policy}
    if "disabled" in policies:
        return "." if "required" in policies or not db else "p"
    if receiving.certificate == "missing":
        return "." if "required" in policies or not db else "p"
    if receiving.certificate == "expired":
        if initiating.certificate == "expired" and receiving.strict:
            return "."  # DIFFERS: see above
        return "." if initiating.strict or not db else "t"
    if initiating.certificate == "missing":
        return "t" if db else "."
    if initiating.certificate == "expired":
        return "." if receiving.strict or not db else "t"
    return "E"


class Over(Exception):
    """The stream ended."""


class Stream:
    """A stream read as text: small enough for patterns."""

    def __init__(self, connection):
        self.socket, self.received = connection, ""
        self.socket.settimeout(LIMIT)

    def send(self, text):
        try:
            self.socket.sendall(text.encode())
        except OSError as error:
            raise Over(str(error))

    def expect(self, *patterns):
        """The match of the pattern that comes first; what stands before it is dropped."""
        while True:
            for pattern in patterns:
                found = re.search(pattern, self.received, re.S)
                if found:
                    self.received = self.received[found.end():]
                    return found
            try:
                data = self.socket.recv(65536)
            except OSError as error:
                raise Over(str(error))
            if not data or "</stream:stream>" in self.received:
                raise Over(self.received)
            self.received += data.decode()

    def header(self, here, there, dialback, more=""):
        self.send("<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'%s from='%s' "
                  "to='%s'%s version='1.0'>" % (" xmlns:db='jabber:server:dialback'" if dialback else "", here, there, more))

    def secure(self, context, server_side):
        try:
            self.socket = context.wrap_socket(self.socket, server_side=server_side, server_hostname=None if server_side else "s2s.test")
        except (OSError, ssl.SSLError) as error:
            raise Over(str(error))
        self.received = ""


class Matrix:
    def __init__(self, binary):
        self.binary, self.directory = binary, tempfile.mkdtemp()
        self.pki = pki.Pki(os.path.join(self.directory, "pki"))
        names = pki.all_forms("remote.test", *("r%d.test" % number for number in range(len(SIDES))))
        self.pki.issue("theirs-valid", names)
        self.pki.issue("theirs-expired", names, start=self.pki.now - pki.LONG_AGO, end=self.pki.now - pki.DAY)
        os.rename(self.path("ours"), self.path("ours-valid"))
        self.processes = []

    def path(self, name):
        return os.path.join(self.directory, "pki", name + ".pem")

    def context(self, side, server_side):
        """TLS of our side. Not strict: dates are left to us."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(self.path("ca"))
        context.verify_mode = ssl.CERT_OPTIONAL if server_side else ssl.CERT_REQUIRED
        if not side.strict:
            context.verify_flags |= NO_CHECK_TIME
        if side.certificate != "missing":
            context.load_cert_chain(self.path("theirs-" + side.certificate))
        return context

    @staticmethod
    def is_valid(connection):
        shown = connection.getpeercert()
        return bool(shown) and ssl.cert_time_to_seconds(shown["notAfter"]) > time.time()

    # --- our servers

    def start(self, number, side, initiating, overrides, pings):
        """A server with the settings of this side."""
        home = os.path.join(self.directory, "%s%d" % ("i" if initiating else "r", number))
        os.makedirs(home)
        port = free_ports(1)[0]
        certificate, present = self.path("ours-" + side.certificate), "true"
        if side.certificate == "missing":  # without one there is no TLS at all; who opens a stream may have one and not show it
            certificate, present = (self.path("ours-valid"), "false") if initiating else ("none", "true")
        with open(home + "/conf", "w") as conf:
            conf.write("[xmpp]\ndomain = s2s.test\n[xmpp.server]\nsocket.port = %d\nsocket.ssl.active = false\ntls.policy = %s\n"
                       "dialback.enabled = %s\ncertificate.file = %s\ncertificate.present = %s\ncertificate.trust = %s\nread.timeout = 5000\n"
                       "[xmpp.socket]\nssl.certificate.strict-validation = %s\n[network]\ninterface = 127.0.0.1\n[dnsutil]\n"
                       "dnsOverride = \"%s\"\n[adminConsole]\nport = 0\nsecurePort = 0\n[s2s]\nhome = %s\ndns.server = 127.0.0.1@9\ndns.timeout = 300\ndns.trust-anchor =\n"
                       % (port, side.policy, str(side.dialback).lower(), certificate, present, self.path("ca"),
                          str(side.strict).lower(), overrides, home))
        words = [self.binary, "-c", home + "/conf"] + [word for ping in pings for word in ("-P", ping)]
        with open(home + "/log", "wb") as log:
            self.processes.append(subprocess.Popen(words, stderr=log, stdin=subprocess.DEVNULL))
        end = time.monotonic() + LIMIT
        while "serves s2s.test" not in self.read_log(home):
            assert time.monotonic() < end and self.processes[-1].poll() is None, self.read_log(home)
            time.sleep(0.01)
        return home, port

    @staticmethod
    def read_log(home):
        with open(home + "/log", errors="replace") as log:
            return log.read()

    def stop_all(self):
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        good = all([process.wait(LIMIT) == 0 for process in self.processes])
        self.processes = []
        assert good, "a server did not end cleanly"

    # --- they open streams to us

    def listen(self, serve):
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)

        def accept():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=self.guard, args=(serve, connection), daemon=True).start()
        threading.Thread(target=accept, daemon=True).start()
        return listener

    @staticmethod
    def guard(serve, connection):
        stream = Stream(connection)
        try:
            serve(stream)
        except (Over, OSError, ValueError):
            pass
        finally:
            stream.socket.close()

    def receive(self, number, side, outcomes, stream):
        """The receiving side: to its end, or until a stanza comes on a stream that it takes for authenticated."""
        here, context, encrypted = "r%d.test" % number, self.context(side, True), False
        has_tls = side.policy != "disabled" and side.certificate != "missing"
        while True:
            stream.expect(r"<stream:stream[^>]*>")
            external = encrypted and self.is_valid(stream.socket)
            stream.header(here, "s2s.test", side.dialback, " id='%d'" % id(stream))
            stream.send("<stream:features>%s%s%s</stream:features>" % (
                "<starttls xmlns='%s'>%s</starttls>" % (NS_TLS, "<required/>" if side.policy == "required" else "")
                if has_tls and not encrypted else "",
                "<mechanisms xmlns='%s'><mechanism>EXTERNAL</mechanism></mechanisms>" % NS_SASL if external else "",
                "<dialback xmlns='urn:xmpp:features:dialback'/>"
                if side.dialback and (encrypted or side.policy != "required") else ""))
            found = stream.expect(r"<starttls[^>]*>", r"<auth[^>]*>[^<]*</auth>", r"<db:result from=\"([^\"]*)\"[^>]*>[^<]*</db:result>",
                                  r"<stream:error>").group(0)
            if found.startswith("<starttls") and has_tls and not encrypted:
                stream.send("<proceed xmlns='%s'/>" % NS_TLS)
                stream.secure(context, True)
                encrypted = True
                continue
            if found.startswith("<auth") and external:
                stream.send("<success xmlns='%s'/>" % NS_SASL)
                stream.expect(r"<stream:stream[^>]*>")
                stream.header(here, "s2s.test", side.dialback, " id='last'")
                stream.send("<stream:features/>")
                stream.expect("<iq ")
                outcomes[number] = "E"
            elif found.startswith("<db:result") and side.dialback and (encrypted or side.policy != "required"):
                stream.send("<db:result from='%s' to='s2s.test' type='valid'/>" % here)
                stream.expect("<iq ")
                outcomes[number] = "t" if encrypted else "p"
            return

    def outcomes_of(self, number, side, ports):
        """One of our servers, opening streams to all 36."""
        overrides = ",".join("{r%d.test,127.0.0.1:%d}" % each for each in enumerate(ports))
        # iniparser takes 1,023 bytes of a value: two servers, each for half of them
        half = len(ports) // 2
        for part in (range(half), range(half, len(ports))):
            overrides = ",".join("{r%d.test,127.0.0.1:%d}" % (each, ports[each]) for each in part)
            home, _ = self.start(number * 2 + (part.start > 0), side, True, overrides, ["r%d.test" % each for each in part])
            end = time.monotonic() + LIMIT
            missing = set(part)
            while missing and time.monotonic() < end:
                log = self.read_log(home)
                missing = {each for each in missing if self.outcomes[number].get(each) is None
                           and "ping to r%d.test failed" % each not in log}
                time.sleep(0.02)
            assert not missing, "nothing came of %s: %s" % (missing, self.read_log(home)[-2000:])

    def outward(self):
        """Our servers open streams; the table of what came of it."""
        self.outcomes = [{} for _ in SIDES]
        found = []
        for number, side in enumerate(SIDES):
            listeners = [self.listen(lambda stream, n=n, s=s: self.receive(n, s, self.outcomes[number], stream))
                         for n, s in enumerate(SIDES)]
            self.outcomes_of(number, side, [listener.getsockname()[1] for listener in listeners])
            self.stop_all()
            for listener in listeners:
                listener.close()
            found.append([self.outcomes[number].get(each, ".") for each in range(len(SIDES))])
        return found

    # --- we open streams to them

    def answer_keys(self, stream):
        """remote.test's authoritative server: says valid to everything, inside TLS where that is wanted."""
        context = self.context(Side("optional", "valid", True, True), True)
        context.verify_mode = ssl.CERT_NONE
        encrypted = False
        while True:
            stream.expect(r"<stream:stream[^>]*>")
            stream.header("remote.test", "s2s.test", True, " id='a'")
            stream.send("<stream:features>%s<dialback xmlns='urn:xmpp:features:dialback'/></stream:features>"
                        % ("" if encrypted else STARTTLS))
            while True:
                found = stream.expect(r"<starttls[^>]*>", r"<db:verify ([^>]*)>[^<]*</db:verify>")
                if found.group(0).startswith("<starttls"):
                    break
                values = dict(re.findall(r'(\w+)="([^"]*)"', found.group(1)))
                stream.send("<db:verify from='%(to)s' to='%(from)s' id='%(id)s' type='valid'/>" % values)
            stream.send("<proceed xmlns='%s'/>" % NS_TLS)
            stream.secure(context, True)
            encrypted = True

    def initiate(self, port, side):
        """The initiating side: how it got in."""
        stream = Stream(socket.create_connection(("127.0.0.1", port), LIMIT))
        try:
            return self.negotiate(stream, side)
        except (Over, OSError):
            return "."
        finally:
            stream.socket.close()

    def open(self, stream, side):
        stream.header("remote.test", "s2s.test", side.dialback)
        header = stream.expect(r"<stream:stream[^>]*>").group(0)
        features = stream.expect(r"<stream:features>.*?</stream:features>|<stream:features/>").group(0)
        return features, side.dialback and ("jabber:server:dialback" in header or "features:dialback" in features)

    def negotiate(self, stream, side):
        features, dialback = self.open(stream, side)
        offered = "<starttls" in features
        if (side.policy == "required" and not offered) or (side.policy == "disabled" and "<required" in features):
            return "."
        encrypted = side.policy != "disabled" and offered
        if encrypted:
            stream.send(STARTTLS)
            stream.expect(r"<proceed[^>]*>")
            stream.secure(self.context(side, False), False)
            features, dialback = self.open(stream, side)
        if "EXTERNAL" in features and self.is_valid(stream.socket):
            stream.send("<auth xmlns='%s' mechanism='EXTERNAL'>=</auth>" % NS_SASL)
            if stream.expect(r"<success[^>]*>", r"<failure.*?</failure>").group(0).startswith("<success"):
                self.open(stream, side)
                return "E"
        if not dialback:
            return "."
        stream.send("<db:result from='remote.test' to='s2s.test'>UNITTESTDIALBACKKEY</db:result>")
        return ("t" if encrypted else "p") if "type=\"valid\"" in stream.expect(r"<db:result[^>]*>").group(0) else "."

    def inward(self):
        """They open streams to our servers; rows are theirs again."""
        authority = self.listen(self.answer_keys)
        override = "{remote.test,127.0.0.1:%d}" % authority.getsockname()[1]
        columns = []
        for number, side in enumerate(SIDES):
            _, port = self.start(number, side, False, override, [])
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                columns.append(list(pool.map(lambda each, port=port: self.initiate(port, each), SIDES)))
            self.stop_all()
        authority.close()
        return [list(row) for row in zip(*columns)]

    def clean(self):
        for process in self.processes:
            process.kill()
            process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def words(side):
    return "%-8s  %-7s  %s" % (side.policy, side.certificate, "dialback" if side.dialback else "-")


def show(title, found):
    """The 324 with both strict, a row for each side that opens the stream."""
    print("\n%s\n%s" % (title, "opens the stream".ljust(34) + "receives it: " + ", ".join(
        "%s" % policy for policy in POLICIES) + " x missing, expired, valid x dialback on, off"))
    for i, row in enumerate(found):
        if SIDES[i].strict:
            cells = [cell for j, cell in enumerate(row) if SIDES[j].strict]
            print("%-34s%s" % (words(SIDES[i]), "  ".join(" ".join("".join(cells[k:k + 2]) for k in range(first, first + 6, 2))
                                                         for first in range(0, 18, 6))))


def judge(title, found, counts):
    show(title, found)
    failed = 0
    for i, j in itertools.product(range(len(SIDES)), repeat=2):
        wanted = expected(SIDES[i], SIDES[j])
        counts["strict" if SIDES[i].strict and SIDES[j].strict else "other"][found[i][j]] += 1
        if found[i][j] != wanted:
            failed += 1
            print("FAILED %s: %s -> %s: %s instead of %s" % (title, SIDES[i], SIDES[j], found[i][j], wanted))
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="./openfire-s2s")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    matrix, failed, total = Matrix(os.path.abspath(options.binary)), 0, 0
    try:
        for title, run in (("our servers open the streams", matrix.outward), ("streams are opened to our servers", matrix.inward)):
            counts = {"strict": collections.Counter(), "other": collections.Counter()}
            failed += judge(title, run(), counts)
            total += len(SIDES) ** 2
            strict, every = counts["strict"], counts["strict"] + counts["other"]
            print("both strict: %d nothing, %d plain dialback, %d TLS dialback, %d EXTERNAL; all %d: %d / %d / %d / %d" % (
                strict["."], strict["p"], strict["t"], strict["E"], sum(every.values()), every["."], every["p"], every["t"], every["E"]))
            assert (strict["."], strict["p"], strict["t"], strict["E"]) == (274, 30, 4, 16) or failed, "the counts are not Openfire's"
            # Openfire's oracle: 1064, 120, 48, 64
            assert (every["."], every["p"], every["t"], every["E"]) == (1064 + 4, 120, 48 - 4, 64) or failed, "nor are these"
    finally:
        matrix.clean()
    print("%d passed, %d failed, 0 skipped" % (total - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
