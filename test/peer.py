# SPDX-License-Identifier: Apache-2.0
"""peer.py - the other side of a dialogue: streams that are read as items, in TLS or not, and a small DNS"""
import os
import re
import socket
import ssl
import struct
import threading
import time
import xml.etree.ElementTree as ET

LIMIT = 12.0
WRAP = ("<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' "
        "xmlns:db='jabber:server:dialback'>")


class Failure(Exception):
    pass


class Stream:
    """One connection, ours or the server's: what came is parsed into items."""

    def __init__(self, name, connection, say, accepted=False):
        self.name, self.socket, self.say, self.accepted = name, connection, say, accepted
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.items, self.over, self.blanks = [], False, 0
        self.begin_parser()

    def begin_parser(self):
        self.parser = ET.XMLPullParser(events=("start", "end"))
        self.depth = 0

    def secure(self, directory, certificate, options):
        """Our side of a TLS handshake; the stream begins anew."""
        if self.items:
            raise Failure("unread on %s before TLS: %s" % (self.name, [kind for kind, _ in self.items]))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if self.accepted else ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_OPTIONAL if self.accepted else ssl.CERT_REQUIRED
        if options.get("shows") == "any":
            context.verify_mode = ssl.CERT_NONE
        context.load_verify_locations(os.path.join(directory, "ca.pem"))
        context.set_ciphers("ALL:@SECLEVEL=0")
        if options.get("version") == "1.2":
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        if "alpn" in options:
            context.set_alpn_protocols(options["alpn"].split(","))
        if certificate != "-":
            context.load_cert_chain(os.path.join(directory, certificate + ".pem"))
        asked = []
        if self.accepted:
            context.sni_callback = lambda _, name, __: asked.append(name)
        self.socket.settimeout(LIMIT)
        self.socket = context.wrap_socket(self.socket, server_side=self.accepted, server_hostname=options.get("sni"))
        self.say("-- %s is encrypted: %s" % (self.name, self.socket.version()))
        self.begin_parser()
        for option, found in (("asks", asked[0] if asked else None), ("selected", self.socket.selected_alpn_protocol() or "-")):
            if option in options and options[option] != found:
                raise Failure("%s: %s is %s, not %s" % (self.name, option, found, options[option]))
        if options.get("shows") not in (None, "any"):
            with open(os.path.join(directory, options["shows"] + ".pem")) as file:
                wanted = ssl.PEM_cert_to_DER_cert(re.search("-----BEGIN CERT.*?-----END CERT[^\n]*", file.read(), re.S).group(0))
            if self.socket.getpeercert(True) != wanted:
                raise Failure("%s does not show the certificate %s" % (self.name, options["shows"]))

    def send(self, data, drip):
        self.say("%s >> %r" % (self.name, data if len(data) < 600 else data[:300] + b" ... " + data[-100:]))
        try:
            if drip and len(data) < 20000:
                for i in range(len(data)):
                    self.socket.sendall(data[i:i + 1])
            else:
                self.socket.sendall(data)
        except OSError as error:
            self.say("%s (our send failed: %s)" % (self.name, error))

    def read(self, wait):
        """Takes in what comes within `wait` seconds; False when nothing did."""
        self.socket.settimeout(max(wait, 0.001))
        try:
            data = self.socket.recv(65536)
        except socket.timeout:
            return False
        except OSError as error:
            self.say("%s << (%s)" % (self.name, error))
            data = b""
        if not data:
            self.over = True
            self.items.append(("eof", None))
            return True
        self.say("%s << %r" % (self.name, data if len(data) < 1500 else data[:700] + b" ... " + data[-300:]))
        self.blanks += data.isspace()
        if data.startswith(b"<?xml"):  # a stream that begins anew
            self.begin_parser()
        self.parser.feed(data)
        for event, element in self.parser.read_events():
            self.depth += 1 if event == "start" else -1
            if event == "start" and self.depth == 1:
                self.items.append(("header", element))
            elif event == "end" and self.depth == 1:
                self.items.append(("element", element))
            elif event == "end" and self.depth == 0:
                self.items.append(("close", None))
        return True

    def read_to_tcp_end(self):
        self.socket.settimeout(LIMIT)
        data = b""
        while True:
            try:
                piece = self.socket.recv(65536)
            except socket.timeout:
                raise Failure("TCP was not ended")
            except OSError:
                piece = b""
            if not piece:
                break
            data += piece
        self.say("%s << %r" % (self.name, data))
        if b"<" in data:
            raise Failure("XML came before the end of TCP: %r" % data)

    def wait_blank(self):
        end = time.monotonic() + LIMIT
        while self.blanks == 0:
            if self.items or self.over or not self.read(end - time.monotonic()):
                raise Failure("no white space came on %s" % self.name)
        self.blanks = 0

    def next(self, limit=LIMIT):
        end = time.monotonic() + limit
        while not self.items:
            if self.over or time.monotonic() >= end:
                raise Failure("nothing more came on %s" % self.name)
            self.read(end - time.monotonic())
        return self.items.pop(0)


def encode_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.strip(".").split(".") if label) + b"\0"


class Names(threading.Thread):
    """A DNS server: knows the records it was given, says NXDOMAIN to the rest, and nothing to names with 'silent' in them."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.asked, self.records = [], []

    def add(self, owner, kind, *values):
        if kind == "srv":
            data = struct.pack(">HHH", *map(int, values[:3])) + encode_name(values[3])
        else:
            data = socket.inet_aton(values[0])
        self.records.append((encode_name(owner), {"srv": 33, "a": 1}[kind], data))

    def answer(self, query):
        end = query.index(b"\0", 12) + 1
        name, kind = query[12:end].lower(), struct.unpack(">H", query[end:end + 2])[0]
        known = [record for record in self.records if record[0] == name]
        found = [data for _, its_kind, data in known if its_kind == kind]
        header = query[:2] + struct.pack(">HHHHH", 0x8180 if known else 0x8183, 1, len(found), 0, 0)
        return header + query[12:end + 4] + b"".join(
            struct.pack(">HHHIH", 0xC00C, kind, 1, 60, len(data)) + data for data in found)

    def run(self):
        while True:
            try:
                query, sender = self.socket.recvfrom(4096)
            except OSError:
                return
            self.asked.append(query[12:])
            if b"silent" not in query:
                self.socket.sendto(self.answer(query), sender)


def matches(pattern, actual, captured):
    """Is `actual` what `pattern` describes? Captures go into the dict."""
    if pattern.tag != actual.tag:
        return False
    for name, wanted in pattern.attrib.items():
        if not value_matches(wanted, actual.attrib.get(name), captured):
            return False
    text = (pattern.text or "").strip()
    if text and not value_matches(text, (actual.text or "").strip() or "".join(actual.itertext()).strip(), captured):
        return False
    rest = iter(actual)
    return all(any(matches(child, other, captured) for other in rest) for child in pattern)


def value_matches(wanted, value, captured):
    if wanted == "-":
        return value is None
    if value is None:
        return False
    if wanted.startswith("$"):
        captured[wanted[1:]] = value
        return True
    return wanted == "*" or wanted == value
