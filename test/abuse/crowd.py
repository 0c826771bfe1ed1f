#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""crowd.py - the processes that strangers.py starts: a crowd of strangers, idle or flooding, and somebody who pings and takes the time

    crowd.py idle|flood PORT COUNT      opens COUNT connections from many addresses of loopback, says `open N`, and stays until its
                                        standard input ends; of `flood` each sends and sends, and comes back when it is ended
    crowd.py ping PORT LISTEN-PORT RATE is remote.test: proves itself, then for each line `SECONDS` of its standard input pings at that
                                        rate for so long, and says `P50 P99 WORST COUNT`, milliseconds
"""
import os
import random
import re
import select
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from cycles import HEADER  # noqa: E402

HELLO = (HEADER % "").encode()
AT_ONCE = 200  # connections being made
# What the flood sends: none of it ends a stream at once, and all of it has to be looked at.
PIECES = (b" " * 20, b"<db:verify from='a.test' to='s2s.test' id='x'>k</db:verify>" * 3,
          b"<db:result from='remote.test' to='other.test'>k</db:result>", b"<db:verify from='remote.test' to='s2s.test' id='",
          b"y" * 100, b"'>k</db:verify>", b"\n")
WHOLE = (PIECES[0], PIECES[1], PIECES[6])


def say(words):
    os.write(1, (words + "\n").encode())


class Crowd:
    def __init__(self, port, count, flooding):
        self.port, self.count, self.flooding = port, count, flooding
        self.poll = select.epoll()
        self.connecting, self.open, self.born, self.lost, self.sent = {}, {}, 0, 0, 0
        self.randomly = random.Random(3)
        # Several addresses: 28,000 ports of one would not do for long.
        self.sources = ["127.0.%d.%d" % (1 + number % 200, 1 + number // 200) for number in range(400)]

    def connect(self):
        stream = socket.socket()
        stream.setblocking(False)
        stream.bind((self.sources[self.born % len(self.sources)], 0))
        self.born += 1
        stream.connect_ex(("127.0.0.1", self.port))
        self.connecting[stream.fileno()] = stream
        self.poll.register(stream, select.EPOLLOUT)

    def drop(self, number):
        self.lost += 1
        stream = self.connecting.pop(number, None) or self.open.pop(number)
        stream.close()  # epoll forgets it

    def take(self, number, events):
        stream = self.connecting.pop(number, None)
        if stream is not None:
            self.open[number] = stream
            if events & (select.EPOLLERR | select.EPOLLHUP):
                return self.drop(number)
            self.poll.modify(number, select.EPOLLIN)
            if self.flooding or self.randomly.random() < 0.5:
                stream.send(HELLO)
            return None
        try:
            if not self.open[number].recv(65536):
                self.drop(number)
        except BlockingIOError:
            pass
        except OSError:
            self.drop(number)
        return None

    def grow(self):
        while len(self.connecting) < AT_ONCE and len(self.connecting) + len(self.open) < self.count:
            self.connect()

    def step(self, wait):
        for number, events in self.poll.poll(wait, 1000):
            try:
                self.take(number, events)
            except OSError:
                self.drop(number)

    def gather(self, limit):
        end = time.monotonic() + limit
        while len(self.open) < self.count and time.monotonic() < end:
            self.grow()
            self.step(0.02)
        say("open %d" % len(self.open))

    def pour(self):
        """Something on each stream that takes it."""
        for number in list(self.open):
            stream = self.open.get(number)
            if stream is None:  # ended meanwhile, in a step below
                continue
            try:
                self.sent += stream.send(self.randomly.choice(WHOLE))
            except BlockingIOError:
                pass
            except OSError:
                self.drop(number)
            if number % 64 == 0:
                self.step(0)

    def run(self):
        self.gather(60)
        while not select.select([0], [], [], 0)[0]:
            if self.flooding:
                self.grow()
                self.pour()
                self.step(0)
            else:
                self.step(0.2)
        say("sent %d bytes, lost %d" % (self.sent, self.lost))


class Pinger:
    """One stream to the server, and remote.test's listener, on one thread."""

    def __init__(self, port, listen_port, rate):
        self.rate, self.rests, self.sent, self.times = rate, {}, {}, []
        self.listener = socket.create_server(("127.0.0.1", listen_port), backlog=16)
        self.poll = select.poll()
        self.poll.register(self.listener, select.POLLIN)
        self.streams = {}
        self.out = socket.create_connection(("127.0.0.1", port), 10)
        self.out.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.out.sendall(HELLO + b"<db:result from='remote.test' to='s2s.test'>k</db:result>")
        data, end = b"", time.monotonic() + 20
        self.out.settimeout(0.05)
        while b'type="valid"/>' not in data:
            assert time.monotonic() < end, "not proved: %r" % data
            self.serve(0)
            try:
                data += self.out.recv(65536)
            except socket.timeout:
                pass
        self.out.settimeout(10)

    def serve(self, wait):
        """What came from the server on the streams that it opened; `wait` in seconds."""
        for number, _ in self.poll.poll(wait * 1000):
            if number == self.listener.fileno():
                stream, _ = self.listener.accept()
                stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.streams[stream.fileno()], self.rests[stream.fileno()] = stream, b""
                self.poll.register(stream, select.POLLIN)
                continue
            data = self.rests[number] + self.streams[number].recv(65536)
            now, end, out = time.monotonic(), 0, b""
            for found in re.finditer(rb'<stream:stream[^>]*>|<db:(verify|result) ([^>]*)>[^<]*</db:\1>|<iq ([^>]*)/>', data):
                end = found.end()
                if found.group(3):
                    sent = self.sent.pop(int(re.search(rb'id="(\d+)"', found.group(3)).group(1)), None)
                    self.times.append(now - sent) if sent else None
                elif found.group(1):
                    values = dict(re.findall(rb'(\w+)="([^"]*)"', found.group(2)))
                    out += b"<db:%s from='%s' to='%s'%s type='valid'/>" % (
                        found.group(1), values[b"to"], values[b"from"], b" id='%s'" % values[b"id"] if b"id" in values else b"")
                else:
                    out += HELLO.replace(b"from='remote.test' to='s2s.test'", b"from='remote.test' id='r'")
                    out += b"<stream:features><dialback xmlns='urn:xmpp:features:dialback'/></stream:features>"
            self.rests[number] = data[end:]
            if out:
                self.streams[number].sendall(out)

    def ping(self, seconds):
        self.times, self.sent = [], {}
        began, number = time.monotonic(), 0
        while True:
            now = time.monotonic()
            if now > began + seconds and (not self.sent or now > began + seconds + 10):
                break
            if now <= began + seconds and now >= began + number / self.rate:
                self.sent[number] = now
                self.out.sendall(b"<iq type='get' id='%d' from='u@remote.test/r' to='s2s.test'><ping xmlns='urn:xmpp:ping'/></iq>" % number)
                number += 1
            self.serve(max(0.0, min(0.001, began + number / self.rate - time.monotonic())))
        found = sorted(self.times) + [10.0] * len(self.sent)
        return "%.3f %.3f %.3f %d" % tuple([1000 * found[int(len(found) * part)] for part in (0.5, 0.99)] + [1000 * found[-1], len(found)])

    def run(self):
        self.ping(1)  # the stream for the answers is made
        for line in sys.stdin:
            say(self.ping(float(line)))


def main():
    kind, numbers = sys.argv[1], [int(each) for each in sys.argv[2:]]
    if kind == "ping":
        try:
            os.nice(-10)  # what is measured is the server, not who measures
        except OSError:
            pass
        return Pinger(*numbers).run()
    os.nice(5)
    return Crowd(*numbers, kind == "flood").run()


if __name__ == "__main__":
    main()
