#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""dialog.py - scripted dialogues with a real server, one file each: test/dialog/*.dialog

The script plays the peers. A dialogue is read line by line; `#` starts a comment line:

    proves: 1, X5                     numbers of the conformance checklist
    says: one sentence                what the dialogue shows
    setting NAME = VALUE              before the server starts; later: changed in its file, for `hup`; ${port} is
                                      the server's own
    row DOMAIN permission [port]      a row of remote-servers.conf; may come later too, for `hup`
    name OWNER srv PRIORITY WEIGHT PORT TARGET | name OWNER a ADDRESS    a record of the DNS; PORT may be listener:DOMAIN
    connect NAME                      a TCP connection of ours to the server
    connect NAME from ADDRESS         the same from another address of loopback
    connect NAME component            the same to the port of components, for which component.socket.active must be set
    connect NAME upstream             the same to the private port
    upstream DOMAIN KEY=VALUE…        a section of the settings; port=listener:DOMAIN as with names
    component DOMAIN SECRET [permission]      a row of components.conf
    digest VAR ID SECRET              a component's handshake (XEP-0114)
    connect NAME direct               the same to the port where TLS begins with the first byte
    NAME tls CERTIFICATE [sni=S] [alpn=A] [version=1.2]   the handshake of our side, with PKI's CERTIFICATE (- for none), as
                                      client on our own connection, as server on an accepted one; and what the other side must do:
                                      [shows=C] its certificate, [asks=S] the server name it wants, [selected=A] the ALPN agreed on
    NAME tls-fails CERTIFICATE …      a handshake that must fail
    issue NAME SECONDS DOMAIN         another certificate, which runs out so soon
    accept NAME at DOMAIN             the server connects to DOMAIN (remote.test, other.test, third.test listen)
    NAME >> BYTES                     sent as they stand; \\n \\r \\t \\xHH \\\\ are escapes, ${var} a variable, long lines
                                      go on behind a final backslash, ${repeat N TEXT} is TEXT N times
    NAME << header A='V' …            the stream header that came; V: * any, - absent, $var captured
    NAME << <xml/>                    the next element, compared as XML: names, the attributes given (* - $ as above), children in
                                      their order, text if given; ${var} stands for its value
    NAME << one of <a/> | <b/>        any of them
    NAME << eventually <a/>           what comes before it is passed over
    NAME << end                       </stream:stream> and then the end of TCP
    NAME << eof                       the end of TCP (a closing tag may stand before it)
    NAME << tcp end                   the end of TCP, and no closing tag in what comes before it
    NAME << exactly <xml/>            as above, and it has no further children
    NAME << nothing MS                no byte for so long
    NAME << blank                     white space, and nothing else
    NAME closes | NAME resets         the end of our TCP connection, properly or by a reset
    key VAR for RECEIVING ORIGINATING ID     an XEP-0185 key of the server's secret
    differ VAR VAR                    two captured values are not the same
    log contains TEXT                 the server's log, now or within the limit
    hup | terminate                   signals
    wait MS                           lets time pass; for limits of time only
    include FILE ARGUMENT…            test/dialog/lib/FILE.inc with $1 $2 … replaced
    plain: why                        not with --tls: it is about a stream that is not encrypted

Settings and lines may name ${pki}, the directory of the certificates (pki.py). With --tls all dialogues but those marked plain
run inside TLS: `connect` goes to the direct TLS port, `include opened` becomes `include opened_tls`.

