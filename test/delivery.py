#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""delivery.py - what reaches a component: the same trees, nothing lost, and nobody delayed by one that stops reading

Plays remote.test and the component chat.s2s.test with bare sockets. Hostile but well-formed stanzas are sent through and read again by
expat and by libxml2; ten thousand numbered messages meet a component that leaves and comes back; a component that reads nothing is
closed after the write timeout, and others get their answers meanwhile. Prints `ok name` or `FAILED name: why`, then
`N passed, N failed, N skipped`.
"""
import argparse
import os
import random
import re
import shutil
import socket
import sys
import threading
import time
import xml.etree.ElementTree as ET

import lxml.etree

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cycles import LIMIT, Cycles  # noqa: E402
from ends import Component, Upstream  # noqa: E402
from ports import free_ports  # noqa: E402

SERVER, COMPONENT = "jabber:server", "jabber:component:accept"
ROOT = "<stream:stream xmlns='%s' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback'>"
# Payloads of a message: each is to look the same behind us, to either parser.
CORPUS = [
    "<body>plain</body>",
    "<body>&lt;&amp;&gt;&quot;&apos; ]]&gt; <![CDATA[<not>&a;<tag>]]]]><![CDATA[>]]></body>",
    "<body>&#9;tab&#10;line&#13;return &#13;&#10;</body>",
    "<body a='&#9;&#10;&#13; &lt;&amp;&gt;&quot;&apos;' b=\"'\" c='\"'/>",
    "<body>\u00e9\u4e2d\U0001f600\u0085\u2028\ufeff\ufffd\u200b\u202e</body>",
    "<x xmlns='urn:a'><y/><y xmlns=''><z/></y><y xmlns='urn:b'><z xmlns='urn:a'/></y></x>",
    "<p:x xmlns:p='urn:p'><p:y xmlns:p='urn:q'><p:z/></p:y><p:y/></p:x>",
    "<x xmlns='urn:a' xmlns:p='urn:p' xmlns:q='urn:p' p:a='1' a='2' q:b='3'><p:y q:a='1'/></x>",
    "<stream:x><stream:y xmlns:stream='urn:other'><stream:z/></stream:y></stream:x>",
    "<stream:stream><stream:error/><stream:features/></stream:stream>",
    "<db:result from='a' to='b'>key</db:result><db:verify xmlns:db='urn:no'/>",
    "<x xmlns='jabber:client'><message xmlns='jabber:server'><body xmlns='jabber:client'/></message></x>",
    "<iq/><message/><presence/><handshake>x</handshake><bind name='evil'/>",
    "<x xmlns='urn:with \"quotes\"'><y xmlns=\"urn:with 'single'\"/></x>",
    "<x xmlns='urn:a|b&#10;c d&lt;e'><y/></x>",
    "<x xmlns='http://etherx.jabber.org/streams'><stream/></x>",
    "<body xml:lang='de' xml:space='preserve'>  two  blanks  </body>",
    "<a-b.c_d xmlns='urn:a'/><_x/><\u00e9\u00e9/>",
    "<x>" + "<d>" * 60 + "deep" + "</d>" * 60 + "</x>",
    "<x xmlns='urn:a'>mixed<y/>text<y/>tail</x>",
    "<x " + " ".join("a%d='%d'" % (number, number) for number in range(100)) + "/>",
    "<p:x xmlns:p='jabber:server'><p:y/></p:x>",
    "<xml-like xmlnsx='a' xm:l='b' xmlns:xm='urn:xm'/>",
    "<y xmlns:a='urn:1' xmlns:b='urn:1' a:q='1'><b:z xmlns:a='urn:2' a:q='2' b:q='3'/></y>",
    "<body>" + "x" * 60000 + "</body>",
]


def tree_of(element):
    """Nested tuples of an ElementTree or lxml element: names, attributes, text."""
    return (element.tag, tuple(sorted(element.attrib.items())), element.text or "",
            tuple((tree_of(child), child.tail or "") for child in element))


def translate(tree):
    """A sent tree as it must look on a component's stream."""
    tag, attributes, text, children = tree
    return (tag.replace("{%s}" % SERVER, "{%s}" % COMPONENT), attributes, text,
            tuple((translate(child), tail) for child, tail in children))


