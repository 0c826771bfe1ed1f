#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""killed.py - ten thousand numbered messages each, to a component, a server behind us and a remote one, whose processes come and go

Each of the three is played by a process of its own, which writes down what it read. In one test it leaves properly (SIGTERM: closing
tag, reading on until ours), in the other it is killed (SIGKILL) at any time, and started again either way. Who leaves properly: each message
arrives once and in order, or comes back as an error. Who is killed: the same, but for what its kernel had acknowledged and it had not read
when it died, which no sender can know without XEP-0198: those must stand between what arrived and what came back, and be no more than its
receive buffer holds. Prints `ok name` or `FAILED name: why`, then `N passed, N failed, N skipped`.
"""
import argparse
import os
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cycles import LIMIT, Cycles  # noqa: E402
from ends import Component, Upstream  # noqa: E402
from ports import free_ports  # noqa: E402

BODY = b"x" * 400
BUFFER = 4096  # asked of the kernel for receiving, which takes it twice and more
LOST_AT_ONCE = 60  # messages that such a buffer may hold, and what was read and not yet written down
NUMBER = re.compile(rb'<message [^>]*id="n(\d+)"[^>]*><body>x*</body></message>')


# --- the process that is killed

class Player:
    """Reads stanzas and writes their numbers to standard output, until SIGTERM (properly) or SIGKILL."""

    def __init__(self):
        self.leaving = False
        signal.signal(signal.SIGTERM, self.leave)

    def leave(self, *_):
        self.leaving = True

    def note(self, data):
        """Writes down what is whole in one write; returns the rest."""
        end, numbers = 0, []
        for found in NUMBER.finditer(data):
            end = found.end()
            numbers.append(found.group(1))
        if numbers:
            os.write(1, b"".join(b"%s\n" % each for each in numbers))
        return data[end:]

    def read(self, connection, data, answer):
        connection.settimeout(0.05)
        sent_closing = False
        while b"</stream:stream>" not in data:
            if self.leaving and not sent_closing:
                sent_closing = True
                connection.sendall(b"</stream:stream>")
            try:
                more = connection.recv(2048)
                if not more:
                    break
                data += more
                time.sleep(0.001)  # slower than what comes: some of it stands in the kernels when the end comes
            except socket.timeout:
                continue
            except ConnectionResetError:
                break
            data = self.note(answer(connection, data))
        connection.close()

    def play_component(self, port):
        component = Component(port, BUFFER)
        self.read(component.socket, self.note(component.data), lambda _, data: data)

    def answer(self, connection, data):
        asked = Upstream.ASKED.search(data)
        while asked:
            Upstream.answer(connection, asked, self.domain)
            data = data[:asked.start()] + data[asked.end():]
            asked = Upstream.ASKED.search(data)
        return data

    def play_server(self, port, domain):
        self.domain = domain.encode()
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        listener.settimeout(0.05)
        while not self.leaving:
            try:
                connection, _ = listener.accept()
            except socket.timeout:
                continue
            self.read(connection, b"", self.answer)


# --- the test

class Life(threading.Thread):
    """Starts that process again and again, and ends it after a while; collects what each wrote down."""

    def __init__(self, arguments, killed, seed):
        super().__init__()
        self.arguments, self.killed, self.randomly = arguments, killed, random.Random(seed)
        self.over, self.lives = threading.Event(), []

    def run(self):
        while not self.over.is_set():
            with tempfile.TemporaryFile() as noted:
                process = subprocess.Popen([sys.executable, os.path.abspath(__file__)] + self.arguments, stdout=noted)
                self.over.wait(self.randomly.uniform(0.3, 0.9))
                process.send_signal(signal.SIGKILL if self.killed and not self.over.is_set() else signal.SIGTERM)
                try:
                    process.wait(LIMIT)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                noted.seek(0)
                self.lives.append([int(each) for each in noted.read().split()])
            time.sleep(self.randomly.uniform(0, 0.1))  # nobody is there

    def seen(self):
        return [number for life in self.lives for number in life]


class Killed(Cycles):
    def __init__(self, binary, count):
        self.count = count
        self.upstream_port, private, self.component_port, self.far_port = free_ports(4)
        settings = ("server.certificate.file = none\nserver.outgoing.queue = 100000\ncomponent.socket.active = true\ncomponent.socket.port = %d\n"
                    "component.defaultSecret = sesame\nsocket.write-timeout-seconds = 3\n[upstream behind.test]\nhost = 127.0.0.1\nport = %d\n"
                    "[s2s]\nupstream.socket.port = %d\nretry.first = 20\nretry.max = 50\n" % (self.component_port, self.upstream_port, private))
        super().__init__(binary, 0, 0, settings, "{far.test,127.0.0.1:%d}" % self.far_port)

    def prove_to(self, domain):
        stream = self.open_stream()
        stream.sendall(b"<db:result from='remote.test' to='%s'>k</db:result>" % domain)
        self.expect(stream, b'type="valid"/>')
        return stream

    def send(self, stream, sender, receiver):
        for number in range(self.count):
            stream.sendall(b"<message from='u@%s' to='v@%s' id='n%d'><body>%s</body></message>" % (sender, receiver, number, BODY))
            if number % 100 == 0:
                time.sleep(0.05)

    def check(self, life, bounced_now):
        """Waits until nothing more comes; then each number stands in one place."""
        life.over.set()
        life.join(LIMIT)
        last, end = -1, time.monotonic() + LIMIT
        while time.monotonic() < end and len(bounced_now()) != last:
            last = len(bounced_now())
            time.sleep(1)
        delivered, bounced = life.seen(), bounced_now()
        both = set(delivered) & set(bounced)
        missing = sorted(set(range(self.count)) - set(delivered) - set(bounced))
        print("  %d lives; %d delivered, %d bounced, %d of them both, %d neither" % (
            len(life.lives), len(delivered), len(bounced), len(both), len(missing)))
        assert delivered == sorted(set(delivered)), "not in order, or more than once"
        assert len(bounced) == len(set(bounced)), "bounced more than once"
        assert delivered and bounced, "not both"
        if not life.killed:
            assert not missing and not both, "missing %s, both %s" % (missing[:10], sorted(both)[:10])
            return
        ends = [each[-1] for each in life.lives if each]
        for number in missing:
            behind = max([each for each in ends if each < number], default=-1)
            assert number - behind <= LOST_AT_ONCE, "%d is missing, and the last one that was read before is %d" % (number, behind)
        assert len(both) <= LOST_AT_ONCE * len(ends), "%d were delivered and came back" % len(both)

    def from_afar(self, arguments, domain, killed):
        life = Life(arguments, killed, 7)
        life.start()
        try:
            time.sleep(0.3)
            stream = self.prove_to(domain)
            self.authority.stanzas = []
            self.send(stream, b"remote.test", domain)
            self.check(life, lambda: [int(each[1:]) for each in self.authority.stanzas])
        finally:
            life.over.set()
        stream.close()

    def to_afar(self, killed):
        life, component, data = Life(["--play", "server", str(self.far_port), "far.test"], killed, 8), Component(self.component_port), [b""]
        over = threading.Event()

        def collect():
            while not over.is_set():
                if select.select([component.socket], [], [], 0.05)[0]:
                    more = component.socket.recv(1 << 16)
                    data[0] += more
                    if not more:
                        return

        collector = threading.Thread(target=collect)
        collector.start()
        life.start()
        try:
            self.send(component.socket, b"chat.s2s.test", b"far.test")
            self.check(life, lambda: [int(each) for each in re.findall(rb'<message type="error" id="n(\d+)"', data[0])])
        finally:
            life.over.set()
            over.set()
            collector.join(LIMIT)
        component.leave()

    def a_component_that_comes_and_goes(self, killed=False):
        self.from_afar(["--play", "component", str(self.component_port)], b"chat.s2s.test", killed)

    def a_component_that_is_killed(self):
        self.a_component_that_comes_and_goes(killed=True)

    def a_server_behind_us_that_comes_and_goes(self, killed=False):
        self.from_afar(["--play", "server", str(self.upstream_port), "behind.test"], b"behind.test", killed)

    def a_server_behind_us_that_is_killed(self):
        self.a_server_behind_us_that_comes_and_goes(killed=True)

    def a_remote_server_that_comes_and_goes(self):
        self.to_afar(killed=False)

    def a_remote_server_that_is_killed(self):
        self.to_afar(killed=True)

    def run(self):
        failed = 0
        names = ("a_component_that_comes_and_goes", "a_component_that_is_killed", "a_server_behind_us_that_comes_and_goes",
                 "a_server_behind_us_that_is_killed", "a_remote_server_that_comes_and_goes", "a_remote_server_that_is_killed",
                 "the_server_ends_cleanly")
        for name in names:
            try:
                getattr(self, name)()
                print("ok " + name, flush=True)
            except (AssertionError, OSError) as error:
                failed += 1
                print("FAILED %s: %s" % (name, str(error)[:1500]), flush=True)
        with open(os.path.join(self.directory, "log"), errors="replace") as log:
            if failed:
                print("".join("  | " + line for line in log.readlines()[-20:]))
        shutil.rmtree(self.directory, ignore_errors=True)
        print("%d passed, %d failed, 0 skipped" % (len(names) - failed, failed))
        return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="./openfire-s2s")
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--play", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.play:
        player, (kind, port, *domain) = Player(), options.play
        return player.play_component(int(port)) if kind == "component" else player.play_server(int(port), *domain)
    return Killed(os.path.abspath(options.binary), options.count).run()


if __name__ == "__main__":
    sys.exit(main())
