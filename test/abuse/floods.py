# SPDX-License-Identifier: Apache-2.0
"""floods.py - peers that send much: white space, keep-alives, questions, claims of a thousand domains, attempts at SASL"""
import re
import threading
import time

from player import HEADER_PLAIN, LIMIT, MIB, RESULT, Listener, Pinger, case, expect, read_to_end

FLOOD = 3  # seconds


def together(functions):
    """Runs them at the same time; what each returned."""
    results = [None] * len(functions)

    def run(number):
        results[number] = functions[number]()

    players = [threading.Thread(target=run, args=(number,)) for number in range(len(functions))]
    for each in players:
        each.start()
    for each in players:
        each.join(LIMIT * 2)
        assert not each.is_alive(), "a player does not end"
    return results


def pour(stream, data, most):
    """Sends until the other side ends it, at most so many bytes; how many went out."""
    sent = 0
    try:
        while sent < most:
            sent += stream.send(data)
    except OSError:
        pass
    return sent


@case()
def white_space_of_strangers_ends_their_streams(world):
    """X27, CVE-2021-32918. White space before authentication, behind the header and instead of it: over at s2s.negotiation.bytes."""
    with world.server() as server:
        before = server.settle()
        for begin in (b"", HEADER_PLAIN.encode()):
            def flood(begin=begin):
                stream = server.connect()
                stream.sendall(begin)
                return pour(stream, b" \n" * 8192, 64 * MIB), read_to_end(stream)
            for sent, said in together([flood] * 20):
                assert sent < 24 * MIB, "%d bytes went out" % sent  # the kernels' buffers, and what is read after our end
                assert said == b"" or b"policy-violation" in said or b"not-well-formed" in said, "the end was %r" % said[-200:]
        server.assert_as_before(before, 2500)


@case()
def keep_alives_by_the_thousand_cost_little(world):
    """Blanks on 20 authenticated streams, one a segment, as fast as they go: the streams stay, others' pings are answered, memory is flat."""
    with world.server({"s2s.limit.streams-per-domain": 30}) as server:
        streams = [server.prove() for _ in range(20)]
        before = server.settle()

        def flood(stream):
            count, end = 0, time.monotonic() + FLOOD
            while time.monotonic() < end:
                stream.sendall(b" ")
                count += 1
            return count

        with Pinger(server) as pinger:
            count = sum(together([lambda stream=stream: flood(stream) for stream in streams]))
        after = server.usage()
        cost = (after.cpu - before.cpu) / count * 1e6
        print("  %d blanks, %.1f us of the processor each; slowest of %d pings %.0f ms" % (
            count, cost, len(pinger.times), pinger.worst() * 1000))
        assert cost < 20 * world.time_factor, "%.0f us a blank" % cost
        assert pinger.worst() < 1 * world.time_factor, "a ping took %.1f s" % pinger.worst()
        assert after.resident < before.resident + world.kib(1000), "%s, after %s" % (after, before)
        for stream in streams:
            stream.sendall(b"</stream:stream>")
            assert read_to_end(stream).endswith(b"</stream:stream>"), "the stream had been ended"


@case()
def questions_about_keys_are_answered_and_nothing_else(world):
    """A flood of db:verify by 8 strangers, who read: each is answered `invalid` once, in order; others' pings go on; memory is flat."""
    with world.server({"s2s.negotiation.total": 1 << 30}) as server:
        before = server.settle()

        def flood():
            stream = server.open_stream()
            stream.settimeout(LIMIT)
            asked = answered = 0
            rest, end = b"", time.monotonic() + FLOOD
            while time.monotonic() < end:
                stream.sendall(b"".join(b"<db:verify from='remote.test' to='s2s.test' id='i%d'>k</db:verify>" % (asked + each)
                                        for each in range(100)))
                asked += 100
                while answered < asked:
                    rest += stream.recv(65536)
                    for found in re.finditer(rb'<db:verify ([^>]*)/>', rest):
                        assert b'type="invalid"' in found.group(1), "the answer is %r" % found.group(0)
                        assert b'id="i%d"' % answered in found.group(1), "the answer %d is %r" % (answered, found.group(0))
                        answered += 1
                    rest = rest[rest.rfind(b"<"):] if not rest.endswith(b">") else b""
            stream.close()
            return answered

        with Pinger(server) as pinger:
            began = server.usage()
            count = sum(each or 0 for each in together([flood] * 8))
            cost = (server.usage().cpu - began.cpu) / max(count, 1) * 1e6
        print("  %d questions, %.0f us each; slowest of %d pings %.0f ms" % (count, cost, len(pinger.times), pinger.worst() * 1000))
        assert count > 1000, "only %d were answered" % count
        assert cost < 100 * world.time_factor, "%.0f us a question" % cost
        assert pinger.worst() < 1 * world.time_factor, "a ping took %.1f s" % pinger.worst()
        after = server.settle(before.threads + 1, before.descriptors + 1)
        assert after.threads <= before.threads + 1 and after.resident <= before.resident + world.kib(3000), "%s, after %s" % (
            after, before)