class Delivery(Cycles):
    def __init__(self, binary):
        self.upstream_port, private, self.component_port, self.far_port = free_ports(4)
        super().__init__(binary, 0, 0, "server.certificate.file = none\ncomponent.socket.active = true\ncomponent.socket.port = %d\n"
                         "component.defaultSecret = sesame\nsocket.write-timeout-seconds = 3\n[upstream behind.test]\nhost = 127.0.0.1\nport = %d\n"
                         "[s2s]\nupstream.socket.port = %d\n" % (self.component_port, self.upstream_port, private),
                         "{far.test,127.0.0.1:%d}" % self.far_port)

    def prove_to_chat(self):
        stream = self.open_stream()
        stream.sendall(b"<db:result from='remote.test' to='chat.s2s.test'>k</db:result>")
        self.expect(stream, b'type="valid"/>')
        return stream

    def the_same_trees_for_two_parsers(self):
        component = Component(self.component_port)
        stream, sent = self.prove_to_chat(), []
        for number, payload in enumerate(CORPUS):
            stanza = "<message from='u@remote.test/&lt;r' to='v@chat.s2s.test' id='c%d' xml:lang='en'>%s</message>" % (number, payload)
            sent.append(translate(tree_of(ET.fromstring((ROOT % SERVER) + stanza + "</stream:stream>")[0])))
            stream.sendall(stanza.encode())
        stream.sendall(b"<message from='u@remote.test' to='v@chat.s2s.test' id='end-of-it'/>")
        data = (ROOT % COMPONENT).encode() + component.read_until(b"/>", b"end-of-it") + b"</stream:stream>"
        stream.close()
        component.leave()
        # recover: libxml2 calls a namespace name that is no URI an error of namespaces, and lxml would stop at it
        parser = lxml.etree.XMLParser(resolve_entities=False, huge_tree=True, recover=True)
        for name, root in (("expat", ET.fromstring(data)), ("libxml2", lxml.etree.fromstring(data, parser))):
            got = [tree_of(element) for element in root][:-1]
            assert len(got) == len(sent), "%s sees %d stanzas instead of %d" % (name, len(got), len(sent))
            for number, (one, other) in enumerate(zip(got, sent)):
                assert one == other, "%s sees another tree of %s:\n%r\ninstead of\n%r" % (name, CORPUS[number][:200], one, other)
        for forbidden in (b"<!", b"<?"):
            assert forbidden not in data, "there is a %r in what was delivered" % forbidden

    def ten_thousand_messages_and_a_component_that_comes_and_goes(self):
        count, over, seen = 10000, threading.Event(), []
        randomly = random.Random(4)

        def live():
            while not over.is_set():
                component = Component(self.component_port)
                component.socket.settimeout(0.05)
                end = time.monotonic() + randomly.uniform(0.02, 0.3)
                while time.monotonic() < end:
                    try:
                        component.data += component.socket.recv(1 << 16)
                    except socket.timeout:
                        pass
                component.socket.settimeout(LIMIT)
                component.leave()
                seen.extend(re.findall(rb'<message [^>]*id="n(\d+)"', component.data))
                time.sleep(randomly.uniform(0, 0.05))

        first = Component(self.component_port)  # so that the domain is known
        stream = self.prove_to_chat()
        first.leave()
        self.authority.stanzas = []
        life = threading.Thread(target=live)
        life.start()
        for number in range(count):
            stream.sendall(b"<message from='u@remote.test' to='v@chat.s2s.test' id='n%d'><body>x</body></message>" % number)
            if number % 250 == 0:
                time.sleep(0.05)
        end = time.monotonic() + LIMIT
        while len(seen) + len(self.authority.stanzas) < count and time.monotonic() < end:
            time.sleep(0.1)
        over.set()
        life.join(LIMIT)
        stream.close()
        delivered, bounced = [int(each) for each in seen], [int(each[1:]) for each in self.authority.stanzas]
        print("  %d delivered, %d bounced" % (len(delivered), len(bounced)))
        assert sorted(delivered + bounced) == list(range(count)), "%d + %d of %d; missing %s" % (
            len(delivered), len(bounced), count, sorted(set(range(count)) - set(delivered + bounced))[:10])
        assert delivered == sorted(delivered) and delivered and bounced, "not in order, or not both"

    def ten_thousand_messages_and_a_server_behind_us_that_comes_and_goes(self):
        count, behind = 10000, Upstream(self.upstream_port)
        stream = self.open_stream()
        stream.sendall(b"<db:result from='remote.test' to='behind.test'>k</db:result>")
        self.expect(stream, b'type="valid"/>')
        self.authority.stanzas = []
        for number in range(count):
            stream.sendall(b"<message from='u@remote.test' to='v@behind.test' id='n%d'><body>x</body></message>" % number)
            if number % 100 == 0:
                time.sleep(0.05)
        end = time.monotonic() + LIMIT
        while len(behind.seen) + len(self.authority.stanzas) < count and time.monotonic() < end:
            time.sleep(0.1)
        behind.stop()
        stream.close()
        bounced = [int(each[1:]) for each in self.authority.stanzas]
        print("  %d delivered, %d bounced" % (len(behind.seen), len(bounced)))
        assert sorted(behind.seen + bounced) == list(range(count)), "%d + %d of %d; missing %s" % (
            len(behind.seen), len(bounced), count, sorted(set(range(count)) - set(behind.seen + bounced))[:10])
        assert behind.seen == sorted(behind.seen) and behind.seen, "not in order"

    def a_component_that_does_not_read_delays_nobody_else(self):
        slow = Component(self.component_port, 4096)
        self.nobody_else_is_delayed(self.prove_to_chat(), "remote.test", "chat.s2s.test", slow.socket)

    def listen_and_stop(self, port, domain):
        """A server that lets one stream in, believes its key and never reads again: its thread, its listener, its streams."""
        listener, streams = socket.socket(), []
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        listener.settimeout(LIMIT)

        def let_in_and_stop():
            connection, _ = listener.accept()
            streams.append(connection)
            connection.settimeout(LIMIT)
            data = b""
            for words in ("its header", "its key"):
                while not Upstream.ASKED.search(data):
                    more = connection.recv(1 << 12)
                    assert more, "the stream ended before " + words
                    data += more
                asked = Upstream.ASKED.search(data)
                Upstream.answer(connection, asked, domain)
                data = data[asked.end():]

        life = threading.Thread(target=let_in_and_stop)
        life.start()
        return life, listener, streams

    def a_server_behind_us_that_does_not_read_delays_nobody_else(self):
        life, listener, streams = self.listen_and_stop(self.upstream_port, b"behind.test")
        stream = self.open_stream()
        stream.sendall(b"<db:result from='remote.test' to='behind.test'>k</db:result>")
        self.expect(stream, b'type="valid"/>')
        try:
            self.nobody_else_is_delayed(stream, "remote.test", "behind.test", listener)
        finally:
            life.join(LIMIT)
            for each in streams:
                each.close()

    def a_remote_server_that_does_not_read_delays_nobody_else(self):
        life, listener, streams = self.listen_and_stop(self.far_port, b"far.test")
        component, came, over = Component(self.component_port), [b""], threading.Event()
        component.socket.settimeout(0.05)

        def collect():
            while not over.is_set():
                try:
                    came[0] += component.socket.recv(1 << 16)
                except (socket.timeout, BlockingIOError):
                    pass

        collector = threading.Thread(target=collect)
        collector.start()
        writer = socket.socket(fileno=os.dup(component.socket.fileno()))  # its reader has a short timeout
        writer.settimeout(LIMIT)
        try:
            self.nobody_else_is_delayed(writer, "chat.s2s.test", "far.test", listener,
                                        lambda: len(re.findall(rb'<message type="error" id="n', came[0])))
        finally:
            over.set()
            collector.join(LIMIT)
            life.join(LIMIT)
            for each in streams + [component.socket]:
                each.close()

    def nobody_else_is_delayed(self, stream, sender, domain, slow, bounces=None):
        """Floods `domain`, which does not read, on this stream; pings on another; in the end closes all three."""
        closings, other = self.closings(), self.prove()
        other.sendall(b"<iq type='get' id='p' from='u@remote.test/r' to='s2s.test'><ping xmlns='urn:xmpp:ping'/></iq>")
        self.authority.stanzas = []
        bounces = bounces or (lambda: len([each for each in self.authority.stanzas if each.startswith("n")]))
        count, worst, answered = 4000, 0.0, 0
        sending = threading.Thread(target=lambda: [stream.sendall(
            b"<message from='u@%s' to='v@%s' id='n%d'><body>%s</body></message>" % (sender.encode(), domain.encode(), number, b"x" * 4000))
            for number in range(count)])
        sending.start()
        end = time.monotonic() + 12
        while time.monotonic() < end and bounces() < 1000:
            before = time.monotonic()
            wanted = "q%d" % answered
            other.sendall(b"<iq type='get' id='%s' from='u@remote.test/r' to='s2s.test'><ping xmlns='urn:xmpp:ping'/></iq>" % wanted.encode())
            while wanted not in self.authority.stanzas and time.monotonic() < before + 10:
                time.sleep(0.001)
            worst, answered = max(worst, time.monotonic() - before), answered + 1
            time.sleep(0.02)
        sending.join(LIMIT)
        bounced = bounces()
        print("  %d pings meanwhile, the slowest answer after %.0f ms; %d messages bounced" % (answered, worst * 1000, bounced))
        assert worst < 1.0, "a ping took %.1f s" % worst
        assert bounced > count // 4, "only %d of %d messages came back" % (bounced, count)
        assert self.closings() > closings, "the slow one was not closed"
        for each in (stream, other, slow):
            each.close()

    def closings(self):
        with open(os.path.join(self.directory, "log"), errors="replace") as log:
            return log.read().count("closed as stalled")

    def run(self):
        failed = 0
        names = ("the_same_trees_for_two_parsers", "ten_thousand_messages_and_a_component_that_comes_and_goes",
                 "ten_thousand_messages_and_a_server_behind_us_that_comes_and_goes", "a_component_that_does_not_read_delays_nobody_else",
                 "a_server_behind_us_that_does_not_read_delays_nobody_else", "a_remote_server_that_does_not_read_delays_nobody_else",
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
    options = parser.parse_args()
    return Delivery(os.path.abspath(options.binary)).run()


if __name__ == "__main__":
    sys.exit(main())
