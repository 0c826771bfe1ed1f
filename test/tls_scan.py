#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tls_scan.py - what TLS the server refuses, and what it offers itself (RFC 9325, RFC 7590)

ClientHellos made by hand offer what a modern library would not: old versions, anonymous, export, NULL, RC4, 3DES, CBC and static RSA
suites. By STARTTLS and on the direct port. Renegotiation is asked for by openssl s_client. The server's own ClientHello is read
byte by byte. Prints `ok name` or `FAILED name: why` for each, then `N passed, N failed, N skipped`.
"""
import argparse
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import pki  # noqa: E402
from ports import free_ports  # noqa: E402

LIMIT = 15
HEADER = ("<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' from='%s' "
          "to='%s' %sversion='1.0'>")
GOOD = (0xC02B, 0xC02C, 0xC02F, 0xC030, 0xCCA8, 0xCCA9, 0x1301, 0x1302, 0x1303)  # ECDHE or TLS 1.3, AEAD
ALLOWED = GOOD + (0x009E, 0x009F, 0xCCAA, 0x00FF)  # DHE with AEAD; the signal of secure renegotiation
REFUSED = {
    "anonymous suites": (0x0018, 0x001B, 0x0034, 0x003A, 0x006C, 0x00A6, 0xC018, 0xC019),
    "export suites": (0x0003, 0x0006, 0x0008, 0x000B, 0x0014, 0x0017),
    "NULL suites": (0x0001, 0x0002, 0x003B, 0xC006, 0xC010),
    "RC4": (0x0004, 0x0005, 0xC007, 0xC011),
    "3DES": (0x000A, 0x0016, 0xC008, 0xC012),
    "CBC": (0x002F, 0x0035, 0x003C, 0xC009, 0xC013, 0xC023, 0xC027),
    "static RSA": (0x009C, 0x009D),
}


def client_hello(version, suites, compression=b"\0"):
    """With the extensions that an old client has: groups, point formats, signature algorithms."""
    extensions = b"".join(struct.pack(">HH", kind, len(data)) + data for kind, data in (
        (10, b"\x00\x06\x00\x17\x00\x18\x00\x1d"), (11, b"\x01\x00"),
        (13, b"\x00\x0c\x04\x03\x05\x03\x04\x01\x05\x01\x02\x01\x02\x03")))
    body = (struct.pack(">H", version) + os.urandom(32) + b"\0" + struct.pack(">H", 2 * len(suites))
            + b"".join(struct.pack(">H", suite) for suite in suites) + bytes([len(compression)]) + compression
            + struct.pack(">H", len(extensions)) + extensions)
    message = b"\x01" + struct.pack(">I", len(body))[1:] + body
    return b"\x16" + struct.pack(">HH", min(version, 0x0301), len(message)) + message


def read_record(connection):
    """One TLS record: kind and content; kind None at the end of TCP."""
    data = b""
    while len(data) < 5 or len(data) < 5 + struct.unpack(">H", data[3:5])[0]:
        piece = connection.recv(4096)
        if not piece:
            return None, data
        data += piece
    return data[0], data[5:5 + struct.unpack(">H", data[3:5])[0]]


class Scan:
    def __init__(self, binary):
        self.directory = tempfile.mkdtemp()
        self.pki = pki.Pki(os.path.join(self.directory, "pki"))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.direct = free_ports(2)
        with open(os.path.join(self.directory, "conf"), "w") as conf:
            conf.write("[xmpp]\ndomain = s2s.test\n[xmpp.server]\nsocket.port = %d\nsocket.ssl.port = %d\ncertificate.file = %s/ours.pem\n"
                       "certificate.trust = %s/ca.pem\n[network]\ninterface = 127.0.0.1\n[dnsutil]\ndnsOverride = {remote.test,127.0.0.1:%d}\n"
                       "[adminConsole]\nport = 0\nsecurePort = 0\n[s2s]\nhome = %s\ndns.trust-anchor =\n"
                       % (self.port, self.direct, self.pki.directory, self.pki.directory, self.listener.getsockname()[1], self.directory))
        self.log = open(os.path.join(self.directory, "log"), "wb")
        self.process = subprocess.Popen([binary, "-c", os.path.join(self.directory, "conf"), "-P", "remote.test"], stderr=self.log)
        self.failed = self.total = 0
        end = time.monotonic() + LIMIT
        while b"serves s2s.test" not in open(os.path.join(self.directory, "log"), "rb").read():
            assert time.monotonic() < end and self.process.poll() is None, "the server does not start"
            time.sleep(0.02)

    def connect(self, direct):
        connection = socket.create_connection(("127.0.0.1", self.direct if direct else self.port), LIMIT)
        connection.settimeout(LIMIT)
        if not direct:
            connection.sendall((HEADER % ("remote.test", "s2s.test", "")).encode())
            self.read_until(connection, b"</stream:features>")
            connection.sendall(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
            self.read_until(connection, b"<proceed")
        return connection

    @staticmethod
    def read_until(connection, wanted):
        data = b""
        while wanted not in data or not data.endswith(b">"):
            piece = connection.recv(4096)
            assert piece, "the stream ended: %r" % data
            data += piece
        return data

    def check(self, name, act):
        self.total += 1
        try:
            act()
            print("ok " + name, flush=True)
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            self.failed += 1
            print("FAILED %s: %s" % (name, error), flush=True)

    def refused(self, direct, version, suites):
        with self.connect(direct) as connection:
            connection.sendall(client_hello(version, suites))
            kind, content = read_record(connection)
            assert kind == 21 and content[:1] == b"\x02", "no fatal alert but %r" % ((kind, content[:40]),)
            rest = connection.recv(4096)
            assert rest == b"", "something came behind the alert: %r" % rest

    def taken(self, direct, compression=b"\0"):
        """The same hello with good suites is taken: so it is the suites that were refused."""
        with self.connect(direct) as connection:
            connection.sendall(client_hello(0x0303, GOOD, compression))
            kind, content = read_record(connection)
            assert kind == 22 and content[0] == 2, "no ServerHello but %r" % ((kind, content[:40]),)
            version, after = struct.unpack(">H", content[4:6])[0], 38 + 1 + content[38]
            suite, compressed = struct.unpack(">HB", content[after:after + 3])
            assert version == 0x0303 and suite in GOOD and compressed == 0, "%x, suite %x, compression %d" % (version, suite, compressed)

    def renegotiation(self):
        words = ["openssl", "s_client", "-connect", "127.0.0.1:%d" % self.direct, "-tls1_2", "-servername", "s2s.test",
                 "-CAfile", os.path.join(self.pki.directory, "ca.pem"), "-legacy_renegotiation"]
        client = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            time.sleep(1)
            client.stdin.write(b"R\n")
            client.stdin.flush()
            out = client.communicate(timeout=LIMIT)[0].decode(errors="replace")
        finally:
            client.kill()
            client.wait()
        assert "Verify return code: 0 (ok)" in out and "RENEGOTIATING" in out, "s_client did not come so far: " + out[-600:]
        assert "no renegotiation" in out, "it was not refused: " + out[-600:]

    def s_client(self, *version):
        done = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % self.port, "-starttls", "xmpp-server", "-xmpphost", "s2s.test",
                               "-servername", "s2s.test", "-CAfile", os.path.join(self.pki.directory, "ca.pem"), *version],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT)
        return done.stdout.decode(errors="replace")

    def modern(self):
        for version, words in (("-tls1_3", "TLSv1.3"), ("-tls1_2", "TLSv1.2")):
            out = self.s_client(version)
            assert words in out and "Verify return code: 0 (ok)" in out, out[-800:]
            assert "Compression: NONE" in out and "Expansion: NONE" in out, out[-800:]
            assert "New Session Ticket" not in out and "TLS session ticket:" not in out, "a ticket came"

    def own_hello(self):
        self.listener.settimeout(LIMIT)
        connection, _ = self.listener.accept()
        connection.settimeout(LIMIT)
        self.read_until(connection, b"version=\"1.0\">")
        connection.sendall((HEADER % ("remote.test", "s2s.test", "id='1' ") + "<stream:features><starttls "
                            "xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>").encode())
        self.read_until(connection, b"<starttls")
        connection.sendall(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        kind, content = read_record(connection)
        connection.close()
        assert kind == 22 and content[0] == 1, "no ClientHello"
        at = 39 + content[38]
        count = struct.unpack(">H", content[at:at + 2])[0]
        suites = struct.unpack(">%dH" % (count // 2), content[at + 2:at + 2 + count])
        wrong = ["%04x" % suite for suite in suites if suite not in ALLOWED]
        assert not wrong, "it offers " + " ".join(wrong)
        at += 2 + count
        assert content[at:at + 2] == b"\x01\x00", "it offers compression"
        at, extensions = at + 4, {}
        while at + 4 <= len(content):
            kind, length = struct.unpack(">HH", content[at:at + 4])
            extensions[kind] = content[at + 4:at + 4 + length]
            at += 4 + length
        assert sorted(struct.unpack(">%dH" % (extensions[43][0] // 2), extensions[43][1:])) == [0x0303, 0x0304], extensions[43]
        assert extensions[0].endswith(b"\x00\x00\x0bremote.test"), "server name: %r" % extensions[0]

    def run(self):
        for direct in (False, True):
            where = "direct, " if direct else "STARTTLS, "
            self.check(where + "good suites are taken", lambda: self.taken(direct))
            self.check(where + "compression is not taken", lambda: self.taken(direct, b"\x01\x00"))
            for version, name in ((0x0300, "SSL 3.0"), (0x0301, "TLS 1.0"), (0x0302, "TLS 1.1")):
                self.check(where + name + " is refused", lambda: self.refused(direct, version, GOOD + REFUSED["CBC"]))
            for name, suites in REFUSED.items():
                self.check(where + name + " refused", lambda: self.refused(direct, 0x0303, suites))
        self.check("TLS 1.2 and 1.3 by s_client, no ticket, no compression", self.modern)
        self.check("renegotiation is refused", self.renegotiation)
        self.check("its own ClientHello offers nothing of the kind", self.own_hello)

    def clean(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(LIMIT)
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)
        return status


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="./openfire-s2s")
    options = parser.parse_args()
    scan = Scan(os.path.abspath(options.binary))
    try:
        scan.run()
    finally:
        status = scan.clean()
    scan.check("the server ends cleanly", lambda: status == 0 or (_ for _ in ()).throw(AssertionError("status %d" % status)))
    print("%d passed, %d failed, 0 skipped" % (scan.total - scan.failed, scan.failed))
    return 1 if scan.failed else 0


if __name__ == "__main__":
    sys.exit(main())