@case()
def a_thousand_claimed_domains_make_sixteen_connections(world):
    """X17. 1,000 domains claimed on one stream, none of whose servers answers: 16 are asked at once, all others hear `error` now."""
    silent = Listener(lambda connection: read_to_end(connection, 60))
    try:
        with world.server({"xmpp.server.session.initialise-timeout": 2}, overrides=",{*.claimed.test,127.0.0.1:%d}" % silent.port) as server:
            before = server.settle()
            stream = server.open_stream()
            claim = threading.Thread(target=lambda: stream.sendall(b"".join(RESULT % b"d%d.claimed.test" % number for number in range(1000))))
            claim.start()
            data, peak, end = b"", before, time.monotonic() + LIMIT
            while data.count(b"</db:result>") < 1000:
                assert time.monotonic() < end, "%d answers" % data.count(b"</db:result>")
                data += stream.recv(65536)
                peak = max(peak, server.usage(), key=lambda usage: usage.threads)
            claim.join(LIMIT)
            refused = data.count(b"resource-constraint")
            print("  %d connections, %d refused at once; at the worst %s" % (silent.count, refused, peak))
            assert data.count(b'type="error"') == 1000, "not all are errors"
            assert silent.count <= 16 and refused >= 1000 - 16 - silent.count, "%d connections" % silent.count
            assert peak.threads <= before.threads + 17 and peak.descriptors <= before.descriptors + 17, "%s, after %s" % (peak, before)
            stream.close()
            server.assert_as_before(before, 2500)
    finally:
        silent.close()


@case()
def a_thousand_proved_domains_keep_few_streams_open(world):
    """X17. A stranger with a wildcard in his DNS claims 900 domains on one stream, one after the other. Each is asked about on a stream of
    its own, which nobody needs afterwards: ten times xmpp.server.outgoing.max.threads are there at most, and soon so many once."""
    threads = 20
    with world.server({"xmpp.server.outgoing.max.threads": threads}) as server:
        server.reload(**{"dnsutil.dnsOverride": "{*,127.0.0.1:%d}" % server.authority.port, "s2s.log.level": "info"})
        before, stream = server.settle(), server.open_stream()
        peak, valid = before, 0
        for number in range(900):
            stream.sendall(RESULT % b"d%d.claimed.test" % number)
            valid += b'type="valid"/>' in expect(stream, b">", b"<db:result")
            if number % 20 == 0:
                peak = max(peak, server.usage(), key=lambda usage: usage.threads)
        after = server.settle(before.threads + threads + 2, before.descriptors + threads + 2, 10)
        print("  before: %s; at the worst: %s; later: %s; %d were believed" % (before, peak, after, valid))
        most = 10 * threads + 5
        assert peak.threads < before.threads + most and peak.descriptors < before.descriptors + most, "%s" % peak
        assert after.threads <= before.threads + threads + 2, "they stay: %s" % after
        assert valid >= 10 * threads, "only %d were believed" % valid
        stream.sendall(RESULT % b"later.claimed.test")
        expect(stream, b'type="valid"/>')
        stream.close()


@case()
def claims_of_silent_domains_do_not_delay_our_own_stanzas(world):
    """20 strangers claim 16 domains each, whose servers take connections and say nothing. A component's messages to a domain never seen
    before, and to one that a stranger has claimed as well, are on their way within a second all the same."""
    silent = Listener(lambda connection: read_to_end(connection, 60))
    settings = {"xmpp.component.socket.active": "true", "xmpp.server.outgoing.max.threads": 50, "s2s.log.level": "info"}
    try:
        with world.server(settings, overrides=",{*.claimed.test,127.0.0.1:%d}" % silent.port) as server:
            server.reload(**{"dnsutil.dnsOverride": server.settings["dnsutil.dnsOverride"] + ",{late.test,127.0.0.1:%d}" % server.authority.port})
            component = server.open_component()
            streams = [server.open_stream() for _ in range(20)]
            for number, stream in enumerate(streams):
                stream.sendall(b"".join(RESULT % b"d%d-%d.claimed.test" % (number, each) for each in range(16)))
            streams.append(server.open_stream())
            streams[-1].sendall(RESULT % b"late.test")
            time.sleep(0.5)
            for domain in (b"remote.test", b"late.test"):
                began = time.monotonic()
                component.sendall(b"<message from='v@chat.s2s.test' to='u@%s' id='on-its-way'><body>x</body></message>" % domain)
                server.authority.wait_stanzas(1)
                took = time.monotonic() - began
                print("  to %s: on its way after %.2f s" % (domain.decode(), took))
                assert took < 1 * world.time_factor, "after %.1f s" % took
            for stream in streams + [component]:
                stream.close()
    finally:
        silent.close()


@case()
def attempts_at_sasl_end_the_stream(world):
    """Three EXTERNALs that fail are the last on a stream (xmpp.auth.retries), and cost no more than their bytes."""
    with world.server(world.tls_settings()) as server:
        before = server.settle()

        def flood():
            ends = 0
            end = time.monotonic() + FLOOD
            while time.monotonic() < end:
                stream = server.open_secure("other")  # not a certificate for who it says it is
                stream.sendall(HEADER_PLAIN.encode())
                expect(stream, b"</stream:features>")
                pour(stream, b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>" * 50, 1)
                said = read_to_end(stream)
                assert said.count(b"<failure") == 3 and b"policy-violation" in said, "the end was %r" % said[-300:]
                ends += 1
                stream.close()
            return ends

        with Pinger(server) as pinger:
            count = sum(each or 0 for each in together([flood] * 4))
        print("  %d streams; slowest of %d pings %.0f ms" % (count, len(pinger.times), pinger.worst() * 1000))
        assert count >= 4, "only %d" % count
        assert pinger.worst() < 1 * world.time_factor, "a ping took %.1f s" % pinger.worst()
        after = server.settle(before.threads + 1, before.descriptors + 1)
        assert after.threads <= before.threads + 1 and after.descriptors <= before.descriptors + 1, "%s, after %s" % (after, before)
