#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""cycles.py - thousands of connections leave the server as they found it, and a burst keeps its order

Plays remote.test on 127.0.0.1: streams to the server, the authoritative server that says `valid`, and the receiving
server of the server's own stream. Measures /proc of the server after a warm-up and at the end: threads, descriptors, resident
memory. Prints `ok name` or `FAILED name: why`, then `N passed, N failed, N skipped`. Every wait has a limit.
"""
import argparse
import os
import re
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ports import free_ports  # noqa: E402

LIMIT = 30
HEADER = ("<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' "
          "xmlns:stream='http://etherx.jabber.org/streams' from='remote.test' to='s2s.test' %sversion='1.0'>")


class Authority(threading.Thread):
    """remote.test's listener: answers every db:verify and db:result with valid, and keeps what else comes."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.stanzas, self.rests = [], {}
        self.arrived = threading.Condition()
        self.silent = False  # leave questions open

    def run(self):
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.listener:
                    connection, _ = self.listener.accept()
                    self.rests[connection] = b""
                    self.selector.register(connection, selectors.EVENT_READ)
                else:
                    self.serve(key.fileobj)

    def drop(self, connection):
        self.selector.unregister(connection)
        self.rests.pop(connection)
        connection.close()

    def serve(self, connection):
        try:
            data = connection.recv(1 << 16)
            if not data:
                return self.drop(connection)
            self.rests[connection] = self.read(connection, self.rests[connection] + data)
            if b"</stream:stream>" in self.rests[connection]:
                connection.sendall(b"</stream:stream>")
                self.drop(connection)
        except OSError:
            self.drop(connection)

    def read(self, connection, data):
        """Answers what is whole; returns the rest."""
        pattern = re.compile(rb"<stream:stream[^>]*>|<db:verify ([^>]*)>([^<]*)</db:verify>|<db:result ([^>]*)>[^<]*</db:result>"
                             rb"|<(iq|message)[ >].*?(?:</\4>|/>(?=<|$))", re.S)
        end, out, stanzas = 0, b"", []
        for found in pattern.finditer(data):
            end = found.end()
            text = found.group(0)
            if text.startswith(b"<stream:stream"):
                out += (HEADER % "id='r' ").replace("from='remote.test' to='s2s.test'", "from='remote.test'").encode()
                out += b"<stream:features><dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback></stream:features>"
            elif text.startswith(b"<db:"):
                values = dict(re.findall(rb'(\w+)="([^"]*)"', text))
                kind = b"verify" if text.startswith(b"<db:verify") else b"result"
                if not self.silent:
                    out += b"<db:%s from='%s' to='%s'%s type='valid'/>" % (
                        kind, values[b"to"], values[b"from"], b" id='%s'" % values[b"id"] if b"id" in values else b"")
            else:
                stanzas.append(re.search(rb'id="([^"]*)"', text).group(1).decode())
        if out:
            connection.sendall(out)
        if stanzas:
            with self.arrived:
                self.stanzas += stanzas
                self.arrived.notify_all()
        return data[end:]

    def wait_stanzas(self, count):
        with self.arrived:
            if not self.arrived.wait_for(lambda: len(self.stanzas) >= count, LIMIT):
                raise AssertionError("%d of %d answers came" % (len(self.stanzas), count))
            taken, self.stanzas = self.stanzas, []
            return taken


