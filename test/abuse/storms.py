# SPDX-License-Identifier: Apache-2.0
"""storms.py - connections that are cut off in every state, by the thousand: nothing of them is left"""
import contextlib
import random
import ssl
import threading
import time

from player import HEADER_PLAIN, LIMIT, PROCEED, RESULT, Listener, case, expect, reset
from slow import STATES, UPSTREAM, header, opened


def half_a_result(world, server):
    stream = server.open_stream()
    stream.sendall(RESULT[:-20] % b"remote.test")
    return stream, b""


def proving(world, server):
    stream = server.open_stream()
    stream.sendall(RESULT % b"remote.test")
    return stream, b""


def proved_amid_a_stanza(world, server):
    stream = server.prove()
    stream.sendall(b"<message from='u@remote.test' to='v@chat.s2s.test'><body>x" + b"<a>" * 50)
    return stream, b""


def a_component_amid_a_stanza(world, server):
    stream = server.open_component()
    stream.sendall(b"<message from='v@chat.s2s.test' to='u@remote.test'><body>")
    return stream, b""


def proved_inside_tls(world, server):
    stream = server.open_secure("remote")
    opened(stream)
    stream.sendall(b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>")
    expect(stream, b"<success")
    opened(stream)
    return stream, b""


def proving_on_the_private_port(world, server):
    stream = server.connect(server.private_port)
    stream.sendall(HEADER_PLAIN.replace("remote.test", "behind.test").encode())
    expect(stream, b"</stream:features>")
    stream.sendall(b"<db:result from='behind.test' to='remote.test'>k</db:result>")
    return stream, b""


IN = STATES + (half_a_result, proving, proved_amid_a_stanza, a_component_amid_a_stanza, proved_inside_tls, proving_on_the_private_port)


@case()
def connections_cut_off_in_any_state_leave_nothing(world):
    """X28, CVE-2026-43506. Every state of slow.py and those of a proof, on all four ports, each cut off by an end or a reset at a random
    byte: threads, descriptors and memory are as before."""
    settings = {**world.tls_settings(), "xmpp.component.socket.active": "true", "s2s.negotiation.verifications": 4,
                "xmpp.socket.backlog": 1000, "s2s.log.level": "error"}
    randomly = random.Random(11)
    with world.server(settings, upstream=UPSTREAM) as server:
        def cut_off(state):
            try:
                stream, data = state(world, server)
                if data:
                    stream.sendall(data[:randomly.randrange(len(data))])
                reset(stream) if randomly.random() < 0.5 else stream.close()
            except (ssl.SSLError, AssertionError):
                if state is not a_component_amid_a_stanza:  # the one before it may still be there: conflict
                    raise

        def storm(rounds):
            failed = []

            def play(states):
                try:
                    for _ in range(rounds):
                        for state in states:
                            cut_off(state)
                except (OSError, AssertionError) as error:
                    failed.append(error)

            players = [threading.Thread(target=play, args=(IN[number::3],)) for number in range(3)]
            for each in players:
                each.start()
            for each in players:
                each.join(LIMIT * 4)
            assert not failed, "%r" % failed[0]

        rounds = 5 if world.reduced else 150
        storm(max(rounds // 3, 3))
        before = server.settle()
        began = time.monotonic()
        storm(rounds)
        print("  %d connections in %d states, %.0f a second" % (rounds * len(IN), len(IN), rounds * len(IN) / (time.monotonic() - began)))
        server.assert_as_before(before, 2500)


# --- the servers that we connect to end it

def accepts(world, connection):
    pass


def reads_our_header(world, connection):
    expect(connection, b">", b"<stream:stream")


def sends_half_a_header(world, connection):
    reads_our_header(world, connection)
    connection.sendall(b"<stream:stream xmlns='jabber:ser")


def sends_half_its_features(world, connection):
    header(connection, b"<stream:features><dialback xm")


def sends_its_features(world, connection):
    header(connection)


def reads_our_key(world, connection):
    header(connection)
    expect(connection, b"<db:verify")


def answers_half(world, connection):
    reads_our_key(world, connection)
    connection.sendall(b"<db:verify from='")


FEATURE = b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>"


def proceeds(world, connection):
    header(connection, FEATURE)
    expect(connection, b"<starttls")
    connection.sendall(PROCEED)


def reads_our_client_hello(world, connection):
    proceeds(world, connection)
    expect(connection, b"\x16\x03")


def secured(world, connection):
    proceeds(world, connection)
    context = world.server_context("peers")
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(world.certificates + "/ca.pem")
    return context.wrap_socket(connection, server_side=True)


def shakes_hands(world, connection):
    return secured(world, connection)


def reads_our_sasl(world, connection):
    secure = secured(world, connection)
    header(secure, b"<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms>"
           b"</stream:features>")
    expect(secure, b"<")
    return secure


OUT = (accepts, reads_our_header, sends_half_a_header, sends_half_its_features, sends_its_features, reads_our_key, answers_half, proceeds,
       reads_our_client_hello, shakes_hands, reads_our_sasl)


@case()
def servers_that_end_our_streams_in_any_state_leave_nothing(world):
    """X20, X28. The same of our own streams: the server that is asked about a key ends it, or resets it, in one state after another, and
    every claim is answered by an error."""
    randomly, turn = random.Random(12), [0]

    def serve(connection):
        turn[0] += 1
        connection = OUT[turn[0] % len(OUT)](world, connection) or connection
        reset(connection) if randomly.random() < 0.5 else connection.close()

    cruel = Listener(serve)
    settings = {**world.tls_settings(), "s2s.log.level": "error", "s2s.negotiation.verifications": 16,
                "xmpp.server.session.initialise-timeout": 2}
    try:
        with world.server(settings, overrides=",{*.cruel.test,127.0.0.1:%d}" % cruel.port) as server:
            def storm(count, name):
                stream, data, failed = server.open_stream(), b"", 0
                stream.settimeout(LIMIT)
                for first in range(0, count, 8):
                    many = min(8, count - first)
                    stream.sendall(b"".join(RESULT % b"%s%d.cruel.test" % (name, first + each) for each in range(many)))
                    while data.count(b"</db:result>") < many:
                        more = stream.recv(65536)
                        assert more, "the stream ended: %r" % data[-300:]
                        data += more
                    failed += data.count(b'type="error"')
                    data = b""
                stream.close()
                assert failed == count, "%d of %d claims failed" % (failed, count)

            count = 110 if world.reduced else 1100
            storm(count // 3, b"warm")
            before, began = server.settle(), time.monotonic()
            storm(count, b"d")
            print("  %d streams in %d states, %.0f a second" % (count, len(OUT), count / (time.monotonic() - began)))
            with contextlib.suppress(OSError):
                cruel.socket.close()
            server.assert_as_before(before, 3500)
    finally:
        cruel.close()
