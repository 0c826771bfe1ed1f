# SPDX-License-Identifier: Apache-2.0
"""slow.py - peers that take their time: slow-loris in every state, peers that never read, hosts that are gone without a word"""
import contextlib
import os
import socket
import ssl
import sys
import threading
import time

from player import (COMPONENT_HEADER, HEADER_PLAIN, HERE, LIMIT, PROCEED, RESULT, STARTTLS, Listener, Pinger, Skipped, case, expect,
                    read_to_end)

sys.path.insert(0, os.path.join(os.path.dirname(HERE), "interop"))
import hosts  # noqa: E402

NEGOTIATION, SET_UP = 2.5, 2  # seconds: from accept to a proof; of an outgoing stream
ANSWER = 2.5  # of a dialback
LINGER = 5  # that the server reads on after its own end
EVERY = 0.1  # seconds between two bytes of a slow-loris
HALF_AUTH = b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>" + b" " * 500


def settings(world, **more):
    return {**world.tls_settings(), "s2s.negotiation.timeout": int(NEGOTIATION * 1000), "xmpp.server.session.initialise-timeout": SET_UP,
            "xmpp.server.read.timeout": int(ANSWER * 1000), "xmpp.component.socket.active": "true",
            "xmpp.socket.write-timeout-seconds": 2, **more}


UPSTREAM = "[upstream behind.test]\nhost = 127.0.0.1\nport = 1\n"


class Flight:
    """A TLS handshake of ours whose records we send as we like."""

    def __init__(self, world, stream):
        self.stream = stream
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = world.client_context("remote").wrap_bio(self.incoming, self.outgoing, server_hostname="s2s.test")
        with contextlib.suppress(ssl.SSLWantReadError):
            self.session.do_handshake()
        self.hello = self.outgoing.read()

    def second(self):
        """What we have to say after the server's flight."""
        self.stream.sendall(self.hello)
        while True:
            more = self.stream.recv(65536)
            assert more, "the server ends the handshake"
            self.incoming.write(more)
            try:
                self.session.do_handshake()
                return self.outgoing.read()
            except ssl.SSLWantReadError:
                pass


def tls_begun(server):
    stream = server.open_stream()
    stream.sendall(STARTTLS)
    expect(stream, PROCEED)
    return stream


def opened(stream):
    stream.sendall(HEADER_PLAIN.encode())
    expect(stream, b"</stream:features>")
    return stream


# Each gives the stream in its state and the bytes that are dripped into it.

def says_nothing(world, server):
    return server.connect(), b""


def drips_its_header(world, server):
    return server.connect(), HEADER_PLAIN.encode()


def reads_no_features_and_drips_white_space(world, server):
    stream = server.connect()
    stream.sendall(HEADER_PLAIN.encode())
    return stream, b" " * 1000


def drips_a_stanza_unproved(world, server):
    return server.open_stream(), b"<db:verify from='remote.test' to='s2s.test' id='" + b"x" * 500


def drips_its_client_hello(world, server):
    stream = tls_begun(server)
    return stream, Flight(world, stream).hello


def says_nothing_after_starttls(world, server):
    return tls_begun(server), b""


def drips_the_end_of_the_handshake(world, server):
    stream = tls_begun(server)
    return stream, Flight(world, stream).second()


def drips_its_client_hello_on_the_direct_port(world, server):
    stream = server.connect(server.direct_port)
    return stream, Flight(world, stream).hello


def drips_its_header_inside_tls(world, server):
    return server.open_secure(), HEADER_PLAIN.encode()


def says_nothing_inside_tls(world, server):
    return server.secure(server.connect(server.direct_port)), b""


def drips_its_sasl(world, server):
    stream = server.open_secure("remote")
    stream.sendall(HEADER_PLAIN.encode())
    assert b"EXTERNAL" in expect(stream, b"</stream:features>")
    return stream, HALF_AUTH


def drips_a_components_header(world, server):
    return server.connect(server.component_port), COMPONENT_HEADER


def drips_a_components_handshake(world, server):
    stream = server.connect(server.component_port)
    stream.sendall(COMPONENT_HEADER)
    expect(stream, b">", b"<stream:stream")
    return stream, b"<handshake>" + b"a" * 500