All expectations have a limit of time. At the end no connection may hold anything unread, and the server must end with
status 0. Prints `ok name` or `FAILED name` with the whole conversation, then `N passed, N failed, N skipped`.
"""
import argparse
import concurrent.futures
import glob
import hashlib
import hmac
import os
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import pki  # noqa: E402
from ports import free_ports  # noqa: E402
from peer import LIMIT, WRAP, Failure, Names, Stream, matches, value_matches  # noqa: E402

SECRET = "s3cr3tf0rd14lb4ck-of-the-dialogues"
DOMAINS = ("remote.test", "other.test", "third.test", "xn--bcher-kva.test")


def xep_0185_key(receiving, originating, stream_id):
    secret = hashlib.sha256(SECRET.encode()).hexdigest().encode()
    return hmac.new(secret, " ".join((receiving, originating, stream_id)).encode(), "sha256").hexdigest()


class Dialogue:
    def __init__(self, path, binary, drip, directory, tls=False):
        self.path, self.binary, self.drip, self.pki, self.tls = path, binary, drip, directory, tls
        self.name = os.path.basename(path)[:-len(".dialog")]
        self.story, self.streams, self.variables = [], {}, {}
        self.components, self.upstreams = [], []
        self.rows, self.records, self.proves, self.says, self.plain = [], [], "", "", ""
        self.process = None
        self.ended_by_us = False
        with open(path) as file:
            self.lines = self.read_lines(file.read(), [])
        self.settings = {
            "xmpp.domain": "s2s.test", "s2s.domains": "second.test", "xmpp.server.dialback.secret": SECRET,
            "xmpp.server.socket.remotePort": "1", "xmpp.server.session.initialise-timeout": "3",
            "xmpp.server.read.timeout": "6000", "s2s.negotiation.timeout": "30000", "s2s.dns.timeout": "700",
            "s2s.retry.first": "100", "s2s.log.level": "debug", "s2s.shutdown.timeout": "3000",
            "xmpp.socket.write-timeout-seconds": "5", "xmpp.server.certificate.file": "none",
            "s2s.dns.trust-anchor": "", "adminConsole.port": "0", "adminConsole.securePort": "0",
        }

    def say(self, line):
        self.story.append("  %7.3f  %s" % (time.monotonic() - self.started, line))

    def read_lines(self, text, arguments):
        for number, argument in enumerate(arguments, 1):
            text = text.replace("$%d" % number, argument)
        lines = []
        for line in text.replace("\\\n", "").splitlines():
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            if line.startswith("include "):
                words = line.split()
                if self.tls and words[1] == "opened":
                    words = [words[0], "opened_tls"] + words[2:] + ["peers"]
                with open(os.path.join(HERE, "dialog", "lib", words[1] + ".inc")) as file:
                    lines += self.read_lines(file.read(), words[2:])
            elif line.startswith("proves:"):
                self.proves = line[7:].strip()
            elif line.startswith("says:"):
                self.says = line[5:].strip()
            elif line.startswith("plain:"):
                self.plain = line[6:].strip()
            else:
                lines.append(line)
        return lines

    # --- the server

    def write_settings(self):
        sections = {}
        for name, value in self.settings.items():
            section, key = name.split(".", 1)
            sections.setdefault(section, []).append("%s = %s" % (key, value.replace("${port}", str(self.port)).replace("${pki}", self.pki)))
        with open(os.path.join(self.directory, "conf"), "w") as file:
            for section, lines in sections.items():
                file.write("[%s]\n%s\n" % (section, "\n".join(lines)))
            for words in self.upstreams:
                file.write("[upstream %s]\n%s\n" % (words[0], "\n".join(self.place(word) for word in words[1:])))
        with open(os.path.join(self.directory, "home", "remote-servers.conf"), "w") as file:
            file.write("".join("[%s]\n%s" % (row[0], "security = %s\n" % row[2] if row[1] == "security" else
                                             "permission = %s\nremotePort = %s\n" % row[1:]) for row in self.rows))

        with open(os.path.join(self.directory, "home", "components.conf"), "w") as file:
            file.write("".join("[%s]\nsecret = %s\n%s" % (row[0], row[1], "permission = %s\n" % row[2] if len(row) > 2 else "")
                               for row in self.components))

    def place(self, word):
        """port=listener:DOMAIN becomes the port where DOMAIN listens."""
        name, _, domain = word.partition("listener:")
        return name + str(self.listeners[domain].getsockname()[1]) if domain else word

    def start(self):
        self.directory = tempfile.mkdtemp()
        os.mkdir(os.path.join(self.directory, "home"))
        self.listeners, overrides = {}, []
        for domain in DOMAINS:
            self.listeners[domain] = socket.create_server(("127.0.0.1", 0), backlog=64)
            overrides.append("{%s,127.0.0.1:%d}" % (domain, self.listeners[domain].getsockname()[1]))
        closed = socket.socket()
        closed.bind(("127.0.0.1", 0))
        self.closed = closed
        overrides.append("{dead.test,127.0.0.1:%d}" % closed.getsockname()[1])
        self.names = Names()
        for line in self.records:
            self.names.add(*[str(self.listeners[word[9:]].getsockname()[1]) if word.startswith("listener:") else word
                             for word in line])
        self.names.start()
        self.port, self.direct_port, self.component_port, self.upstream_port = free_ports(4)
        if self.tls:
            self.settings.update({"xmpp.server.certificate.file": "${pki}/ours.pem", "xmpp.server.certificate.trust": "${pki}/ca.pem"})
        self.settings.update({"network.interface": "127.0.0.1", "xmpp.server.socket.port": str(self.port),
                              "xmpp.server.socket.ssl.port": str(self.direct_port),
                              "xmpp.component.socket.port": str(self.component_port),
                              "s2s.upstream.socket.port": str(self.upstream_port),
                              "dnsutil.dnsOverride": ",".join(overrides),
                              "s2s.home": os.path.join(self.directory, "home"),
                              "s2s.dns.server": "127.0.0.1@%d" % self.names.socket.getsockname()[1]})
        self.write_settings()
        self.log = open(os.path.join(self.directory, "log"), "wb")
        self.process = subprocess.Popen([self.binary, "-c", os.path.join(self.directory, "conf")], stderr=self.log)
        self.wait_log("serves s2s.test")

    def read_log(self):
        with open(os.path.join(self.directory, "log"), "rb") as log:
            return log.read().decode("utf-8", "replace")

    def wait_log(self, words):
        end = time.monotonic() + LIMIT
        while words not in self.read_log():
            if time.monotonic() >= end or self.process.poll() is not None:
                raise Failure("the log never said: " + words)
            time.sleep(0.01)

    def stop(self):
        if self.process is None:
            return
        if self.process.poll() is None and not self.ended_by_us:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failure("the server did not end")
        if status != 0:
            raise Failure("the server ended with status %d" % status)

    def clean(self):
        for stream in self.streams.values():
            stream.socket.close()
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.log.close()
            self.names.socket.close()
            self.closed.close()
            for listener in self.listeners.values():
                listener.close()
            shutil.rmtree(self.directory, ignore_errors=True)

    # --- the lines

    def fill(self, text):
        def value(found):
            words = found.group(1).split(" ", 2)
            if words[0] == "repeat":
                return int(words[1]) * words[2]
            if words[0] not in self.variables:
                raise Failure("no variable " + words[0])
            return self.variables[words[0]]
        return re.sub(r"\$\{([^}]*)\}", value, text)

    def to_bytes(self, text):
        def escape(found):
            code = found.group(1)
            if code[0] == b"x"[0]:
                return bytes([int(code[1:], 16)])
            return {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"\\": b"\\"}[code]
        return re.sub(rb"\\(x[0-9a-fA-F]{2}|[nrt\\])", escape, self.fill(text).encode())

    def expect_header(self, stream, text):
        kind, element = stream.next()
        if kind != "header":
            raise Failure("a header was expected on %s, %s came" % (stream.name, kind))
        if element.tag != "{http://etherx.jabber.org/streams}stream":
            raise Failure("the header is a %s" % element.tag)
        for name, wanted in re.findall(r"([\w:]+)='([^']*)'", self.fill(text)):
            if name.startswith("xml:"):
                name = "{http://www.w3.org/XML/1998/namespace}" + name[4:]
            if not value_matches(wanted, element.attrib.get(name), self.variables):
                raise Failure("the header's %s is %r, not %s" % (name, element.attrib.get(name), wanted))

    def expect_element(self, stream, texts, exactly=False):
        kind, element = stream.next()
        if kind != "element":
            raise Failure("on %s %s came instead of %s" % (stream.name, kind, " or ".join(texts)))
        for text in texts:
            captured = {}
            pattern = ET.fromstring(WRAP + self.fill(text) + "</stream:stream>")[0]
            if matches(pattern, element, captured) and (not exactly or len(list(pattern.iter())) == len(list(element.iter()))):
                self.variables.update(captured)
                return
        raise Failure("on %s came %s instead of %s"
                      % (stream.name, ET.tostring(element, encoding="unicode")[:600], " or ".join(texts)))

    def expect(self, stream, text):
        if text.startswith("header"):
            self.expect_header(stream, text[6:])
        elif text in ("end", "eof"):
            kinds = [stream.next()[0]]
            if kinds == ["close"]:
                kinds.append(stream.next()[0])
            if kinds != ["close", "eof"] and not (text == "eof" and kinds == ["eof"]):
                raise Failure("the end was expected on %s, %s came" % (stream.name, kinds))
        elif text == "tcp end":
            stream.read_to_tcp_end()
        elif text.startswith("exactly "):
            self.expect_element(stream, [text[8:]], True)
        elif text.startswith("nothing"):
            stream.items or stream.read(int(text.split()[1]) / 1000)
            if stream.items:
                raise Failure("on %s something came: %s" % (stream.name, stream.items[0][0]))
        elif text == "blank":
            stream.wait_blank()
        elif text.startswith("eventually "):
            pattern = ET.fromstring(WRAP + self.fill(text[11:]) + "</stream:stream>")[0]
            for _ in range(10000):
                kind, element = stream.next()
                if kind == "element" and matches(pattern, element, {}):
                    return
        elif text.startswith("one of "):
            self.expect_element(stream, [part.strip() for part in text[7:].split(" | ")])
        else:
            self.expect_element(stream, [text])

    def connect(self, name, *where):
        source = None
        if where[:1] == ("from",):
            source, where = (where[1], 0), where[2:]
        if where in (("component",), ("upstream",)):
            port = self.component_port if where[0] == "component" else self.upstream_port
            self.streams[name] = Stream(name, socket.create_connection(("127.0.0.1", port), LIMIT), self.say)
            return
        port = self.direct_port if self.tls or where else self.port
        self.streams[name] = Stream(name, socket.create_connection(("127.0.0.1", port), LIMIT, source), self.say)
        if self.tls:
            self.streams[name].secure(self.pki, "-", {"sni": "s2s.test", "alpn": "xmpp-server"})

    def secure(self, name, certificate, options, fails):
        options = dict(option.split("=", 1) for option in options)
        try:
            self.streams[name].secure(self.pki, certificate, options)
            if fails:  # TLS 1.3: a client hears what the server thinks of it when it first reads
                kind = self.streams[name].next(2)[0]
                if kind != "eof":
                    raise Failure("the handshake on %s did not fail: %s came" % (name, kind))
        except (OSError, ssl.SSLError) as error:
            self.say("-- %s: no TLS: %s" % (name, error))
            if not fails:
                raise

    def accept(self, name, domain):
        listener = self.listeners[domain]
        listener.settimeout(LIMIT)
        try:
            connection, _ = listener.accept()
        except socket.timeout:
            raise Failure("the server did not connect to " + domain)
        self.say("-- the server connects to %s: %s" % (domain, name))
        self.streams[name] = Stream(name, connection, self.say, True)

    def refuse_connections(self, domain):
        self.listeners[domain].settimeout(0.3)
        try:
            self.listeners[domain].accept()
        except socket.timeout:
            return
        raise Failure("the server connected to " + domain)

    def run_line(self, line):
        words = line.split()
        if len(words) > 1 and words[1] == ">>":
            self.streams[words[0]].send(self.to_bytes(line.split(">>", 1)[1][1:]), self.drip)
        elif len(words) > 1 and words[1] == "<<":
            self.expect(self.streams[words[0]], line.split("<<", 1)[1].strip())
        elif words[0] == "connect":
            self.connect(*words[1:])
        elif len(words) > 2 and words[1] in ("tls", "tls-fails"):
            self.secure(words[0], words[2], words[3:], words[1] == "tls-fails")
        elif words[0] == "issue":
            authority.issue_for(words[1], int(words[2]), *words[3:])
        elif words[0] == "accept":
            self.accept(words[1], words[3])
        elif words[0] == "nobody":  # nobody at DOMAIN
            self.refuse_connections(words[2])
        elif words[0] == "asked":  # asked nothing
            if self.names.asked:
                raise Failure("the DNS was asked: %r" % self.names.asked)
        elif words[0] == "key":
            self.variables[words[1]] = xep_0185_key(*[self.fill(word) for word in words[3:6]])
        elif words[0] == "digest":
            self.variables[words[1]] = hashlib.sha1((self.fill(words[2]) + words[3]).encode()).hexdigest()
        elif words[0] == "differ":
            if self.variables[words[1]] == self.variables[words[2]]:
                raise Failure("%s and %s are the same" % (words[1], words[2]))
        elif words[0] == "log":
            self.wait_log(self.fill(line.split("contains", 1)[1].strip()))
        elif words[0] == "wait":
            time.sleep(int(words[1]) / 1000)
        elif words[0] == "hup":
            self.write_settings()
            before = self.read_log().count("SIGHUP")
            self.process.send_signal(signal.SIGHUP)
            end = time.monotonic() + LIMIT
            while self.read_log().count("SIGHUP") == before and time.monotonic() < end:
                time.sleep(0.01)
        elif words[0] == "terminate":
            self.process.send_signal(signal.SIGTERM)
            self.ended_by_us = True
        elif words[1] == "closes":
            socket.socket.shutdown(self.streams[words[0]].socket, socket.SHUT_WR)
        elif words[1] == "resets":
            self.streams[words[0]].socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.streams.pop(words[0]).socket.close()
        else:
            raise Failure("no such line: " + line)

    def set(self, line):
        words = line.split(None, 3)
        if words[0] == "forget":  # forget components
            self.components = []
        elif words[0] == "setting":
            self.settings[words[1]] = words[3] if len(words) > 3 else ""
        elif words[0] == "row":
            self.rows.append((words[1], words[2], words[3] if len(words) > 3 else "0"))
        elif words[0] == "upstream":
            self.upstreams.append(line.split()[1:])
        elif words[0] == "component":
            self.components.append(words[1:])
        elif words[0] == "name":
            self.records.append(line.split()[1:])
        else:
            return False
        return True

    def run(self):
        self.started = time.monotonic()
        line = "(start)"
        try:
            lines = list(self.lines)
            while lines and self.set(lines[0]):
                lines.pop(0)
            self.start()
            for line in lines:
                if not self.set(line):
                    self.run_line(line)
            line = "(the end)"
            for stream in self.streams.values():
                left = [kind for kind, _ in stream.items if kind not in ("close", "eof")]
                if left:
                    raise Failure("unread on %s: %s" % (stream.name, left))
            for stream in self.streams.values():
                stream.socket.close()
            self.stop()
            return "ok " + self.name
        except (Failure, OSError, ET.ParseError, KeyError, IndexError) as error:
            tail = self.read_log().splitlines()[-25:] if self.process else []
            return "FAILED %s\n  at: %s\n  %s: %s\n%s\n  log:\n%s" % (
                self.name, line, type(error).__name__, error, "\n".join(self.story),
                "\n".join("    " + one for one in tail))
        finally:
            self.clean()


def print_table(dialogues):
    proofs = {}
    for dialogue in dialogues:
        for number in re.split(r"[,\s]+", dialogue.proves):
            proofs.setdefault(number, []).append(dialogue.name)
    for number in sorted(proofs, key=lambda text: (text[:1] == "X", int(re.sub(r"\D", "", text) or 0))):
        print("| %s | %s |" % (number, ", ".join("`%s`" % name for name in proofs[number])))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="./openfire-s2s")
    parser.add_argument("--only", default="", help="names that hold this")
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--drip", action="store_true", help="send every byte in a segment of its own (X6)")
    parser.add_argument("--tls", action="store_true", help="all inside TLS, but for those that are about plain streams")
    parser.add_argument("--table", action="store_true", help="which assertion is proved where")
    parser.add_argument("--verbose", action="store_true", help="show the conversations")
    options = parser.parse_args()
    paths = [path for path in sorted(glob.glob(os.path.join(HERE, "dialog", "*.dialog"))) if options.only in path]
    binary = os.path.abspath(options.binary)
    with tempfile.TemporaryDirectory() as directory:
        return run_all(options, paths, binary, directory)


def run_all(options, paths, binary, directory):
    global authority
    authority = pki.Pki(directory)
    dialogues = [Dialogue(path, binary, options.drip, directory, options.tls) for path in paths]
    if options.tls:
        dialogues = [dialogue for dialogue in dialogues if not dialogue.plain]
    if options.table:
        print_table(dialogues)
        return 0
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for dialogue, result in zip(dialogues, pool.map(Dialogue.run, dialogues)):
            failed += not result.startswith("ok")
            print(result, flush=True)
            if options.verbose and result.startswith("ok"):
                print("\n".join(dialogue.story))
    print("%d passed, %d failed, 0 skipped" % (len(dialogues) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