class Cycles:
    def __init__(self, binary, cycles, slack=2500, settings="server.certificate.file = none\n", overrides=""):
        self.cycles, self.slack = cycles, slack
        self.directory = tempfile.mkdtemp()
        self.authority = Authority()
        self.authority.start()
        self.port = free_ports(1)[0]
        conf = os.path.join(self.directory, "conf")
        with open(conf, "w") as file:
            file.write("[xmpp]\ndomain = s2s.test\nserver.socket.port = %d\n%s[network]\ninterface = 127.0.0.1\n[dnsutil]\n"
                       "dnsOverride = {remote.test,127.0.0.1:%d}%s\n[adminConsole]\nport = 0\nsecurePort = 0\n[s2s]\nhome = %s\nlog.level = warn\n"
                       "negotiation.verifications = 4\ndns.trust-anchor =\n" % (self.port, settings, self.authority.port, "," + overrides if overrides else "", self.directory))
        self.log = open(os.path.join(self.directory, "log"), "wb")
        self.process = subprocess.Popen([binary, "-c", conf], stderr=self.log)
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            try:
                self.connect().close()
                break
            except OSError:
                time.sleep(0.02)

    def connect(self):
        stream = socket.create_connection(("127.0.0.1", self.port), LIMIT)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return stream

    def measure(self):
        """Threads, descriptors and resident KiB, once nothing changes any more."""
        last, steady, end = None, 0, time.monotonic() + LIMIT
        while steady < 10 and time.monotonic() < end:
            proc = "/proc/%d" % self.process.pid
            with open(proc + "/status") as file:
                status = file.read()
            now = (int(re.search(r"Threads:\s+(\d+)", status).group(1)), len(os.listdir(proc + "/fd")))
            memory = int(re.search(r"VmRSS:\s+(\d+)", status).group(1))
            steady = steady + 1 if now == last else 0
            last = now
            time.sleep(0.1)
        return last + (memory,)

    def expect(self, stream, words):
        data = b""
        while words not in data:
            more = stream.recv(65536)
            assert more, "the stream ended before %r: %r" % (words, data)
            data += more
        return data

    def open_stream(self):
        stream = self.connect()
        stream.sendall((HEADER % "").encode())
        self.expect(stream, b"</stream:features>")
        return stream

    def prove(self):
        stream = self.open_stream()
        stream.sendall(b"<db:result from='remote.test' to='s2s.test'>k</db:result>")
        self.expect(stream, b'type="valid"/>')
        return stream

    def authenticate_and_close(self, _):
        stream = self.prove()
        stream.sendall(b"</stream:stream>")
        self.expect(stream, b"</stream:stream>")
        stream.close()

    def cut_off(self, number):
        kind = number % 6
        stream = self.connect() if kind < 3 else self.open_stream()
        if kind in (1, 2):
            stream.sendall((HEADER % "").encode()[:60 if kind == 1 else None])
        elif kind == 4:
            stream.sendall(b"<db:result from='remote.test' to='s2s.test'>k</db:result>")
        elif kind == 5:
            stream.sendall(b"<db:verify from='remote.test' to='s2s.test' id='x'><a><b")
        if number % 2:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
        stream.close()

    def leaves_nothing(self, act, count):
        for number in range(600):
            act(number)
        before = self.measure()
        for number in range(count):
            act(number)
        after = self.measure()
        words = "threads %d -> %d, descriptors %d -> %d, resident %d -> %d KiB" % (
            before[0], after[0], before[1], after[1], before[2], after[2])
        print("  after %d: %s" % (count, words))
        assert after[0] <= before[0] and after[1] <= before[1] and after[2] <= before[2] + self.slack, words

    def authenticated_cycles_leave_nothing(self):
        self.leaves_nothing(self.authenticate_and_close, self.cycles)

    def cut_off_connections_leave_nothing(self):
        self.leaves_nothing(self.cut_off, self.cycles)

    def burst(self, text, count):
        stream = self.prove()
        stream.sendall("".join(text % number for number in range(count)).encode())
        ids = self.authority.wait_stanzas(count)
        wrong = sum(ids[i] != "n%d" % i for i in range(count))
        assert wrong == 0, "%d of %d out of their place" % (wrong, count)
        stream.close()

    def a_burst_of_2000_pings_is_answered_in_order(self):
        self.burst("<iq type='get' id='n%d' from='u@remote.test/r' to='s2s.test'><ping xmlns='urn:xmpp:ping'/></iq>", 2000)

    def a_burst_of_2000_messages_comes_back_in_order(self):
        self.burst("<message id='n%d' from='u@remote.test/r' to='nobody@s2s.test'><body>x</body></message>", 2000)

    def run(self):
        failed = 0
        names = ("a_burst_of_2000_pings_is_answered_in_order", "a_burst_of_2000_messages_comes_back_in_order",
                 "authenticated_cycles_leave_nothing", "cut_off_connections_leave_nothing",
                 "the_server_ends_cleanly")
        for name in names:
            try:
                getattr(self, name)()
                print("ok " + name, flush=True)
            except (AssertionError, OSError, subprocess.SubprocessError) as error:
                failed += 1
                print("FAILED %s: %s" % (name, error), flush=True)
        with open(os.path.join(self.directory, "log"), errors="replace") as log:
            if failed:
                print("".join("  | " + line for line in log.readlines()[-20:]))
        shutil.rmtree(self.directory, ignore_errors=True)
        print("%d passed, %d failed, 0 skipped" % (len(names) - failed, failed))
        return 1 if failed else 0

    def the_server_ends_cleanly(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            status = "no end"
        assert status == 0, "status %s" % status


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="./openfire-s2s")
    parser.add_argument("--cycles", type=int, default=10000)
    parser.add_argument("--slack", type=int, default=2500,
                        help="KiB of resident memory that may come and go; more under a sanitizer, which keeps its own")
    options = parser.parse_args()
    return Cycles(os.path.abspath(options.binary), options.cycles, options.slack).run()


if __name__ == "__main__":
    sys.exit(main())