def drips_its_header_on_the_private_port(world, server):
    return server.connect(server.private_port), HEADER_PLAIN.encode()


def drips_on_the_private_port(world, server):
    stream = server.connect(server.private_port)
    stream.sendall(HEADER_PLAIN.replace("remote.test", "behind.test").encode())
    expect(stream, b"</stream:features>")
    return stream, b" " * 1000


STATES = (says_nothing, drips_its_header, reads_no_features_and_drips_white_space, drips_a_stanza_unproved, drips_its_client_hello,
          says_nothing_after_starttls, drips_the_end_of_the_handshake, drips_its_client_hello_on_the_direct_port,
          drips_its_header_inside_tls, says_nothing_inside_tls, drips_its_sasl, drips_a_components_header,
          drips_a_components_handshake, drips_its_header_on_the_private_port, drips_on_the_private_port)


def drip(stream, data, limit):
    """A byte now and then, until the other side ends; so many seconds it took, or None."""
    began, ended = time.monotonic(), threading.Event()

    def watch():
        with contextlib.suppress(OSError, AssertionError):
            read_to_end(stream, limit)
            ended.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    for number in range(int(limit / EVERY)):
        if ended.wait(EVERY):
            break
        if number < len(data):
            with contextlib.suppress(OSError):
                stream.sendall(data[number:number + 1])
    took = time.monotonic() - began
    watcher.join(limit)
    return took if ended.is_set() else None


@case()
def no_state_can_be_held_open_by_a_byte_now_and_then(world):
    """X26. Every state before authentication ends at its deadline, dripping or not, and its thread and descriptor are given back."""
    limit, took = (NEGOTIATION + LINGER) * world.time_factor, {}
    with world.server(settings(world), upstream=UPSTREAM) as server:
        before = server.settle()

        def play(state):
            began = time.monotonic()
            stream, data = state(world, server)
            reached = time.monotonic() - began
            dripped = drip(stream, data, limit)
            took[state.__name__] = None if dripped is None else reached + dripped
            stream.close()

        players = [threading.Thread(target=play, args=(state,)) for state in STATES]
        for each in players:
            each.start()
        for each in players:
            each.join(LIMIT)
        for state in STATES:
            name = state.__name__
            assert took.get(name) is not None, "%s was not ended (%s)" % (name, took.get(name, "it did not get so far"))
            assert NEGOTIATION - 0.5 < took[name] < NEGOTIATION + 1.2 * world.time_factor, "%s was ended after %.1f s" % (name, took[name])
        print("  %d states, ended after %.2f to %.2f s" % (len(took), min(took.values()), max(took.values())))
        server.assert_as_before(before, 2500)


# --- the servers that we connect to

def drips_header(connection):
    for each in b"<stream:stream xmlns='jabber:server' id='1' ".ljust(500):
        connection.sendall(bytes([each]))
        time.sleep(EVERY)


def header(connection, features=b"<stream:features/>"):
    expect(connection, b">", b"<stream:stream")
    connection.sendall(b"<stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' id='1' version='1.0' "
                       b"xmlns:stream='http://etherx.jabber.org/streams'>" + features)


def drips_features(connection):
    header(connection, b"<stream:features>")
    for each in b"<x xmlns='urn:x'>".ljust(500):
        connection.sendall(bytes([each]))
        time.sleep(EVERY)


