#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""handshakes.py - thousands of TLS handshakes, a quarter of them cut off at random points, leave the server as they found it

By STARTTLS and on the direct port in turn, with a client certificate and without. A handshake that is cut off ends after some bytes of the
ClientHello or of our last flight, by a proper end or a reset. Measures /proc of the server as cycles.py does. Prints `ok name` or
`FAILED name: why`, then `N passed, N failed, N skipped`.
"""
import argparse
import concurrent.futures
import multiprocessing
import os
import random
import shutil
import socket
import ssl
import struct
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pki  # noqa: E402
from cycles import HEADER, LIMIT, Cycles  # noqa: E402
from ports import free_ports  # noqa: E402


class Client:
    """One worker's handshakes; `seed` makes them the same again."""

    def __init__(self, port, direct, directory, seed):
        self.port, self.direct, self.random = port, direct, random.Random(seed)
        self.contexts = []
        for certificate in (None, "remote"):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.load_verify_locations(os.path.join(directory, "ca.pem"))
            if certificate:
                context.load_cert_chain(os.path.join(directory, certificate + ".pem"))
            self.contexts.append(context)

    def connect(self, direct):
        stream = socket.create_connection(("127.0.0.1", self.direct if direct else self.port), LIMIT)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not direct:
            stream.sendall((HEADER % "").encode())
            self.read_until(stream, b"</stream:features>")
            stream.sendall(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
            self.read_until(stream, b"<proceed xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\"/>")
        return stream

    @staticmethod
    def read_until(stream, words):
        data = b""
        while words not in data:
            more = stream.recv(65536)
            if not more:
                raise AssertionError("the stream ended before %r: %r" % (words, data))
            data += more

    def shake(self, number):
        """One handshake; true when it was to be completed and was."""
        direct, cut = number % 2 == 0, self.random.random() < 0.25
        stream = self.connect(direct)
        context = self.contexts[self.random.random() < 0.5]
        if cut:
            self.cut_off(stream, context)
            return False
        with context.wrap_socket(stream, server_hostname="s2s.test") as secure:
            secure.sendall((HEADER % "").encode())
            self.read_until(secure, b"</stream:features>")
        return True

    def cut_off(self, stream, context):
        """Flights go out in pieces; after a random number of bytes it is over."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = context.wrap_bio(incoming, outgoing, server_hostname="s2s.test")
        left = self.random.choice((self.random.randrange(520), 517 + self.random.randrange(900)))
        while left > 0:
            done = False
            try:
                session.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                pass
            data = outgoing.read()[:left]
            left -= len(data)
            stream.sendall(data)
            if done or left <= 0:
                break
            more = stream.recv(65536)
            if not more:
                break
            incoming.write(more)
        if self.random.random() < 0.5:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stream.close()


def work(port, direct, directory, seed, count):
    client = Client(port, direct, directory, seed)
    return sum(client.shake(number) for number in range(count))


class Handshakes(Cycles):
    def __init__(self, binary, cycles, slack):
        self.certificates = tempfile.mkdtemp()
        pki.Pki(self.certificates)
        self.direct = free_ports(1)[0]
        super().__init__(binary, cycles, slack, "server.certificate.file = %s/ours.pem\nserver.certificate.trust = %s/ca.pem\n"
                         "server.socket.ssl.port = %d\n" % (self.certificates, self.certificates, self.direct))
        self.pool = concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("spawn"))
        self.seed = random.randrange(1 << 30)

    def shake_hands(self, count):
        self.seed += 2
        started = time.monotonic()
        parts = [self.pool.submit(work, self.port, self.direct, self.certificates, self.seed + each, count // 2) for each in range(2)]
        completed = sum(part.result() for part in parts)
        print("  %d handshakes completed, %d cut off, %.0f a second (seed %d)" % (
            completed, count // 2 * 2 - completed, count / (time.monotonic() - started), self.seed), flush=True)

    def handshakes_leave_nothing(self):
        self.shake_hands(max(600, self.cycles // 10))
        before = self.measure()
        self.shake_hands(self.cycles)
        after = self.measure()
        words = "threads %d -> %d, descriptors %d -> %d, resident %d -> %d KiB" % (
            before[0], after[0], before[1], after[1], before[2], after[2])
        print("  after %d: %s" % (self.cycles, words))
        assert after[0] <= before[0] and after[1] <= before[1] and after[2] <= before[2] + self.slack, words

    def run(self):
        failed = 0
        for name in ("handshakes_leave_nothing", "the_server_ends_cleanly"):
            try:
                getattr(self, name)()
                print("ok " + name, flush=True)
            except (AssertionError, OSError) as error:
                failed += 1
                print("FAILED %s: %s" % (name, error), flush=True)
        self.pool.shutdown()
        for directory in (self.directory, self.certificates):
            shutil.rmtree(directory, ignore_errors=True)
        print("%d passed, %d failed, 0 skipped" % (2 - failed, failed))
        return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="./openfire-s2s")
    parser.add_argument("--cycles", type=int, default=8000)
    parser.add_argument("--slack", type=int, default=2500, help="KiB, as in cycles.py")
    options = parser.parse_args()
    return Handshakes(os.path.abspath(options.binary), options.cycles, options.slack).run()


if __name__ == "__main__":
    sys.exit(main())
