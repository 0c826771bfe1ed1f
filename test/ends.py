# SPDX-License-Identifier: Apache-2.0
"""ends.py - the other ends of our connections, as delivery.py and killed.py play them: a component, and a server behind us"""
import hashlib
import random
import re
import socket
import threading
import time

LIMIT = 30


class Component:
    """The component's end: a socket, and what came."""

    def __init__(self, port, buffer=0, domain="chat.s2s.test"):
        """`buffer`: bytes of the receive buffer that is asked of the kernel, 0: its own choice."""
        end = time.monotonic() + LIMIT
        while True:
            self.socket = socket.socket()
            if buffer:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            self.socket.settimeout(LIMIT)
            try:
                self.socket.connect(("127.0.0.1", port))
                break
            except ConnectionRefusedError:  # it has just started
                self.socket.close()
                assert time.monotonic() < end, "the port of components does not open"
                time.sleep(0.05)
        self.socket.sendall(b"<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='%s'>" % domain.encode())
        self.data = b""
        stream_id = re.search(rb'id="([^"]*)"', self.read_until(b">", b"<stream:stream")).group(1)
        self.data = b""
        self.socket.sendall(b"<handshake>%s</handshake>" % hashlib.sha1(stream_id + b"sesame").hexdigest().encode())
        before, self.data = self.read_until(b"<handshake/>").split(b"<handshake/>", 1)  # stanzas may stand behind it
        assert before == b"", "something came before the answer to the handshake: %r" % before

    def read_until(self, words, begin=b""):
        while begin not in self.data or words not in self.data[self.data.find(begin):]:
            more = self.socket.recv(1 << 16)
            assert more, "the stream ended before %r: %r" % (words, self.data[-300:])
            self.data += more
        return self.data

    def leave(self):
        """Properly: our closing tag, and reading on until theirs."""
        self.socket.sendall(b"</stream:stream>")
        while b"</stream:stream>" not in self.data[-200:]:
            more = self.socket.recv(1 << 16)
            if not more:
                break
            self.data += more
        self.socket.close()


class Upstream:
    """The server behind us, behind.test: believes every key, notes what comes, and leaves properly now and then."""
    HEADER = (b"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' "
              b"xmlns:db='jabber:server:dialback' from='behind.test' id='u' version='1.0'><stream:features>"
              b"<dialback xmlns='urn:xmpp:features:dialback'/></stream:features>")
    ASKED = re.compile(rb"<stream:stream[^>]*>|<db:result from=\"([^\"]*)\"[^>]*>[^<]*</db:result>")

    def __init__(self, port):
        self.port, self.randomly, self.over, self.seen = port, random.Random(5), threading.Event(), []
        self.thread = threading.Thread(target=self.live)
        self.thread.start()

    def live(self):
        while not self.over.is_set():
            with socket.create_server(("127.0.0.1", self.port), reuse_port=False) as listener:
                listener.settimeout(0.2)
                for _ in range(3):
                    try:
                        connection, _ = listener.accept()
                    except socket.timeout:
                        continue
                    self.serve(connection)
            time.sleep(self.randomly.uniform(0, 0.05))  # nobody listens

    @classmethod
    def answer(cls, connection, asked, domain=b"behind.test"):
        """To a header with ours, to a key with `valid`; `asked` is a match of ASKED."""
        connection.sendall(b"<db:result from='%s' to='%s' type='valid'/>" % (domain, asked.group(1)) if asked.group(1)
                           else cls.HEADER.replace(b"behind.test", domain))

    def serve(self, connection):
        data, scanned, leaving, end = b"", 0, False, time.monotonic() + self.randomly.uniform(0.05, 0.4)
        connection.settimeout(0.02)
        while b"</stream:stream>" not in data[-400:]:
            try:
                more = connection.recv(1 << 16)
                if not more:
                    break
                data += more
            except socket.timeout:
                pass
            asked = self.ASKED.search(data[scanned:])
            if asked:
                self.answer(connection, asked)
                scanned += asked.end()
            if not leaving and (time.monotonic() > end or self.over.is_set()):
                leaving = True
                connection.sendall(b"</stream:stream>")
        self.seen += [int(each) for each in re.findall(rb'<message [^>]*id="n(\d+)"', data)]
        connection.close()

    def stop(self):
        self.over.set()
        self.thread.join(LIMIT)