def never_proceeds(connection):
    header(connection, b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>")
    expect(connection, b"<starttls")
    connection.sendall(b" ")
    read_to_end(connection)


def never_shakes_hands(connection):
    header(connection, b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>")
    expect(connection, b"<starttls")
    connection.sendall(PROCEED)
    for each in b"\x16\x03\x03\x20\x00\x02\x00\x20\x00".ljust(500, b"\0"):
        connection.sendall(bytes([each]))
        time.sleep(EVERY)


def drips_its_answer(connection):
    header(connection)
    expect(connection, b"<db:verify")
    for each in b"<db:verify from='slow.test' to='s2s.test' id='".ljust(500, b"x"):
        connection.sendall(bytes([each]))
        time.sleep(EVERY)


@case()
def an_authoritative_server_that_drips_holds_nothing_up(world):
    """X2, X26. Whatever state it stops in: whoever waits for it hears `error` in time, and one connection is made for each."""
    serves = (drips_header, drips_features, never_proceeds, never_shakes_hands, drips_its_answer)
    listeners = [Listener(each) for each in serves]
    overrides = "".join(",{slow%d.test,127.0.0.1:%d}" % (number, each.port) for number, each in enumerate(listeners))
    try:
        with world.server(settings(world), overrides=overrides) as server:
            before = server.settle()
            with Pinger(server) as pinger:
                streams, began = [], time.monotonic()
                for number in range(len(serves)):
                    stream = server.open_stream()
                    stream.sendall(RESULT % b"slow%d.test" % number)
                    streams.append(stream)
                for number, stream in enumerate(streams):
                    said = expect(stream, b"</db:result>")
                    took = time.monotonic() - began
                    assert b'type="error"' in said and b"remote-server-timeout" in said, "%s: %r" % (serves[number].__name__, said)
                    # an answer may take ANSWER after a set-up, and housekeeping looks once a second
                    assert took < max(SET_UP, ANSWER) + 2.5 * world.time_factor, "%s: after %.1f s" % (serves[number].__name__, took)
                    assert listeners[number].count == 1, "%s: %d connections" % (serves[number].__name__, listeners[number].count)
                    stream.close()
                print("  all heard an error within %.1f s; slowest ping of another stream %.0f ms" % (took, pinger.worst() * 1000))
                assert pinger.worst() < 1 * world.time_factor, "a ping took %.1f s" % pinger.worst()
            for each in listeners:
                each.close()
            server.authority.stanzas.clear()
            after = server.settle(before.threads + 1, before.descriptors + 1)  # the answers to the pings have a stream of their own
            assert after.threads <= before.threads + 1 and after.descriptors <= before.descriptors + 1, "left: %s, after %s" % (after, before)
    finally:
        for each in listeners:
            each.close()


@case()
def authenticated_peers_that_drip_stanzas_hold_up_nobody(world):
    """X26. A stanza of 1 MiB at a byte a time, on 20 streams: pings of another stream go on, memory is what came."""
    with world.server(settings(world, **{"s2s.limit.streams-per-domain": 30})) as server:
        streams = [server.prove() for _ in range(20)]
        for stream in streams:
            stream.sendall(b"<message from='u@remote.test' to='v@s2s.test'><body>" + b"x" * 1000)
        before = server.settle()
        with Pinger(server) as pinger:
            for _ in range(20):
                for stream in streams:
                    stream.sendall(b"x")
                time.sleep(EVERY)
        after = server.usage()
        print("  %d pings, the slowest %.0f ms; %s" % (len(pinger.times), pinger.worst() * 1000, after))
        assert pinger.worst() < 0.5 * world.time_factor, "a ping took %.1f s" % pinger.worst()
        assert after.resident < before.resident + world.kib(1500), "%s, after %s" % (after, before)
        for stream in streams:
            stream.close()


# --- never reading

VERIFY = b"<db:verify from='remote.test' to='s2s.test' id='%s'>" % (b"i" * 200) + b"k" * 64 + b"</db:verify>"


def flood_unread(stream, seconds):
    """Questions, whose answers are never read; how many bytes went out until it was over."""
    stream.settimeout(0.2)
    sent, end = 0, time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            try:
                sent += stream.send(VERIFY * 50)
            except (socket.timeout, ssl.SSLWantWriteError):
                pass
    except OSError:
        return sent, True
    return sent, False


@case()
def a_peer_that_never_reads_is_bounded_and_closed(world):
    """X29, CVE-2010-0305. Strangers ask and never read: each costs what its two buffers take at most, then it is ended; no other is delayed."""
    count, queue = 10, 65536
    with world.server(settings(world, **{"s2s.queue.bytes": queue, "s2s.negotiation.total": 1 << 26, "s2s.negotiation.timeout": 30000,
                                         "s2s.log.level": "warn"})) as server:
        before = server.settle()
        with Pinger(server) as pinger:
            streams = [server.open_stream(None, 4096) for _ in range(count)] + [server.open_secure(None, 4096) for _ in range(count)]
            for stream in streams[count:]:
                stream.sendall(HEADER_PLAIN.encode())
                expect(stream, b"</stream:features>")
            server.forget_peak()
            base, outcome = server.usage(), []
            players = [threading.Thread(target=lambda stream=stream: outcome.append(flood_unread(stream, 20)))
                       for stream in streams]
            for each in players:
                each.start()
            for each in players:
                each.join(LIMIT * 2)
            peak = server.usage().peak - base.resident
        sent = sum(each[0] for each in outcome)
        print("  %d KiB sent by %d strangers; resident %d KiB more at the worst; slowest ping %.0f ms" % (
            sent // 1024, len(streams), peak, pinger.worst() * 1000))
        # by the server, when its buffer was full for 2 s, or by its kernel, which was not acknowledged anything for 4 s
        assert all(each[1] for each in outcome), "%d of them were not ended" % sum(not each[1] for each in outcome)
        # what waits and what is being sent, each up to twice the bound as buffers double; parser, stack and TLS are touched as well
        assert peak < world.kib(len(streams) * (4 * queue // 1024 + 96)), "resident memory grew by %d KiB" % peak
        assert pinger.worst() < 1 * world.time_factor, "a ping took %.1f s" % pinger.worst()
        for stream in streams:
            stream.close()
        after = server.settle(before.threads + 1, before.descriptors + 1)
        assert after.threads <= before.threads + 1 and after.descriptors <= before.descriptors + 1, "left: %s, after %s" % (after, before)


# --- half-open

@case()
def who_ends_its_half_is_let_go_at_once(world):
    """RFC 6120 4.4. A peer that ends its direction of TCP in any state: nothing of it is left, long before a deadline."""
    with world.server(settings(world, **{"s2s.negotiation.timeout": 60000}), upstream=UPSTREAM) as server:
        before, streams = server.settle(), []
        for state in STATES:
            stream, data = state(world, server)
            raw = socket.socket(fileno=os.dup(stream.fileno()))
            if data:
                stream.sendall(data[:len(data) // 2])
            raw.shutdown(socket.SHUT_WR)
            raw.close()
            streams.append((state.__name__, stream))
        for name, stream in streams:
            began = time.monotonic()
            with contextlib.suppress(ssl.SSLError):
                read_to_end(stream, 3 * world.time_factor)
            assert time.monotonic() - began < 3 * world.time_factor, name
        server.assert_as_before(before, 2500, 4 * world.time_factor)  # our sockets are still open
        for _, stream in streams:
            stream.close()


@case(reduced=False)
def hosts_that_vanish_leave_nothing(world):
    """RFC 6120 4.6.1. The cable is pulled: no end, no reset, no answer. Deadlines and idle limits end what is left, in any state."""
    if not hosts.are_possible():
        raise Skipped("network namespaces can not be made")
    network = hosts.Network(world.directory)
    try:
        ours, theirs = network.add("ours", 2), network.add("theirs", 3)
        prefix = ("ip", "netns", "exec", ours.namespace)
        address = {"network.interface": ours.address, "xmpp.component.interface": ours.address}
        script = ("import socket, sys, time\n"
                  "header = sys.argv[2].encode()\n"
                  "for number in range(30):\n"
                  "    stream = socket.create_connection((sys.argv[1], int(sys.argv[3 + number // 20])), 10)\n"
                  "    kept = globals().setdefault('kept', []); kept.append(stream)\n"
                  "    if number % 3 == 1: stream.sendall(header[:50])\n"
                  "    if number % 3 == 2: stream.sendall(header)\n"
                  "print('up', flush=True)\n"
                  "time.sleep(60)\n")
        with world.server_on(address, settings(world), prefix) as server:
            before = server.settle()
            log = world.directory + "/vanishing"
            theirs.start(log, sys.executable, "-c", script, ours.address, HEADER_PLAIN, str(server.port), str(server.component_port))
            end = time.monotonic() + LIMIT
            while not os.path.exists(log) or "up" not in open(log).read():
                assert time.monotonic() < end, "it did not connect: " + open(log).read()
                time.sleep(0.05)
            theirs.plug_in(False)
            held = server.usage()
            assert held.threads >= before.threads + 30, "only %s" % held
            began = time.monotonic()
            server.assert_as_before(before, 2500, NEGOTIATION + LINGER + 6)
            print("  30 vanished, gone %.1f s later" % (time.monotonic() - began))
    finally:
        network.remove()
