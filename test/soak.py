#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""soak.py - `make soak`: hours of mixed traffic while processes come and go, certificates are renewed and settings change

Numbered stanzas go ten ways at once: from two remote domains (one proved by dialback, one by its certificate) to a component, to a server
behind us and to us; from a component to two remote domains (one plain, one by TLS), to the other component and to a domain that stays. The
component, the server behind us and the two remote servers are processes that leave or are killed at random and come back (killed.py has them one
by one). Every stanza must be delivered once and in order, or answered with an error; only of who is killed, as in killed.py, what its kernel had
acknowledged may be missing. Threads, descriptors and memory of the server are looked at each second and must not grow. Prints what it counts
now and then, `ok name` or `FAILED name: why`, then `N passed, N failed, N skipped`.
"""
import argparse
import bisect
import os
import random
import re
import select
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pki  # noqa: E402
from cycles import HEADER, LIMIT, Cycles  # noqa: E402
from ends import Component, Upstream  # noqa: E402
from killed import BODY, BUFFER, LOST_AT_ONCE, Player  # noqa: E402
from ports import free_ports  # noqa: E402

RATE = 100  # stanzas a second and way
MESSAGE = b"<message from='%s' to='%s' id='n%d'><body>" + BODY + b"</body></message>"
PING = b"<iq type='get' from='%s' to='%s' id='n%d'><ping xmlns='urn:xmpp:ping'/></iq>"
UNKNOWN = b"<iq type='get' from='%s' to='%s' id='n%d'><query xmlns='urn:nobody:knows'/></iq>"
PRESENCE = b"<presence from='%s' to='%s'/>"  # not counted: nothing answers it


# --- processes that come and go

class SecurePlayer(Player):
    """A remote server that wants TLS."""
    FEATURE = b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>"
    STARTTLS = b'<starttls xmlns="urn:ietf:params:xml:ns:xmpp-tls"/>'

    def __init__(self, certificate):
        super().__init__()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)

    def read(self, connection, data, answer):
        connection.settimeout(LIMIT)
        try:
            while self.STARTTLS not in data:
                more = connection.recv(2048)
                if not more:
                    return connection.close()
                data += more
                if b"<stream:stream" in data and b">" in data[data.find(b"<stream:stream"):] and b"<starttls" not in data:
                    connection.sendall(Upstream.HEADER.split(b"<stream:features>")[0].replace(b"behind.test", self.domain) + self.FEATURE)
            connection.sendall(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
            secure = self.context.wrap_socket(connection, server_side=True)
        except (OSError, ssl.SSLError):
            return connection.close()
        return super().read(secure, b"", answer)


class Life(threading.Thread):
    """Starts such a process again and again, ends it after a while, and gives what each read to `ended(indexes, numbers, killed)`."""

    def __init__(self, indexes, arguments, seed, ended):
        super().__init__()
        self.indexes, self.arguments, self.randomly, self.ended = indexes, arguments, random.Random(seed), ended
        self.over, self.lives, self.kills = threading.Event(), 0, 0

    def run(self):
        while not self.over.is_set():
            with tempfile.TemporaryFile() as noted:
                process = subprocess.Popen([sys.executable, os.path.abspath(__file__), "--play"] + self.arguments, stdout=noted)
                self.over.wait(self.randomly.uniform(0.4, 3))
                killed = self.randomly.random() < 0.5 and not self.over.is_set()
                process.send_signal(signal.SIGKILL if killed else signal.SIGTERM)
                try:
                    process.wait(LIMIT)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                noted.seek(0)
                self.lives += 1
                self.kills += killed
                self.ended(self.indexes, [int(each) for each in noted.read().split()], killed)
            time.sleep(self.randomly.uniform(0, 0.3))  # nobody is there


# --- what is counted

class Way:
    """The stanzas from one to another: number n of way w has the id n(10 n + w)."""

    def __init__(self, name, form, sender, receiver):
        self.name, self.form, self.sender, self.receiver = name, form, sender, receiver
        self.state = bytearray()  # of each number: 1 delivered, 2 bounced
        self.last, self.ends, self.kills, self.wrong = -1, [], 0, []

    def next(self, index):
        number = len(self.state)
        self.state.append(0)
        return self.form % (self.sender, self.receiver, 10 * number + index)

    def deliver(self, numbers, killed=False):
        for number in numbers:
            if number <= self.last and len(self.wrong) < 10:
                self.wrong.append("%d was delivered after %d" % (number, self.last))
            self.last = max(self.last, number)
            self.state[number] |= 1
        self.kills += killed
        if killed:
            self.ends.append(self.last)

    def bounce(self, number):
        if self.state[number] & 2 and len(self.wrong) < 10:
            self.wrong.append("%d was bounced twice" % number)
        self.state[number] |= 2

    def counts(self):
        delivered, bounced, both = self.state.count(1), self.state.count(2), self.state.count(3)
        return delivered + both, bounced + both, both, self.state.count(0)

    def check(self):
        delivered, bounced, both, missing = self.counts()
        assert not self.wrong, "%s: %s" % (self.name, "; ".join(self.wrong))
        assert delivered, "%s: nothing was delivered" % self.name
        assert both <= LOST_AT_ONCE * self.kills, "%s: %d were delivered and came back" % (self.name, both)
        at = self.state.find(0)
        while at >= 0:
            before = bisect.bisect_left(self.ends, at)
            behind = self.ends[before - 1] if before else -LOST_AT_ONCE - 1
            assert at - behind <= LOST_AT_ONCE, "%s: %d is missing, one of %d" % (self.name, at, missing)
            at = self.state.find(0, at + 1)


class Soak(Cycles):
    def __init__(self, binary, seconds, seed):
        self.seconds, self.randomly, self.over = seconds, random.Random(seed), threading.Event()
        self.certificates = tempfile.mkdtemp(prefix="soak")
        self.pki = pki.Pki(self.certificates)
        self.upstream_port, private, self.component_port, self.plain_port, self.secure_port, self.direct = free_ports(6)
        settings = ("server.certificate.file = %s/ours.pem\nserver.certificate.trust = %s/ca.pem\nserver.socket.ssl.port = %d\n"
                    "server.outgoing.queue = 100000\ncomponent.socket.active = true\ncomponent.socket.port = %d\n"
                    "component.defaultSecret = sesame\nsocket.write-timeout-seconds = 3\n[upstream behind.test]\nhost = 127.0.0.1\nport = %d\n"
                    "[s2s]\nupstream.socket.port = %d\nretry.first = 20\nretry.max = 50\n" % (
                        self.certificates, self.certificates, self.direct, self.component_port, self.upstream_port, private))
        super().__init__(binary, 0, 0, settings, "{plain.test,127.0.0.1:%d},{secure.test,127.0.0.1:%d},{other.test,127.0.0.1:1}" % (
            self.plain_port, self.secure_port))  # that of other.test is set by the first reload
        self.lives = []
        self.renewals = self.reloads = self.strangers = 0
        self.samples, self.faults, self.lock = [], [], threading.Lock()

    # --- the ways

    def make_ways(self):
        self.ways = [
            Way("remote.test to a component", MESSAGE, b"u@remote.test", b"v@chat.s2s.test"),
            Way("remote.test to a server behind us", MESSAGE, b"u@remote.test", b"v@behind.test"),
            Way("other.test by its certificate to a component", MESSAGE, b"u@other.test", b"v@chat.s2s.test"),
            Way("other.test by its certificate to us: pings", PING, b"u@other.test", b"s2s.test"),
            Way("a component to a remote server", MESSAGE, b"b@bot.s2s.test", b"v@plain.test"),
            Way("a component to a remote server, by TLS", MESSAGE, b"b@bot.s2s.test", b"v@secure.test"),
            Way("a component to another", MESSAGE, b"b@bot.s2s.test", b"v@chat.s2s.test"),
            Way("a component to a remote server that stays", MESSAGE, b"b@bot.s2s.test", b"v@remote.test"),
            Way("remote.test to us: pings", PING, b"u@remote.test", b"s2s.test"),
            Way("remote.test to us: requests that nobody knows", UNKNOWN, b"u@remote.test", b"s2s.test"),
        ]

    def read_by_process(self, indexes, numbers, killed):
        """What one life read, of the ways that lead to it."""
        with self.lock:
            for index in indexes:
                self.ways[index].deliver([number // 10 for number in numbers if number % 10 == index], killed)

    def came_to_remote(self, ids):
        """At remote.test and other.test: bounces of what they sent, answers, and what was delivered."""
        with self.lock:
            for each in ids:
                if re.fullmatch(r"n\d+", each):
                    number, index = divmod(int(each[1:]), 10)
                    if index in (3, 7, 8, 9):
                        self.ways[index].deliver([number])
                    else:
                        self.ways[index].bounce(number)

    def send(self, stream, indexes):
        """At the rate, until the end; presence among it."""
        sent, began = 0, time.monotonic()
        try:
            while not self.over.is_set():
                with self.lock:
                    data = b"".join(self.ways[index].next(index) for index in indexes)
                if sent % 50 == 0:
                    data += PRESENCE % (self.ways[indexes[0]].sender, self.ways[indexes[0]].receiver)
                stream.sendall(data)
                sent += 1
                time.sleep(max(0, began + sent / RATE - time.monotonic()))
        except OSError as error:
            self.faults.append("a sender's stream ended: %s" % error)

    def collect(self):
        """What comes back to the component that stays, and to the remote domains that do."""
        rest = b""
        while not self.collected.is_set():
            with self.authority.arrived:
                self.authority.arrived.wait_for(lambda: self.authority.stanzas, 0.05)
                taken, self.authority.stanzas = self.authority.stanzas, []
            self.came_to_remote(taken)
            while select.select([self.bot.socket], [], [], 0)[0]:
                more = self.bot.socket.recv(1 << 16)
                if not more:
                    return self.faults.append("the component's stream ended: %r" % rest[-300:])
                rest += more
                end = 0
                with self.lock:
                    for found in re.finditer(rb'<(message|iq) [^>]*type="error"[^>]*id="n(\d+)".*?</\1>', rest, re.S):
                        end = found.end()
                        number, index = divmod(int(found.group(2)), 10)
                        self.ways[index].bounce(number)
                rest = rest[end:][-100000:]

    # --- what happens meanwhile

    def write_settings(self, changes):
        path = os.path.join(self.directory, "conf")
        with open(path + ".new", "w") as file:
            file.write(self.base + changes)
        os.rename(path + ".new", path)
        self.process.send_signal(signal.SIGHUP)

    def renew(self):
        """Another certificate for the same names; who connects now is shown it."""
        names = pki.all_forms("s2s.test", "second.test")
        self.pki.issue("next", names)
        os.rename(self.certificates + "/next.pem", self.certificates + "/ours.pem")
        with open(self.certificates + "/ours.pem") as file:
            wanted = ssl.PEM_cert_to_DER_cert(re.search("-----BEGIN CERT.*?-----END CERT[^\n]*", file.read(), re.S).group(0))
        self.write_settings("")  # without the fault that may be in them
        end = time.monotonic() + LIMIT
        while self.shown() != wanted:
            if time.monotonic() > end:
                return self.faults.append("a renewed certificate is not shown")
            time.sleep(0.1)
        self.renewals += 1

    def shown(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", self.direct), LIMIT) as plain:
            with context.wrap_socket(plain, server_hostname="s2s.test") as stream:
                return stream.getpeercert(True)

    def change_settings(self):
        choice = self.randomly.randrange(4)
        if choice == 0:
            self.write_settings("[s2s]\nlog.level = %s\n" % self.randomly.choice(("info", "warn", "error")))
        elif choice == 1:
            self.write_settings("[s2s]\nnegotiation.bytes = %d\nqueue.bytes = %d\n" % (
                self.randomly.randrange(20000, 90000), self.randomly.randrange(500000, 2000000)))
        elif choice == 2:
            self.write_settings("[s2s]\nlog.level = loud\n")  # a fault: all stays
        else:
            with open(os.path.join(self.directory, "remote-servers.conf"), "w") as file:
                file.write("".join("[blocked%d.test]\npermission = blocked\n" % number for number in range(self.randomly.randrange(50))))
            self.process.send_signal(signal.SIGHUP)
        self.reloads += 1

    def be_strangers(self):
        """Some that are cut off, and claims of domains that nobody serves."""
        stream = self.connect()
        for data in ((HEADER % "").encode()[:self.randomly.randrange(180)], b"<db:result from='nobody%d.invalid' to='s2s.test'>k</db:result>"):
            stream.sendall(data if b"%d" not in data else (HEADER % "").encode() + data % self.strangers)
            if self.randomly.random() < 0.5:
                break
        stream.close()
        self.strangers += 1

    def disturb(self):
        while not self.over.wait(self.randomly.uniform(0.05, 0.3)):
            try:
                self.randomly.choice((self.be_strangers,) * 6 + (self.change_settings, self.renew))()
            except OSError as error:
                self.faults.append("a stranger was not let in: %s" % error)

    def sample(self):
        with open("/proc/%d/status" % self.process.pid) as file:
            status = file.read()
        return (int(re.search(r"Threads:\s+(\d+)", status).group(1)), len(os.listdir("/proc/%d/fd" % self.process.pid)),
                int(re.search(r"VmRSS:\s+(\d+)", status).group(1)))

    def tell(self):
        with self.lock:
            counts = [sum(each) for each in zip(*(way.counts() for way in self.ways))]
        print("  %5.0f s: %d sent, %d delivered, %d bounced; %d threads, %d descriptors, %d KiB; %d lives, %d of them killed; %d renewals, "
              "%d reloads, %d strangers" % (
                  time.monotonic() - self.began, sum(len(way.state) for way in self.ways), counts[0], counts[1], *self.samples[-1],
                  sum(life.lives for life in self.lives), sum(life.kills for life in self.lives), self.renewals, self.reloads,
                  self.strangers), flush=True)

    # --- the run

    def start(self):
        self.make_ways()
        with open(os.path.join(self.directory, "conf")) as file:
            self.base = file.read().replace("{other.test,127.0.0.1:1}", "{other.test,127.0.0.1:%d}" % self.authority.port)
        self.write_settings("")
        self.collected, self.began = threading.Event(), time.monotonic()
        self.bot = Component(self.component_port, domain="bot.s2s.test")
        players = (((0, 2, 6), ["component", str(self.component_port)]), ((1,), ["server", str(self.upstream_port), "behind.test"]),
                   ((4,), ["server", str(self.plain_port), "plain.test"]),
                   ((5,), ["secure", str(self.secure_port), "secure.test", self.certificates + "/secure.pem"]))
        self.pki.issue("secure", pki.all_forms("secure.test"))
        seed = self.randomly.randrange(1 << 30)
        self.lives = [Life(indexes, words, seed + indexes[0], self.read_by_process) for indexes, words in players]
        for each in self.lives:
            each.start()
        time.sleep(1)  # so that each domain is known
        remote, other = self.prove_to(b"chat.s2s.test"), self.open_external()
        for domain in (b"behind.test", b"s2s.test"):
            remote.sendall(b"<db:result from='remote.test' to='%s'>k</db:result>" % domain)
            self.expect(remote, b'type="valid"/>')
        other.sendall(b"<db:result from='other.test' to='chat.s2s.test'>k</db:result>")
        self.expect(other, b'type="valid"/>')
        self.authority.stanzas = []
        self.streams = [remote, other]
        drain = [threading.Thread(target=self.drain, args=(stream,), daemon=True) for stream in self.streams]
        work = [threading.Thread(target=self.send, args=(stream, indexes)) for stream, indexes in (
            (remote, (0, 1, 8, 9)), (other, (2, 3)), (self.bot.socket, (4, 5, 6, 7)))]
        self.collector, self.disturber = threading.Thread(target=self.collect), threading.Thread(target=self.disturb)
        for each in drain + work + [self.collector, self.disturber]:
            each.start()
        return work

    def prove_to(self, domain):
        stream = self.open_stream()
        stream.sendall(b"<db:result from='remote.test' to='%s'>k</db:result>" % domain)
        self.expect(stream, b'type="valid"/>')
        return stream

    def open_external(self):
        """other.test, which shows its certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(self.certificates + "/ca.pem")
        context.load_cert_chain(self.certificates + "/other.pem")
        stream = context.wrap_socket(socket.create_connection(("127.0.0.1", self.direct), LIMIT), server_hostname="s2s.test")
        header = (HEADER % "").replace("remote.test", "other.test").encode()
        stream.sendall(header)
        assert b"EXTERNAL" in self.expect(stream, b"</stream:features>"), "EXTERNAL is not offered"
        stream.sendall(b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>")
        self.expect(stream, b"<success")
        stream.sendall(header)
        self.expect(stream, b"</stream:features>")
        return stream

    def drain(self, stream):
        """Nothing but the end should come on a stream that we opened."""
        try:
            more = stream.recv(65536)
            if not self.collected.is_set():
                self.faults.append("a sender's stream says %r" % more[:300])
        except (OSError, ValueError):
            pass

    def run_for_the_time(self):
        work, told = self.start(), time.monotonic()
        while time.monotonic() < self.began + self.seconds and not self.faults:
            time.sleep(1)
            assert self.process.poll() is None, "the server has ended with status %s" % self.process.returncode
            self.samples.append(self.sample())
            if time.monotonic() >= told + max(10, self.seconds / 60):
                told = time.monotonic()
                self.tell()
        self.over.set()
        for each in work + [self.disturber]:
            each.join(LIMIT)
        for each in self.lives:
            each.over.set()
        for each in self.lives:
            each.join(LIMIT)
        self.wait_until_nothing_comes()
        self.collected.set()
        self.collector.join(LIMIT)
        self.tell()
        assert not self.faults, "; ".join(self.faults[:5])

    def wait_until_nothing_comes(self):
        last, end = None, time.monotonic() + 2 * LIMIT
        while time.monotonic() < end:
            with self.lock:
                now = [way.counts() for way in self.ways]
            if now == last:
                return
            last = now
            time.sleep(2)

    def every_stanza_is_accounted_for(self):
        wrong = []
        for way in self.ways:
            delivered, bounced, both, missing = way.counts()
            print("  %-48s %7d sent, %7d delivered, %6d bounced, %3d both, %3d neither, %d kills" % (
                way.name, len(way.state), delivered, bounced, both, missing, way.kills))
            try:
                way.check()
            except AssertionError as error:
                wrong.append(str(error))
        assert not wrong, "; ".join(wrong)

    def nothing_grows(self):
        """The last quarter of the samples beside the second: what they are in the middle."""
        quarter = len(self.samples) // 4
        assert quarter >= 3, "too short to tell"
        early, late = self.samples[quarter:2 * quarter], self.samples[-quarter:]
        before, after = [[statistics.median(each) for each in zip(*samples)] for samples in (early, late)]
        words = "threads %d -> %d, descriptors %d -> %d, resident %d -> %d KiB" % (
            before[0], after[0], before[1], after[1], before[2], after[2])
        print("  " + words)
        slack = self.slack if self.slack else 3000 + before[2] // 10
        assert after[0] <= before[0] + 10 and after[1] <= before[1] + 10 and after[2] <= before[2] + slack, words

    def run(self):
        failed = 0
        names = ("run_for_the_time", "every_stanza_is_accounted_for", "nothing_grows", "the_server_ends_cleanly")
        for name in names:
            try:
                getattr(self, name)()
                print("ok " + name, flush=True)
            except (AssertionError, OSError) as error:
                failed += 1
                print("FAILED %s: %s" % (name, str(error)[:1500]), flush=True)
        self.over.set()
        for each in self.lives:
            each.over.set()
        with open(os.path.join(self.directory, "log"), errors="replace") as log:
            if failed:
                print("".join("  | " + line for line in log.readlines()[-40:]))
        for directory in (self.directory, self.certificates):
            shutil.rmtree(directory, ignore_errors=True)
        print("%d passed, %d failed, 0 skipped" % (len(names) - failed, failed))
        return 1 if failed else 0


def play(kind, port, *rest):
    if kind == "component":
        return Player().play_component(int(port))
    player = SecurePlayer(rest[1]) if kind == "secure" else Player()
    return player.play_server(int(port), rest[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="./openfire-s2s")
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--slack", type=int, default=0, help="KiB that resident memory may grow by; 0: 3,000 and a tenth")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--play", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.play:
        return play(*options.play)
    seed = options.seed if options.seed is not None else random.randrange(1 << 30)
    print("  seed %d, buffers of %d bytes" % (seed, BUFFER), flush=True)
    soak = Soak(os.path.abspath(options.binary), options.seconds, seed)
    soak.slack = options.slack
    return soak.run()


if __name__ == "__main__":
    sys.exit(main())
