# SPDX-License-Identifier: Apache-2.0
"""costs.py - what bytes can be made to cost: tokens that come a byte at a time, and shapes of XML that are larger inside than outside"""
import threading

from player import HEADER_PLAIN, LIMIT, MIB, RESULT, case, expect, read_to_end

PIECE = 7  # bytes of a segment


def send_pieces(stream, data, piece):
    """Each piece in a TLS record of its own: those are read one by one, whatever the kernels join."""
    for at in range(0, len(data), piece):
        stream.sendall(data[at:at + piece])


def cost_of(server, data, piece, count=1):
    """Seconds of the server's processor for this, on an authenticated stream, `count` times; the best of two."""
    costs = []
    for _ in range(2):
        stream = server.open_secure()
        stream.sendall(HEADER_PLAIN.encode() + RESULT % b"remote.test")
        expect(stream, b'type="valid"/>')
        stream.sendall(b"<message from='u@remote.test' to='v@s2s.test' type='error'/>")  # an error is answered by nothing
        before = server.wait_quiet().cpu
        for _ in range(count):
            send_pieces(stream, data, piece)
        stream.sendall(b"</stream:stream>")
        end = read_to_end(stream)
        cost = server.usage().cpu - before
        assert end.endswith(b"</stream:stream>") and b"stream:error" not in end, "the stream was ended: %r" % end[-300:]
        stream.close()
        costs.append(cost)
    return min(costs)


def message(inside, begin=b""):
    return b"<message from='u@remote.test' to='v@s2s.test' type='error'%s>%s</message>" % (begin, inside)


