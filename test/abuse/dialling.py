# SPDX-License-Identifier: Apache-2.0
"""dialling.py - dialback used to make us connect elsewhere: what is dialled, how often, and what is sent there

Each case has a DNS of its own, in which the domains that strangers claim lead where the strangers want.
"""
import re
import socket
import struct
import time

from peer import Names, encode_name
from player import LIMIT, RESULT, Listener, case

A, SRV = 1, 33


class Wild(Names):
    """Answers for every name below a domain what a function of (name, kind) says: a list of record data, or None for NXDOMAIN."""

    def __init__(self, tell):
        super().__init__()
        self.tell = tell
        self.start()

    def answer(self, query):
        end = query.index(b"\0", 12) + 1
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
            at += query[at] + 1
        name, kind = ".".join(labels), struct.unpack(">H", query[end:end + 2])[0]
        found = self.tell(name, kind)
        header = query[:2] + struct.pack(">HHHHH", 0x8180 if found is not None else 0x8183, 1, len(found or ()), 0, 0)
        return header + query[12:end + 4] + b"".join(
            struct.pack(">HHHIH", 0xC00C, kind, 1, 60, len(data)) + data for data in found or ())


def srv(port, host, priority=1):
    return struct.pack(">HHH", priority, 1, port) + encode_name(host)


def address(text):
    return socket.inet_aton(text)


def leads_to(port, host="127.0.0.1"):
    """A DNS in which every domain has its XMPP server at that address and port."""
    def tell(name, kind):
        if kind == SRV:
            return [srv(port, "host." + name)] if name.startswith("_xmpp-server.") else None
        return [address(host)] if kind == A else []
    return tell


def claim(server, *domains, limit=LIMIT):
    """One stranger's stream with these claims; the answers, in the order of the claims."""
    stream = server.open_stream()
    stream.settimeout(limit)
    stream.sendall(b"".join(RESULT % each.encode() for each in domains))
    data = b""
    while data.count(b"</db:result>") + data.count(b'type="valid"/>') < len(domains):
        more = stream.recv(65536)
        assert more, "the stream ended: %r" % data[-300:]
        data += more
    stream.close()
    found = {}
    for one in re.findall(rb"<db:result [^>]*(?:/>|>.*?</db:result>)", data):
        found[re.search(rb' to="([^"]*)"', one).group(1).decode()] = one
    return [found[each] for each in domains]


@case()
def our_own_listeners_are_dialled_by_nobodys_claim(world):
    """X41. Domains whose DNS leads to a listener of ours, to the private port and to that of components: refused, and no stream from ourselves."""
    settings = {"xmpp.component.socket.active": "true", "s2s.log.level": "debug"}
    where = {}

    def tell(name, kind):
        target = re.match(r"(?:.*\.)?to-([a-z]+)\.test$", name)
        if target and kind == SRV and name.startswith("_xmpp-server."):
            return [srv(where[target.group(1)], "host." + name)]
        return ([address("127.0.0.1")] if kind == A else []) if target and not name.startswith("_") else None

    with world.server(settings, names=Wild(tell), upstream="[upstream behind.test]\nhost = 127.0.0.1\nport = 1\n") as server:
        where.update(public=server.port, component=server.component_port, private=server.private_port)
        for name in where:
            answer = claim(server, "to-%s.test" % name)[0]
            assert b'type="error"' in answer, "to-%s.test: %r" % (name, answer)
            server.wait_log("outgoing session to to-%s.test refused: 127.0.0.1:%d: that is our own listener" % (name, where[name]))


@case()
def another_service_hears_our_header_and_nothing_of_the_strangers(world):
    """A domain whose SRV record names a service of this machine's own (a data base, a mail server): one connection, and in it no line that a
    stranger has chosen. The claimed name is all of theirs in it, and that is a domain."""
    heard = []

    def serve(connection):
        connection.sendall(b"220 mail.example ESMTP\r\n")
        heard.append(b"")
        while True:
            more = connection.recv(65536)
            if not more:
                return
            heard[-1] += more

    service = Listener(serve)
    try:
        with world.server(names=Wild(leads_to(service.port))) as server:
            answer = claim(server, "quit-flushall.service.test")[0]
            assert b'type="error"' in answer, "%r" % answer
            assert not re.search(rb"127\.0|refused|well-formed|:\d", answer), "the stranger hears what was found there: %r" % answer
            assert service.count == 1, "%d connections" % service.count
            print("  heard: %r" % heard[0])
            assert len(heard[0]) < 1024 and b"\n" not in heard[0] and heard[0].startswith(b"<?xml"), "it heard %r" % heard[0]
            for evil in (b"a\r\nQUIT\r\n.test", b"a&#10;FLUSHALL&#10;.test", b"a b.test", b"&lt;x&gt;.test"):
                stream = server.open_stream()
                stream.sendall(RESULT % evil)
                time.sleep(0.1)
                stream.close()
            assert service.count == 1, "a name that is no domain was dialled"
    finally:
        service.close()


@case()
def a_dead_domain_is_not_dialled_for_each_claim(world):
    """RFC 6120 3.3. A stranger that claims a domain whose server is gone, again and again, on one stream and on many: dialled once a pause,
    not once a claim."""
    gone = Listener(lambda connection: connection.close())  # accepts and ends: the dearest way to be dead
    try:
        settings = {"s2s.retry.first": 1000, "s2s.retry.max": 60000, "s2s.log.level": "info"}
        with world.server(settings, overrides=",{gone.test,127.0.0.1:%d}" % gone.port) as server:
            began, claims = time.monotonic(), 0
            while time.monotonic() < began + 4 * world.time_factor:
                answers = claim(server, "gone.test")
                claims += 1
                assert b'type="error"' in answers[0] and b"remote-server-timeout" in answers[0], "%r" % answers[0]
            took = time.monotonic() - began
            print("  %d claims in %.1f s: %d connections" % (claims, took, gone.count))
            assert claims > 50, "only %d claims" % claims
            assert gone.count <= 2 + took / 0.75, "%d connections for %d claims in %.1f s" % (gone.count, claims, took)
    finally:
        gone.close()


@case(reduced=False)
def silent_name_servers_of_strangers_do_not_silence_ours(world):
    """One claim a second of domains to whose names the DNS says nothing, and nobody else asks for anything. Libunbound would, after 12 s, take
    the name server that it asks for dead, and answer every question at once with a failure, for minutes."""
    met = []
    service = Listener(lambda connection: met.append(time.monotonic()))
    streams = []
    try:
        with world.server(names=Wild(leads_to(service.port))) as server:
            for number in range(16):
                streams.append(server.open_stream())
                streams[-1].sendall(RESULT % b"silent%d.test" % number)
                time.sleep(1)
            took = []
            for number in range(3):
                began = time.monotonic()
                streams.append(server.open_stream())
                streams[-1].sendall(RESULT % b"good%d.test" % number)
                while not met:
                    assert time.monotonic() < began + 5, "good%d.test was not found in the DNS" % number
                    time.sleep(0.01)
                took.append(met.pop() - began)
            print("  found after %s s" % ", ".join("%.2f" % each for each in took))
            assert sorted(took)[1] < 1, "the DNS takes long"  # one of them may meet another case that keeps this process busy
            for stream in streams:
                stream.close()
    finally:
        service.close()


@case()
def one_claim_makes_a_bounded_number_of_connections(world):
    """X42. A domain with 60 SRV records, each of whose hosts has 20 addresses, none of which takes a connection: tried are 16 addresses."""
    tried = set()

    def tell(name, kind):
        if kind == SRV:
            return [srv(20000 + number, "h%d.%s" % (number, name.split(".", 2)[2])) for number in range(28)] if "_xmpp-server" in name else None
        tried.add(name)
        return [address("127.0.%d.%d" % (hash(name) % 250, number + 1)) for number in range(20)] if kind == A else []

    with world.server({"s2s.log.level": "debug"}, names=Wild(tell)) as server:
        began = time.monotonic()
        answer = claim(server, "many.test")[0]
        log = server.read_log()
        refused = len(re.findall(r"127\.0\.\d+\.\d+:2\d{4}: ", "".join(line for line in log.splitlines() if "createSocketToXmppDomain" in line)))
        print("  %d addresses of %d hosts tried in %.1f s" % (refused, len(tried), time.monotonic() - began))
        assert b'type="error"' in answer, "%r" % answer
        assert refused <= 16, "%d addresses were dialled for one claim" % refused


@case()
def claims_of_one_stranger_dial_one_victim_few_at_a_time(world):
    """X17. 300 domains, all of which lead to one address that takes no connection: not more than 16 are under way, and each is dialled once."""
    victim = socket.socket()
    victim.bind(("127.0.0.1", 0))
    victim.listen(0)
    silent = [socket.create_connection(victim.getsockname()) for _ in range(1)]  # fills its queue: further SYNs are dropped
    settings = {"xmpp.server.session.initialise-timeout": 2, "s2s.log.level": "warn"}
    try:
        with world.server(settings, names=Wild(leads_to(victim.getsockname()[1]))) as server:
            claim(server, "first.test")  # the DNS has threads of its own, from its first question on
            before = server.settle()
            stream = server.open_stream()
            stream.settimeout(LIMIT)
            stream.sendall(b"".join(RESULT % b"d%d.victim.test" % number for number in range(300)))
            data, most = b"", 0
            while data.count(b"</db:result>") < 300:
                data += stream.recv(65536)
                most = max(most, len(connections_to(victim.getsockname()[1])))
            print("  at most %d connections under way" % most)
            assert data.count(b'type="error"') == 300, "not all are errors"
            assert most <= 17, "%d connections at once" % most
            stream.close()
            server.assert_as_before(before, 2500)
    finally:
        for each in silent + [victim]:
            each.close()


def connections_to(port):
    """Those of this machine to that port that are being made or are open."""
    with open("/proc/net/tcp") as file:
        rows = [line.split() for line in file.readlines()[1:]]
    return [row for row in rows if row[2].endswith(":%04X" % port) and row[3] in ("01", "02")]