TEXT = "text", lambda size: message(b"<body>" + b"x" * size + b"</body>")
CDATA = "a CDATA section", lambda size: message(b"<body><![CDATA[" + b"x" * size + b"]]></body>")
VALUE = "an attribute's value", lambda size: message(b"", b" a='" + b"v" * size + b"'")
NAME = "a name", lambda size: message(b"<" + b"n" * size + b"/>")
SPACE = "white space inside a tag", lambda size: message(b"", b" " * size)
REFERENCES = "references", lambda size: message(b"<body>" + b"&#120;" * (size // 6) + b"</body>")


@case()
def tokens_that_drip_cost_what_their_bytes_cost(world):
    """Peers' record 27 and 31, CVE-2023-52425. Text and sections of 1 MiB in TLS records of 7 bytes, each of which is read by itself: no more than 6 times 256 KiB of it (4 is
    linear); tags, which are bounded at 16 KiB, as large as they may be: no more than twice the same bytes in small ones (1 is linear)."""
    with world.server({**world.tls_settings(), "xmpp.parser.buffer.size": 2 * MIB}) as server:
        for name, make in (TEXT, CDATA, REFERENCES):
            unit = 65536 if world.reduced else 262144
            small, large = cost_of(server, make(unit), PIECE), cost_of(server, make(4 * unit), PIECE)
            print("  %-26s %4d KiB: %.3f s, %4d KiB: %.3f s, ratio %.1f" % (
                name, unit // 1024, small, 4 * unit // 1024, large, large / small), flush=True)
            assert large < 6 * small, "%s: %.3f s for four times what cost %.3f s" % (name, large, small)
        for name, make in (VALUE, NAME, SPACE):
            count = 8 if world.reduced else 32
            small, large = cost_of(server, make(900), PIECE, 16 * count), cost_of(server, make(15000), PIECE, count)
            print("  %-26s %4d of 900 bytes: %.3f s, %d of 15,000: %.3f s, ratio %.1f" % (
                name, 16 * count, small, count, large, large / small), flush=True)
            assert large < 2 * small, "%s: %.3f s as large ones, %.3f s as small ones" % (name, large, small)


@case()
def a_stanza_that_drips_costs_no_more_than_many_small_ones(world):
    """Peers' record 31. A stanza that comes in 7 bytes a read costs what reading costs, some microseconds each; beyond that no more than
    3 times what the same reads cost when each is an element of its own."""
    size = 131072 if world.reduced else 524288
    with world.server({**world.tls_settings(), "xmpp.parser.buffer.size": 2 * MIB, "s2s.xml.elements": 1000000}) as server:
        one = cost_of(server, message(b"<body>" + b"x" * size + b"</body>"), size)
        drip = cost_of(server, message(b"<body>" + b"x" * size + b"</body>"), PIECE)
        many = cost_of(server, message(b"<body/>" * (size // PIECE)), PIECE)
        print("  %d KiB: in large records %.4f s, in records of %d bytes %.3f s (%.1f us each), as elements of that size %.3f s" % (
            size // 1024, one, PIECE, drip, drip * PIECE / size * 1e6, many))
        assert drip < 3 * many, "%.3f s instead of %.3f s" % (drip, many)


@case()
def what_is_too_large_ends_at_the_bound(world):
    """Peers' record 26. 64 MiB of one attribute, name, comment or text: over at the bound of bytes, not at the end of it."""
    begin = b"<message from='u@remote.test' to='v@s2s.test'"
    shapes = {"an attribute": begin + b" a='", "a name": b"<", "white space in a tag": begin, "a comment": b"<!--", "an instruction": b"<?x ",
              "text": begin + b"><body>", "a section": begin + b"><body><![CDATA[", "a declaration": b"<!DOCTYPE ", "a closing tag": b"</",
              "an entity": begin + b"><body>&"}
    with world.server() as server:
        server.prove().close()  # its outgoing stream stays for a while
        before = server.settle()
        for proved in (False, True):
            for name, start in shapes.items():
                stream = server.prove() if proved else server.open_stream()
                server.forget_peak()
                base = server.usage()
                sent, data = 0, (b" " if "white" in name else b"x") * 65536
                try:
                    stream.sendall(start)
                    while sent < 64 * MIB:
                        sent += stream.send(data)
                except OSError:
                    pass
                said = read_to_end(stream)
                peak = server.usage().peak - base.resident
                stream.close()
                # the bound is 64 KiB, or 1 MiB once proved; the rest stands in the kernels' buffers, or is read and dropped (1 MiB)
                assert sent < 24 * MIB, "%s: %d bytes went out" % (name, sent)
                assert said == b"" or b"<stream:error>" in said, "%s: %r" % (name, said[-200:])
                assert peak < world.kib(6000), "%s: %d KiB at the worst" % (name, peak)
        server.assert_as_before(before, 3000)


# --- amplification: each shape is a stanza that is never finished, so that all of it is kept

def tags(inner, count):
    return b"<message>" + b"".join(inner % number if b"%" in inner else inner for number in range(count))


SHAPES = {
    "tiny elements": tags(b"<a/>", 16000),
    "tiny elements with a letter": tags(b"<a/>x", 12500),
    "tiny attributes": tags(b"<a b='' c='' d='' e='' f='' g='' h='' i=''/>", 1400),
    "many attributes": tags(b"<a " + b" ".join(b"a%d=''" % number for number in range(200)) + b"/>", 40),
    "namespaces": tags(b"<a xmlns:b='c' xmlns:d='e' xmlns:f='g' xmlns:h='i'/>", 1200),
    "a namespace each": tags(b"<a xmlns='u%d'/>", 4000),
    "depth": b"<message>" + b"<a>" * 120,
    "depth with namespaces": b"<message>" + b"".join(b"<a%d xmlns:n%d='u%d'>" % (number, number, number) for number in range(120)),
    "long names": tags(b"<" + b"n" * 15000 + b"%d/>", 4),
    "names, all different": tags(b"<a%d/>", 7000),
    "attribute names, all different": tags(b"<a a%d=''/>", 4500),
    "references": b"<message><body>" + b"&lt;" * 16000,
    "text": b"<message><body>" + b"x" * 64000,
    "entities": b"<message><body>&a;",
    "a DTD": b"<!DOCTYPE a [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;'>]><message>&b;",
}
FACTOR, BASE = 48, 96  # KiB of resident memory for a KiB sent, and beyond that for a stream at all


def measure_shape(server, shape, proved, count):
    """Streams with this shape, all at once; KiB of resident memory and KiB sent, each of one stream."""
    streams = [server.prove() if proved else server.open_stream() for _ in range(count)]
    server.wait_quiet()
    server.forget_peak()
    before = server.usage()

    def send(stream):
        try:
            stream.sendall(shape)
        except OSError:
            pass

    senders = [threading.Thread(target=send, args=(stream,)) for stream in streams]
    for each in senders:
        each.start()
    for each in senders:
        each.join(LIMIT)
    grown = (server.wait_quiet().peak - before.resident) / count
    for stream in streams:
        stream.close()
    return grown, len(shape) / 1024


def amplifies(world, proved):
    count, worst = (8, 0) if world.reduced else (16, 0)
    for name, shape in SHAPES.items():
        with world.server() as server:  # anew, so that no memory is left from the shape before
            grown, sent = measure_shape(server, shape, proved, count)
        print("  %-32s %5.0f KiB sent, %5.0f KiB of memory" % (name, sent, grown), flush=True)
        assert grown < world.kib(FACTOR * sent + BASE), "%s: %.0f KiB for %.0f KiB" % (name, grown, sent)
        worst = max(worst, grown)
    print("  at the worst %.0f KiB of one stream" % worst)
    return worst


@case()
def strangers_can_not_make_much_of_little(world):
    """X27, CVE-2026-43507, CVE-2011-1755. Shapes of XML before authentication: memory for what was sent, and for one stream at all, bounded."""
    worst = amplifies(world, False)
    assert worst < world.kib(512), "%.0f KiB of one stranger's stream" % worst


@case()
def peers_can_not_make_much_of_little(world):
    """The same of an authenticated stream, which may send more of everything."""
    amplifies(world, True)
