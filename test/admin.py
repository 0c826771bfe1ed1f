#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""admin.py - the control socket and openfire-s2sctl, end to end: a real server, the real tool, and clients that mean harm

Each case starts the servers it needs, on addresses 127.0.2.x and free ports, and ends them by their process ids. Every wait
has a limit. Prints `ok name` or `FAILED name: why` for each, then `N passed, N failed, N skipped`.
"""
import argparse
import hashlib
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree
import xml.sax.saxutils

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import two_servers  # noqa: E402
from two_servers import LIMIT, Stream, ask_about_a_key, free_port  # noqa: E402

DONE, NOT_DONE, MISUSED, NO_SERVER, NOT_THERE = range(5)


class Skipped(Exception):
    pass


class Client:
    """A raw client of a control socket."""

    def __init__(self, server, greeted=True):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(LIMIT)
        self.socket.connect(os.path.join(server.home, "control.sock"))
        self.received = b""
        if greeted:
            hello = self.line()
            assert hello["hello"] == "openfire-s2s" and hello["protocol"] == 1, hello

    def send(self, line):
        self.socket.sendall(line if isinstance(line, bytes) else line.encode() + b"\n")

    def line(self):
        while b"\n" not in self.received:
            data = self.socket.recv(65536)
            assert data, "the connection ended: %r" % self.received
            self.received += data
        line, self.received = self.received.split(b"\n", 1)
        return json.loads(line)

    def ask(self, line):
        self.send(line)
        return self.line()

    def ended(self):
        """True when the server ends the connection, whatever comes before."""
        try:
            while self.socket.recv(65536):
                pass
            return True
        except ConnectionResetError:
            return True

    def close(self):
        self.socket.close()


class Component:
    """A component of a server that answers each iq by what `answer(id)` gives; None: by nothing."""

    def __init__(self, port, domain, secret, answer):
        self.domain, self.answer, self.received = domain, answer, b""
        self.socket = socket.create_connection(("127.0.0.1", port), LIMIT)
        self.socket.settimeout(LIMIT)
        self.socket.sendall(("<stream:stream xmlns='jabber:component:accept' "
                             "xmlns:stream='http://etherx.jabber.org/streams' to='%s'>" % domain).encode())
        key = self.read(rb" id=['\"]([^'\"]+)['\"][^>]*>").group(1)
        self.socket.sendall(b"<handshake>%s</handshake>" % hashlib.sha1(key + secret.encode()).hexdigest().encode())
        self.read(rb"<handshake */>")
        self.socket.settimeout(None)
        threading.Thread(target=self.serve, daemon=True).start()

    def read(self, pattern):
        """Takes in what comes up to it."""
        while True:
            found = re.search(pattern, self.received)
            if found:
                self.received = self.received[found.end():]
                return found
            data = self.socket.recv(65536)
            if not data:
                raise OSError("ended")
            self.received += data

    def serve(self):
        try:
            while True:
                iq = self.read(rb"<iq .*?</iq>").group(0).decode()
                question = dict(re.findall(r'(\w+)="([^"]*)"', iq[:iq.index(">")]))
                answer = self.answer(iq)
                if answer is not None:
                    kind = "error" if answer.startswith("<error") else "result"
                    self.socket.sendall(("<iq from='%s' to='%s' id='%s' type='%s'>%s</iq>"
                                         % (self.domain, question["from"], question["id"], kind, answer)).encode())
        except OSError:
            pass

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def says(name=None, version=None, system=None):
    """An answer by XEP-0092"""
    words = ("name", name), ("version", version), ("os", system)
    return "<query xmlns='jabber:iq:version'>%s</query>" % "".join(
        "<%s>%s</%s>" % (word, xml.sax.saxutils.escape(said), word) for word, said in words if said is not None)


class Cases:
    def __init__(self, binary, tool):
        self.binary, self.tool = binary, tool
        self.servers, self.others = [], []

    def serve(self, name="one.test", address="127.0.2.1", settings=None, *options):
        server = two_servers.Server(self.binary, self.directory, name, address, settings or {}, *options)
        self.servers.append(server)
        server.wait_log("serves " + re.escape(name))
        return server

    def pair(self, one_more=None, two_more=None):
        """Two servers; the first has pinged the second."""
        a, b = "127.0.2.1", "127.0.2.2"
        ports = free_port(a), free_port(b)
        override = "{one.test,%s:%d},{two.test,%s:%d}" % (a, ports[0], b, ports[1])
        one = {"xmpp.server.socket.port": str(ports[0]), "dnsutil.dnsOverride": override, **(one_more or {})}
        two = {"xmpp.server.socket.port": str(ports[1]), "dnsutil.dnsOverride": override, **(two_more or {})}
        second = self.serve("two.test", b, two)
        first = self.serve("one.test", a, one, "-P", "two.test")
        first.wait_log("pong from two.test in")
        return first, second

    def run_tool(self, server, *words, options=(), environment=None):
        command = [self.tool, "-s", os.path.join(server.home, "control.sock"), *options, *words]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=3 * LIMIT,
                              stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})})

    def ask(self, server, *words, status=DONE):
        """The tool's answer as JSON; its exit status must be this one."""
        done = self.run_tool(server, *words, options=["--json"])
        assert done.returncode == status, "%s: status %d: %s%s" % (
            " ".join(words), done.returncode, done.stdout.decode(), done.stderr.decode())
        return json.loads(done.stdout) if done.stdout else None

    def text(self, server, *words, status=DONE):
        done = self.run_tool(server, *words)
        assert done.returncode == status, "%s: status %d: %s" % (" ".join(words), done.returncode, done.stderr.decode())
        return done.stdout.decode()

    def audit(self, server):
        with open(os.path.join(server.home, "audit.log")) as log:
            return [json.loads(line) for line in log]

    def wait(self, what, condition):
        end = time.monotonic() + LIMIT
        while not condition():
            assert time.monotonic() < end, what
            time.sleep(0.02)

    # --- status and sessions

    def status_tells_what_runs(self):
        first = self.serve()
        answer = self.ask(first, "status")
        assert answer["domain"] == "one.test" and answer["pid"] == first.process.pid, answer
        listeners = {each["listener"]: each for each in answer["listeners"]}
        assert listeners["server"]["open"] and listeners["server"]["port"] == first.port, listeners
        assert not listeners["component"]["open"] and not listeners["upstream"]["open"], listeners
        text = self.text(first, "status")
        assert re.search(r"^domain: +one\.test$", text, re.M) and re.search(r"server +yes +%d" % first.port, text), text

    def sessions_tell_everything_of_both_directions(self):
        first, second = self.pair()
        rows = {row["direction"]: row for row in self.ask(first, "sessions")}
        assert set(rows) == {"incoming", "outgoing"}, rows
        out = rows["outgoing"]
        assert (out["remote"], out["local"], out["state"], out["authentication"]) == \
            ("two.test", "one.test", "open", "dialback"), out
        assert out["pairs"] == [{"local": "one.test", "remote": "two.test", "authentication": "dialback"}], out
        assert out["peer"] == "127.0.2.2:%d" % second.port and out["tls"] is None, out
        assert out["stanzas_out"] == 1 and out["bytes_out"] > 300 and out["queue_bytes"] == 0, out
        assert rows["incoming"]["stanzas_in"] == 1 and rows["incoming"]["bytes_in"] > 300, rows
        assert rows["incoming"]["pairs"][0]["remote"] == "two.test", rows
        one = self.ask(first, "sessions", out["name"])
        assert [row["name"] for row in one] == [out["name"]], one
        assert [row["name"] for row in self.ask(first, "sessions", out["stream_id"])] == [out["name"]]
        assert len(self.ask(first, "sessions", "TWO.test")) == 2
        self.ask(first, "sessions", "three.test", status=NOT_THERE)
        text = self.text(first, "sessions", "--sort=since")
        assert text.splitlines()[0].split()[:2] == ["NAME", "REMOTE"] and text.count("two.test") == 2, text
        assert re.search(r"^authentication: +dialback$", self.text(first, "sessions", out["name"]), re.M)

    def sessions_tell_tls_and_certificates(self):
        authority = two_servers.pki.Pki(os.path.join(self.directory, "pki"))
        more = []
        for domain in ("one.test", "two.test"):
            authority.issue(domain, two_servers.pki.all_forms(domain))
            more.append({"xmpp.server.certificate.file": os.path.join(authority.directory, domain + ".pem"),
                         "xmpp.server.certificate.trust": os.path.join(authority.directory, "ca.pem"),
                         "xmpp.server.socket.ssl.active": "false"})
        first, _ = self.pair(*more)
        for row in self.ask(first, "sessions"):
            assert row["authentication"] == "EXTERNAL" and row["tls"]["protocol"] == "TLSv1.3", row
            assert row["tls"]["cipher"].startswith("TLS_"), row

    def sessions_come_in_the_order_asked_for(self):
        first = self.serve()
        streams = [Stream(first, sender="d%d.test" % (7 - i)) for i in range(3)]
        time.sleep(0.05)  # the clock of what was active when is one of some milliseconds
        for _ in range(5):
            ask_about_a_key(streams[1], first)
        names = [row["name"] for row in self.ask(first, "sessions")]
        assert names == ["s2sin-1", "s2sin-2", "s2sin-3"], names
        assert [row["name"] for row in self.ask(first, "sessions", "--sort=domain")] == names[::-1]
        assert [row["name"] for row in self.ask(first, "sessions", "--sort=since")] == names
        rows = self.ask(first, "sessions", "--sort", "bytes")
        assert rows[0]["name"] == "s2sin-2", rows
        rows = self.ask(first, "sessions", "--sort=active")
        assert rows[0]["name"] == "s2sin-2", rows
        self.ask(first, "sessions", "--sort=size", status=MISUSED)
        assert self.ask(first, "sessions", "d5.test")[0]["state"] == "negotiating"

    def close_ends_a_stream_or_a_domain(self):
        first = self.serve()
        streams = [Stream(first, sender=name) for name in ("a.test", "a.test", "b.test")]
        answer = self.ask(first, "close", "s2sin-3")
        assert answer == {"closed": ["s2sin-3"]}, answer
        assert streams[2].read_to_end().endswith("</stream:stream>")
        ask_about_a_key(streams[0], first)
        assert self.ask(first, "close", "A.test")["closed"] == ["s2sin-1", "s2sin-2"]
        for stream in streams[:2]:
            assert stream.read_to_end().endswith("</stream:stream>")
        self.ask(first, "close", "b.test", status=NOT_THERE)
        self.ask(first, "close", status=MISUSED)
        lines = self.audit(first)
        assert [line["outcome"] for line in lines] == ["ok", "ok", "not-found"], lines
        assert lines[0]["command"] == "close" and lines[0]["before"][0]["remote"] == "b.test", lines
        assert lines[0]["who"]["uid"] == os.getuid() and lines[0]["who"]["via"] == "control socket", lines
        assert stat.S_IMODE(os.stat(os.path.join(first.home, "audit.log")).st_mode) == 0o600

    def close_ends_an_outgoing_stream_and_the_next_stanza_makes_a_new_one(self):
        first, _ = self.pair()
        name = [row["name"] for row in self.ask(first, "sessions") if row["direction"] == "outgoing"][0]
        self.ask(first, "close", name)
        first.wait_log("outgoing session to two.test at .* ended")
        self.wait("it is listed still",
                  lambda: name not in [row["name"] for row in self.ask(first, "sessions")])

    # --- the software of others

    def beside_components(self, answers, **settings):
        """A server, and one with these components below two.test: {label: what it answers}."""
        ports, component_port = (free_port("127.0.2.1"), free_port("127.0.2.2")), free_port("127.0.0.1")
        override = "{one.test,127.0.2.1:%d},{*.two.test,127.0.2.2:%d},{dead.test,127.0.2.3:%d}" % (*ports, free_port("127.0.2.3"))
        more = {"dnsutil.dnsOverride": override, **settings}
        self.serve("two.test", "127.0.2.2", {**more, "xmpp.server.socket.port": str(ports[1]), "xmpp.component.socket.active": "true",
                                             "xmpp.component.socket.port": str(component_port), "xmpp.component.defaultSecret": "y"})
        for label, answer in answers.items():
            self.others.append(Component(component_port, label + ".two.test", "y", lambda _, answer=answer: answer))
        return self.serve("one.test", "127.0.2.1", {**more, "xmpp.server.socket.port": str(ports[0])})

    def software_is_asked_for_and_shown_from_then_on(self):
        first, second = self.pair()
        assert [row["software"] for row in self.ask(first, "sessions", "two.test")] == [None, None]
        assert "SOFTWARE" not in self.text(first, "sessions")
        answer = self.ask(first, "software", "TWO.test")
        assert 0 <= answer.pop("took_ms") < 10000, answer
        version = self.ask(second, "status")["version"]
        assert answer == {"domain": "two.test", "name": "openfire-s2s", "version": version, "os": os.uname().sysname}, answer
        rows = self.ask(first, "sessions", "two.test")
        assert len(rows) == 2, rows
        for row in rows:
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["software"].pop("when")), row
            assert row["software"] == {"name": "openfire-s2s", "version": version, "os": os.uname().sysname}, row
        shown = self.text(first, "sessions", rows[0]["name"])
        assert re.search(r"^software:\n +name: +openfire-s2s\n +version: +%s\n" % re.escape(version), shown, re.M), shown
        assert self.text(first, "sessions").splitlines()[0].split()[-1] == "SOFTWARE"
        assert all(row["software"] is None for row in self.ask(second, "sessions")), "who was asked did not ask"
        line = self.audit(first)[-1]
        assert line["command"] == "software" and line["before"] is None and line["after"]["name"] == "openfire-s2s", line

    def software_is_asked_for_where_no_session_is(self):
        first = self.beside_components({"new": says("Some Server", "0.1"), "bare": "", "nameless": says("", "", "Linux"),
                                        "mute": "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"})
        assert self.ask(first, "sessions") == []
        assert self.ask(first, "software", "new.two.test").items() >= {"name": "Some Server", "version": "0.1", "os": None}.items()
        assert self.ask(first, "sessions", "new.two.test")[0]["software"]["version"] == "0.1"
        for domain, why in (("bare.two.test", "did not say what it runs"), ("nameless.two.test", "did not say what it runs"),
                            ("mute.two.test", "came back: service-unavailable"), ("gone.two.test", "came back: remote-server-not-found"),
                            ("dead.test", "came back: remote-server-timeout: ")):
            error = self.ask(first, "software", domain, status=NOT_DONE)["error"]
            assert re.search(why, error) and domain in error, error
        self.ask(first, "block", "new.two.test")
        self.ask(first, "software", "new.two.test", status=NOT_DONE)
        self.ask(first, "software", "one.test", status=NOT_DONE)
        self.ask(first, "software", status=MISUSED)

    def software_that_others_tell_stays_inert(self):
        name, version, system = "<b>\"&'\u009b31m\u202e", "1\n2\t3", "\u20ac" * 70
        stanzas = "urn:ietf:params:xml:ns:xmpp-stanzas"
        error = "<error type='cancel'><forbidden xmlns='%s'/><text xmlns='%s'>%s</text></error>" % (
            stanzas, stanzas, "aa\n\u009b31m\u202e" + "\u20ac" * 70)
        first = self.beside_components({"evil": says(name, version, system), "rude": error})
        done = self.run_tool(first, "software", "evil.two.test")
        assert done.returncode == DONE and done.stdout.count(b"\n") == 5, done
        outputs = [done.stdout]
        told = self.ask(first, "sessions", "evil.two.test")[0]
        assert told["software"].pop("when") and told["software"] == {"name": name, "version": version, "os": "\u20ac" * 33}, told
        outputs += [self.run_tool(first, *words).stdout for words in (("sessions",), ("sessions", told["name"]), ("audit",))]
        assert all(b"31m" in output for output in outputs), outputs
        done = self.run_tool(first, "software", "rude.two.test")
        assert done.returncode == NOT_DONE and done.stderr.count(b"\n") == 1 and b"forbidden: a" in done.stderr, done
        error = self.ask(first, "software", "rude.two.test", status=NOT_DONE)["error"]
        assert error.endswith("\u202e" + "\u20ac" * 62), error  # 199 bytes at most, and no character in two
        outputs += [done.stderr, first.read_log().encode()]
        with open(os.path.join(first.home, "audit.log"), "rb") as log:
            outputs.append(log.read())
        for output in outputs:
            assert not any(evil.encode() in output for evil in ("\u009b", "\u202e", "\033", "\t")), output

    def software_that_is_not_told_in_time(self):
        first = self.beside_components({"silent": None})
        client, begun = Client(first), time.monotonic()
        client.send("software silent.two.test")
        self.wait("no session", lambda: self.ask(first, "sessions"))  # others are not held up
        answer = client.line()
        assert answer == {"ok": False, "condition": "failed", "error": "no answer came from silent.two.test within 10 seconds"}, answer
        assert 9.9 < time.monotonic() - begun < 14, time.monotonic() - begun
        assert self.ask(first, "sessions", "silent.two.test")[0]["software"] is None
        client.send("software silent.two.test")
        time.sleep(0.3)
        begun = time.monotonic()
        first.stop()
        assert time.monotonic() - begun < 5, "it waited for the answer"
        assert client.line()["error"] == "this server ends"
        client.close()

    # --- settings and listeners

    def settings_are_listed_with_default_and_source(self):
        first = self.serve()
        rows = {row["setting"]: row for row in self.ask(first, "settings")}
        assert rows["xmpp.domain"]["value"] == "one.test" and rows["xmpp.domain"]["source"] == first.conf, rows
        assert rows["xmpp.domain"]["default"] == "localhost"
        assert rows["s2s.retry.max"]["source"] == "default" and rows["s2s.retry.max"]["value"] == "300000"
        assert rows["network.interface"]["restart"] and not rows["xmpp.domain"]["restart"]
        assert {row["setting"] for row in self.ask(first, "settings", "RETRY")} == {"s2s.retry.first", "s2s.retry.max"}
        assert self.ask(first, "settings", "--changed") == []
        self.ask(first, "settings", "nothing.like.it", status=NOT_THERE)
        one = self.ask(first, "get", "S2S.retry.max")
        assert one["setting"] == "s2s.retry.max" and "1 to 86400000" in one["accepted"] and one["help"], one
        self.ask(first, "get", "s2s.nothing", status=NOT_THERE)
        text = self.text(first, "settings", "retry")
        assert text.splitlines()[0].split() == ["SETTING", "VALUE", "DEFAULT", "SOURCE"], text

    def a_setting_is_set_survives_a_restart_and_is_taken_back(self):
        first = self.serve(settings={"s2s.log.level": "info"})
        answer = self.ask(first, "set", "s2s.log.level", "debug")
        assert (answer["was"], answer["value"], answer["source"]) == ("info", "debug", "settings.conf"), answer
        first.forget_log()
        Stream(first).close()
        first.wait_log("stream header received")  # at level debug
        self.ask(first, "set", "xmpp.server.name", "Ex; \u00fc # 'x'")
        with open(os.path.join(first.home, "settings.conf")) as kept:
            assert "[s2s]\nlog.level = debug\n" in kept.read()
        first.stop()
        first.start(self.binary)
        first.wait_log("serves one.test")
        assert self.ask(first, "get", "xmpp.server.name")["value"] == "Ex; \u00fc # 'x'"
        assert {row["setting"] for row in self.ask(first, "settings", "--changed")} == {"s2s.log.level", "xmpp.server.name"}
        answer = self.ask(first, "unset", "s2s.log.level")
        assert (answer["was"], answer["value"], answer["source"]) == ("debug", "info", first.conf), answer
        self.ask(first, "unset", "s2s.log.level", status=NOT_THERE)
        lines = [(line["command"], line.get("before"), line.get("after"), line["outcome"]) for line in self.audit(first)]
        assert lines[0] == ("set", "info", "debug", "ok") and lines[2] == ("unset", "debug", "info", "ok"), lines
        assert lines[3][3] == "not-found", lines

    def a_setting_that_is_wrong_changes_nothing(self):
        first = self.serve()
        self.ask(first, "set", "s2s.retry.max", "many", status=MISUSED)
        self.ask(first, "set", "s2s.nothing", "1", status=NOT_THERE)
        self.ask(first, "set", "s2s.retry.first", "500000", status=NOT_DONE)  # more than s2s.retry.max
        self.ask(first, "set", "xmpp.server.certificate.file", "/nowhere.pem", status=NOT_DONE)
        self.ask(first, "set", "s2s.home", "/elsewhere", status=NOT_DONE)
        self.ask(first, "set", "s2s.retry.max", status=MISUSED)
        with open(first.conf, "a") as conf:
            conf.write("[s2s]\nlog.level = loud\n")
        answer = self.ask(first, "set", "s2s.retry.max", "400000", status=NOT_DONE)
        assert "loud" in answer["error"] and answer["condition"] == "refused", answer
        assert not os.path.exists(os.path.join(first.home, "settings.conf"))
        assert self.ask(first, "get", "s2s.retry.max")["value"] == "300000"

    def a_setting_that_needs_a_restart_says_so(self):
        first = self.serve()
        assert self.ask(first, "status")["restart_needed"] == []
        answer = self.ask(first, "set", "xmpp.component.interface", "127.0.2.1")
        assert answer["restart"], answer
        assert self.ask(first, "status")["restart_needed"] == ["xmpp.component.interface"]

    def secrets_are_never_shown(self):
        first = self.serve(settings={"xmpp.component.defaultSecret": "s3cr3t-a"})
        self.ask(first, "set", "xmpp.server.dialback.secret", "s3cr3t-b")
        self.ask(first, "set", "xmpp.server.dialback.secret", "s3cr3t-c\n", status=MISUSED)
        shown = json.dumps([self.ask(first, "settings"), self.ask(first, "get", "xmpp.component.defaultSecret"),
                            self.ask(first, "audit")]) + first.read_log()
        with open(os.path.join(first.home, "audit.log")) as log:
            shown += log.read()
        assert "s3cr3t" not in shown and "(set)" in shown and "(not shown)" in shown
        with open(os.path.join(first.home, "settings.conf")) as kept:
            assert "s3cr3t-b" in kept.read()
        assert stat.S_IMODE(os.stat(os.path.join(first.home, "settings.conf")).st_mode) == 0o600

    def the_listener_is_moved_disabled_and_enabled(self):
        first = self.serve()
        live, old = Stream(first), first.port
        port = free_port("127.0.2.1")
        answer = self.ask(first, "listener", "move", str(port))
        assert answer == {"listener": "server", "open": True, "port": port, "address": "127.0.2.1"}, answer
        Stream(first, port).close()
        self.refuses(first, old)
        assert self.ask(first, "listener", "disable")["open"] is False
        self.refuses(first, port)
        ask_about_a_key(live, first)
        first.stop()
        first.start(self.binary)
        first.wait_log("the listener is off")
        assert self.ask(first, "listener", "enable")["open"] is True
        Stream(first, port).close()
        rows = {row["listener"]: row for row in self.ask(first, "listeners")}
        assert rows["server"]["port"] == port and not rows["direct-tls"]["open"], rows
        assert "note" in self.ask(first, "listener", "enable", "direct-tls"), "there is no certificate"
        component = free_port("127.0.0.1")
        self.ask(first, "listener", "move", str(component), "component")
        assert self.ask(first, "listener", "enable", "component")["open"]
        socket.create_connection(("127.0.0.1", component), LIMIT).close()
        self.ask(first, "listener", "move", "70000", status=MISUSED)
        self.ask(first, "listener", "enable", "upstream", status=MISUSED)
        self.ask(first, "listener", status=MISUSED)
        with socket.socket() as taken:
            taken.bind(("127.0.2.1", 0))
            taken.listen()
            answer = self.ask(first, "listener", "move", str(taken.getsockname()[1]), status=NOT_DONE)
            assert "cannot listen" in answer["error"], answer
        Stream(first, port).close()
        assert self.ask(first, "get", "xmpp.server.socket.port")["value"] == str(port)

    def refuses(self, server, port):
        try:
            socket.create_connection((server.address, port), LIMIT).close()
        except OSError:
            return
        raise AssertionError("port %d accepts" % port)

    # --- permissions

    def block_closes_live_sessions_and_no_other(self):
        first, second = self.pair()
        other = Stream(first)
        names = {row["name"] for row in self.ask(first, "sessions", "two.test")}
        answer = self.ask(first, "block", "TWO.test")
        assert answer["row"]["permission"] == "blocked" and not answer["may_connect"], answer
        assert set(answer["ended"]) == names and len(names) == 2, (answer, names)
        second.wait_log("other side ends the stream: policy-violation|other side says policy-violation")
        ask_about_a_key(other, first)
        refused = socket.create_connection((first.address, first.port), LIMIT)
        refused.sendall(b"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' "
                        b"from='two.test' to='one.test' version='1.0'>")
        refused.settimeout(LIMIT)
        got = b""
        while b"policy-violation" not in got:
            data = refused.recv(4096)
            assert data, got
            got += data
        rows = self.ask(first, "permissions")
        assert rows["policy"] == "blacklist" and rows["rows"][0]["domain"] == "two.test", rows
        answer = self.ask(first, "remove", "two.test")
        assert answer["row"] is None and answer["may_connect"], answer
        self.ask(first, "remove", "two.test", status=NOT_THERE)
        self.ask(first, "block", "no domain", status=MISUSED)
        lines = self.audit(first)
        assert (lines[0]["before"], lines[0]["after"]["permission"]) == (None, "blocked"), lines
        assert lines[1]["before"]["permission"] == "blocked" and lines[1]["after"] is None, lines

    def the_policy_closes_who_is_no_longer_allowed(self):
        first, _ = self.pair()
        self.ask(first, "allow", "three.test", "--port=5333")
        assert self.ask(first, "policy", "whitelist") == {"policy": "whitelist", "was": "blacklist"}
        first.wait_log("two.test ended after a change of the settings")
        answer = self.ask(first, "allow", "three.test")
        assert answer["row"]["port"] == 5333 and answer["may_connect"], answer
        rows = self.ask(first, "permissions")
        assert rows["policy"] == "whitelist" and [row["domain"] for row in rows["rows"]] == ["three.test"], rows
        assert "whitelist" in self.text(first, "permissions")
        self.ask(first, "policy", "greylist", status=MISUSED)
        assert self.ask(first, "get", "xmpp.server.permission")["source"] == "settings.conf"

    # --- components, upstreams

    def components_are_told_with_their_state(self):
        import hashlib
        port = free_port("127.0.0.1")
        home = os.path.join(self.directory, "one.test")
        os.makedirs(home)
        with open(os.path.join(home, "components.conf"), "w") as rows:
            rows.write("[bot.test]\nsecret = x\n[bad.test]\nsecret = x\npermission = blocked\n")
        first = self.serve(settings={"xmpp.component.socket.active": "true", "xmpp.component.socket.port": str(port),
                                     "xmpp.component.defaultSecret": "y"})
        states = {row["domain"]: row["state"] for row in self.ask(first, "components")}
        assert states == {"bot.test": "gone", "bad.test": "blocked"}, states

        def connect(domain, secret):
            component = socket.create_connection(("127.0.0.1", port), LIMIT)
            component.settimeout(LIMIT)
            component.sendall(("<stream:stream xmlns='jabber:component:accept' "
                               "xmlns:stream='http://etherx.jabber.org/streams' to='%s'>" % domain).encode())
            got = b""
            while not re.search(rb" id=['\"]([^'\"]+)['\"].*>", got):
                got += component.recv(4096)
            stream_id = re.search(rb" id=['\"]([^'\"]+)['\"]", got).group(1)
            digest = hashlib.sha1(stream_id + secret).hexdigest()
            component.sendall(("<handshake>%s</handshake>" % digest).encode())
            while b"<handshake" not in got:
                got += component.recv(4096)
            return component
        connections = connect("bot.test", b"x"), connect("free.one.test", b"y")
        rows = {row["domain"]: row for row in self.ask(first, "components")}
        assert rows["bot.test"]["state"] == "connected" and rows["bot.test"]["configured"], rows
        assert rows["free.one.test"]["state"] == "connected" and not rows["free.one.test"]["configured"], rows
        session = self.ask(first, "sessions", rows["bot.test"]["streams"][0])[0]
        assert session["direction"] == "component" and session["authentication"] == "handshake", session
        assert "bot.test" in self.text(first, "components")
        tracer = Client(first)
        tracer.send("trace bot.test --stanzas")
        tracer.line()
        connections[0].sendall(b"<message from='bot.test' to='u@one.test' id='m1'><body>x</body></message>"
                               b"<iq from='bot.test' to='one.test' id='p1' type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
        stanzas = {}
        while ("out", "<iq") not in stanzas:
            event = tracer.line()["event"]
            if "stanza" in event:
                stanzas[event["direction"], event["stanza"].split()[0]] = event["stanza"]
        assert stanzas["in", "<message"] == '<message from="bot.test" to="u@one.test" id="m1"><body>x</body></message>', stanzas
        assert "type=\"result\"" in stanzas["out", "<iq"] and "xmlns" not in stanzas["out", "<iq"], stanzas
        tracer.close()
        self.ask(first, "close", "bot.test")
        self.wait("it is connected still", lambda: {row["domain"]: row["state"]
                  for row in self.ask(first, "components")}["bot.test"] == "gone")
        for connection in connections:
            connection.close()

    def upstreams_are_told_with_their_state(self):
        dead = free_port("127.0.2.4")
        settings = {"s2s.upstream.socket.port": str(free_port("127.0.0.1"))}
        server = two_servers.Server(self.binary, self.directory, "none.test", "127.0.2.1", settings)
        server.process.kill()
        server.process.wait()
        with open(server.conf, "a") as conf:
            conf.write("[upstream behind.test]\nhost = 127.0.2.4\nport = %d\ndomains = rooms.behind.test\n" % dead)
        server.start(self.binary)
        self.servers.append(server)
        server.wait_log("serves none.test")
        row = self.ask(server, "upstreams")[0]
        assert row["domains"] == ["behind.test", "rooms.behind.test"] and row["state"] == "idle", row
        assert {row["listener"]: row["open"] for row in self.ask(server, "listeners")}["upstream"]
        server.stop()
        server.start(self.binary, "-P", "behind.test")
        server.wait_log("ping to behind.test failed")
        self.wait("it is not down", lambda: self.ask(server, "upstreams")[0]["state"] == "down")
        assert "refused" in self.ask(server, "upstreams")[0]["failure"], self.ask(server, "upstreams")
        assert "behind.test" in self.text(server, "upstreams")

    # --- the server

    def metrics_count(self):
        first = self.serve()
        before = self.ask(first, "metrics")
        ask_about_a_key(Stream(first), first)
        after = self.ask(first, "metrics")
        assert after["verify_answered_invalid"] == before["verify_answered_invalid"] + 1, (before, after)
        assert after["bytes_in"] > before["bytes_in"] + 100 and "bytes in" in self.text(first, "metrics")

    def reload_reads_the_files_again(self):
        first = self.serve()
        first.write_conf(s2s__retry__max="200000")
        assert self.ask(first, "reload") == {"restart_needed": []}
        assert self.ask(first, "get", "s2s.retry.max")["value"] == "200000"
        first.write_conf(s2s__retry__max="none")
        answer = self.ask(first, "reload", status=NOT_DONE)
        assert "s2s.retry.max = none" in answer["error"] and "\n" not in answer["error"], answer
        assert self.ask(first, "get", "s2s.retry.max")["value"] == "200000"

    def drain_tells_every_stream_and_ends(self):
        first = self.serve()
        streams = [Stream(first) for _ in range(3)]
        listener = threading.Thread(target=lambda: [stream.read_to_end() for stream in streams])
        listener.start()
        answer = self.ask(first, "drain")
        assert answer == {"pid": first.process.pid, "sessions": 3}, answer
        listener.join(LIMIT)
        assert all(b"<system-shutdown" in stream.received for stream in streams)
        assert first.process.wait(LIMIT) == 0
        assert [line["command"] for line in self.audit(first)] == ["drain"]
        self.ask(first, "status", status=NO_SERVER)

    def stop_waits_for_nobody(self):
        first = self.serve(settings={"s2s.shutdown.timeout": "60000"})
        streams = [Stream(first) for _ in range(3)]  # which do not read on
        before = time.monotonic()
        self.ask(first, "stop")
        assert time.monotonic() - before < 10
        assert first.process.wait(LIMIT) == 0
        for stream in streams:
            stream.close()

    def the_last_changes_are_told(self):
        first = self.serve()
        assert self.ask(first, "audit") == []
        for name in ("a.test", "b.test", "c.test"):
            self.ask(first, "block", name)
        self.ask(first, "permissions")  # no change
        lines = self.ask(first, "audit", "--last=2")
        assert [line["arguments"]["domain"] for line in lines] == ["b.test", "c.test"], lines
        text = self.text(first, "audit")
        assert text.count("block") >= 3 and "root" in text or os.getuid() != 0, text

    def the_server_tells_its_commands(self):
        first = self.serve()
        client = Client(first)
        rows = {row["command"]: row for row in client.ask("help")["result"]}
        assert rows["block"]["changes"] and not rows["status"]["changes"], rows
        assert rows["listener move"]["parameters"][0] == {
            "name": "port", "type": "number", "required": True, "help": "the new port", "min": 1, "max": 65535}
        listed = subprocess.run([self.tool, "help"], stdout=subprocess.PIPE, timeout=LIMIT).stdout.decode()
        for row in rows.values():
            assert "  " + row["usage"] + "\n" in listed, row["usage"]

    def many_changes_at_once_leave_a_good_file(self):
        first = self.serve()
        names = ["s2s.retry.first", "s2s.retry.max", "s2s.queue.bytes", "s2s.xml.depth"]
        values = ["2000", "400000", "65536", "64"]

        def change(name, value):
            client = Client(first)
            for _ in range(10):
                assert client.ask("set %s %s" % (name, value))["ok"]
                assert client.ask("unset %s" % name)["ok"]
            assert client.ask("set %s %s" % (name, value))["ok"]
        workers = [threading.Thread(target=change, args=pair) for pair in zip(names, values)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(3 * LIMIT)
        changed = {row["setting"]: row["value"] for row in self.ask(first, "settings", "--changed")}
        assert changed == dict(zip(names, values)), changed
        assert len(self.audit(first)) == 4 * 21

    # --- diagrams

    def draw(self, server, *words):
        """The picture, as the shell gets it: its title, and all words of it without white space, as lines break anywhere."""
        picture = xml.etree.ElementTree.fromstring(self.text(server, "diagram", *words))
        space = "{http://www.w3.org/2000/svg}"
        assert picture.tag == space + "svg", picture.tag
        return picture.find(space + "title").text, "".join("".join(each.text for each in picture.iter(space + "text")).split())

    def diagram_draws_what_is_kept_and_what_is_live(self):
        first, second = self.pair()
        history = self.ask(first, "explain", "two.test")["history"]
        for flag, title in (("out", "one.test \u2192 two.test"), ("in", "two.test \u2192 one.test")):
            found, words = self.draw(first, "TWO.test", "--" + flag)
            steps = history[flag]["successes"][0]["steps"]
            assert found == title and len(steps) > 5, (found, steps)
            for step in steps:
                assert "".join(step["sentence"].split()) in words, (step, words)
        answer = self.ask(first, "diagram", "two.test", "--out")
        assert (answer["domain"], answer["direction"], answer["live"]) == ("two.test", "out", False), answer
        assert answer["svg"] == self.text(first, "diagram", "two.test", "--out")
        self.ask(first, "diagram", "two.test", "--failed", status=NOT_THERE)
        self.ask(first, "diagram", "two.test", "--back=2", status=NOT_THERE)
        self.ask(first, "diagram", "nobody.test", status=NOT_THERE)
        live = [row for row in self.ask(second, "sessions") if row["direction"] == "incoming"][0]
        for name in (live["name"], live["stream_id"]):
            found, words = self.draw(second, name)
            assert found == "one.test \u2192 two.test" and "Itgoeson" in words, (found, words)
        assert self.ask(second, "diagram", live["name"])["live"] is True

    def diagram_of_a_domain_that_is_refused(self):
        first = self.serve()
        self.ask(first, "block", "evil.test")
        stream = Stream.__new__(Stream)
        stream.received, stream.socket = b"", socket.create_connection((first.address, first.port), LIMIT)
        stream.send("<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' "
                    "from='evil.test' to='one.test' version='1.0' id='&lt;script>&amp;#8238;'>")
        stream.read_to_end()
        self.wait("the refusal is kept", lambda: self.ask(first, "explain", "evil.test")["history"]["in"]["failures"])
        _, words = self.draw(first, "evil.test", "--failed")
        assert "id=<script>&#8238;" in words and "<stream:error>" in words and "Failed:blocked-here" in words, words

    # --- trace

    def trace_follows_a_handshake_and_its_stanzas(self):
        ports = free_port("127.0.2.1"), free_port("127.0.2.2")
        override = "{one.test,127.0.2.1:%d},{two.test,127.0.2.2:%d}" % ports
        second = self.serve("two.test", "127.0.2.2", {"xmpp.server.socket.port": str(ports[1]), "dnsutil.dnsOverride": override})
        tracers = Client(second), Client(second), Client(second)
        for tracer, line in zip(tracers, ("trace ONE.test --stanzas", "trace one.test", "trace three.test --stanzas")):
            tracer.send(line)
            assert tracer.line()["event"]["following"] in ("one.test", "three.test")
        first = self.serve("one.test", "127.0.2.1", {"xmpp.server.socket.port": str(ports[0]), "dnsutil.dnsOverride": override},
                           "-P", "two.test")
        first.wait_log("pong from two.test in")
        events = []
        while not any("<iq" in event.get("stanza", "") and event["direction"] == "out" for event in events):
            events.append(tracers[0].line()["event"])
        steps = [event for event in events if "sentence" in event]
        assert steps[0]["sentence"].startswith("connection accepted"), steps[0]  # from before its header was there
        assert all(event["connection"].startswith("s2s") and event["time"].endswith("Z") for event in events), events
        assert any(event["sentence"].startswith("db:result received") and event["clause"] == "XEP-0220 2.1.1"
                   for event in steps), steps
        assert {event["connection"] for event in steps} >= {"s2sin-1", "s2sout-1"}, steps
        came = [event for event in events if event.get("direction") == "in"]
        assert "urn:xmpp:ping" in came[0]["stanza"] and 'from="one.test"' in came[0]["stanza"], came
        for tracer in tracers:
            tracer.send("\n")
        lines = []
        while not lines or "ok" not in lines[-1]:
            lines.append(tracers[1].line())
        assert len(lines) - 1 == lines[-1]["result"]["events"] and lines[-1]["result"]["lost"] == 0, lines[-1]
        assert not any("stanza" in line.get("event", {}) for line in lines), "stanzas that nobody asked for"
        assert tracers[2].line() == {"ok": True, "result": {"events": 0, "lost": 0}}
        assert [line["arguments"] for line in self.audit(second)] == [
            {"domain": "one.test", "--stanzas": "yes"}, {"domain": "three.test", "--stanzas": "yes"}], self.audit(second)

    def the_tool_traces_line_by_line(self):
        first = self.serve()
        command = [self.tool, "-s", os.path.join(first.home, "control.sock")]
        process = subprocess.Popen([*command, "trace", "remote.test"], stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"following remote.test\n"
        Stream(first).close()
        seen = b""
        while b"handshake sent" not in seen:
            line = process.stdout.readline()
            assert line, seen
            seen += line
        assert re.search(rb"^\S+Z  s2sin-1  LocalIncomingServerSession.createSession: handshake sent: .*\[RFC 6120 4.3.2\]$",
                         seen, re.M), seen
        process.terminate()
        process.wait(LIMIT)
        process.stdout.close()
        answer = subprocess.run([*command, "--json", "trace", "none.test", "--seconds=1"], stdout=subprocess.PIPE, timeout=LIMIT)
        lines = [json.loads(line) for line in answer.stdout.splitlines()]
        assert answer.returncode == DONE and lines == [{"following": "none.test"}, {"events": 0, "lost": 0}], lines
        assert self.run_tool(first, "trace").returncode == MISUSED

    def a_tracer_who_does_not_read_loses_events_and_holds_up_nobody(self):
        first = self.serve(settings={"s2s.log.level": "info"})
        deaf = Client(first)
        deaf.send("trace remote.test")
        deaf.line()
        stream = Stream(first)
        before = time.monotonic()
        while time.monotonic() - before < 20:
            stream.send("<db:verify from='remote.test' to='one.test' id='x'>no</db:verify>" * 1000)
            stream.expect("invalid")
            stream.received = b""
            if "lost" in self.lines_so_far(deaf):
                break
        assert "lost" in deaf.so_far
        self.ask(first, "status")
        deaf.close()
        stream.close()

    def lines_so_far(self, client):
        """All that has come, read seldom, so that the socket's buffer is full most of the time."""
        client.so_far = getattr(client, "so_far", "")
        client.calls = getattr(client, "calls", 0) + 1
        if client.calls % 5 == 0:
            client.socket.setblocking(False)
            try:
                while True:
                    client.so_far += client.socket.recv(1 << 20).decode("utf-8", "replace")
            except BlockingIOError:
                pass
            client.socket.settimeout(LIMIT)
        return client.so_far

    def it_ends_while_somebody_traces(self):
        first = self.serve()
        client = Client(first)
        client.send("trace remote.test")
        client.line()
        before = time.monotonic()
        first.stop()
        assert time.monotonic() - before < 5
        self.servers = []

    # --- the tool

    def help_needs_no_server(self):
        def tool(*words):
            return subprocess.run([self.tool, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT,
                                  cwd=self.directory, env={"PATH": os.environ["PATH"]})
        listed = tool("help")
        assert listed.returncode == DONE and b"sessions [DOMAIN-OR-STREAM]" in listed.stdout, listed
        assert tool("--help").stdout == listed.stdout
        for words in (("sessions", "--help"), ("help", "sessions")):
            one = tool(*words)
            assert one.returncode == DONE and b"one of: name|domain" in one.stdout, one
        assert tool("help", "nothing").returncode == MISUSED
        assert tool("--version").stdout.startswith(b"openfire-s2sctl "), tool("--version")
        assert tool().returncode == MISUSED and tool("nothing").returncode == MISUSED
        assert tool("-x", "status").returncode == MISUSED and tool("--color=red", "status").returncode == MISUSED
        gone = tool("status")
        assert gone.returncode == NO_SERVER and b"no such file" in gone.stderr, gone
        gone = tool("-s", os.path.join(self.directory, "none.sock"), "status")
        assert gone.returncode == NO_SERVER and b"no server can be reached" in gone.stderr, gone

    def bash_completes_commands_settings_and_live_names(self):
        first = self.serve()
        stream = Stream(first, sender="plain.test")
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "admin", "openfire-s2sctl.bash")
        bin_directory = os.path.join(self.directory, "bin")
        os.makedirs(bin_directory)
        os.symlink(self.tool, os.path.join(bin_directory, "openfire-s2sctl"))

        def complete(*words):
            run = ". \"$1\"; shift; COMP_WORDS=(openfire-s2sctl \"$@\"); COMP_CWORD=$#; _openfire_s2sctl; " \
                  "printf '%s\\n' \"${COMPREPLY[@]}\""
            done = subprocess.run(["bash", "-c", run, "bash", script, *words], stdout=subprocess.PIPE, timeout=LIMIT,
                                  env={**os.environ, "PATH": bin_directory + ":" + os.environ["PATH"]})
            return done.stdout.decode().split()
        where = ("-c", first.conf)
        assert complete("li") == ["listeners", "listener"], complete("li")
        assert complete("listener", "") == ["enable", "disable", "move"]
        assert complete("listener", "enable", "d") == ["direct-tls"]
        assert complete("policy", "") == ["blacklist", "whitelist"]
        assert complete("sessions", "--so") == ["--sort="]
        assert complete("sessions", "--sort", "=", "s") == ["state", "since", "stanzas"]
        assert complete(*where, "set", "s2s.retry.") == ["s2s.retry.first", "s2s.retry.max"]
        assert complete(*where, "--json", "close", "pl") == ["plain.test"]
        assert complete(*where, "close", "s2s") == ["s2sin-1"]
        assert complete(*where, "block", "") == ["plain.test"]
        assert complete("-c", first.conf[:-2]) == [first.conf]
        assert complete("nothing", "") == []
        stream.close()

    def the_settings_file_leads_to_the_socket(self):
        first = self.serve()
        done = subprocess.run([self.tool, "-c", first.conf, "--json", "status"], stdout=subprocess.PIPE, timeout=LIMIT)
        assert done.returncode == DONE and json.loads(done.stdout)["pid"] == first.process.pid, done
        done = subprocess.run([self.tool, "status", "--json"], stdout=subprocess.PIPE, timeout=LIMIT,
                              env={**os.environ, "OPENFIRE_S2S_SOCKET": os.path.join(first.home, "control.sock")})
        assert done.returncode == DONE and json.loads(done.stdout)["pid"] == first.process.pid, done

    def colour_only_on_a_terminal_or_when_told_so(self):
        first = self.serve()
        assert "\033" not in self.text(first, "status")
        done = self.run_tool(first, "status", options=["--color=always"])
        assert b"\033[1m" in done.stdout, done
        shown, size = self.on_terminal(first, 80, "status")
        assert "\033[1m" in shown, shown
        shown, _ = self.on_terminal(first, 80, "status", NO_COLOR="1")
        assert "\033" not in shown, shown

    def on_terminal(self, server, columns, *words, **environment):
        """What the tool prints on a terminal so wide."""
        import fcntl
        import pty
        import struct
        import termios
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen([self.tool, "-s", os.path.join(server.home, "control.sock"), *words],
                                   stdout=slave, stdin=slave, stderr=slave,
                                   env={**os.environ, "TERM": "xterm", **environment})
        os.close(slave)
        shown = b""
        try:
            while True:
                shown += os.read(master, 65536)
        except OSError:
            pass
        os.close(master)
        assert process.wait(LIMIT) == 0, shown
        return shown.decode(), columns

    def tables_fit_the_terminal(self):
        first = self.serve()
        streams = [Stream(first, sender="a-rather-long-label-%d.of-a-domain.test" % i) for i in range(3)]
        for columns in (40, 60, 80, 132):
            shown, _ = self.on_terminal(first, columns, "sessions", NO_COLOR="1")
            lines = shown.replace("\r", "").splitlines()
            assert len(lines) == 4 and all(len(line) <= columns for line in lines), (columns, shown)
            assert lines[0].startswith("NAME"), shown
        assert "…" in self.on_terminal(first, 40, "sessions", NO_COLOR="1")[0]
        assert "…" not in self.text(first, "sessions"), "cut without a terminal"
        for stream in streams:
            stream.close()

    def names_of_others_stay_inert(self):
        first = self.serve()
        stream = socket.create_connection((first.address, first.port), LIMIT)
        stream.sendall(("<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' "
                        "xmlns:stream='http://etherx.jabber.org/streams' from='$(touch${IFS}x)' to='one.test' "
                        "version='1.0'>").encode())
        self.wait("no session", lambda: self.run_tool(first, "sessions").stdout.count(b"\n") > 1 or
                  "improper-addressing" in first.read_log())
        done = self.run_tool(first, "--complete", "close", "")
        assert b"$" not in done.stdout, done
        for words in (("sessions", "\033[31mred\u202e"), ("block", "a\nb\033c"), ("close", "\033]0;x\a")):
            done = self.run_tool(first, *words)
            assert done.returncode and b"\033" not in done.stderr and "\u202e".encode() not in done.stderr, done
            assert done.stderr.count(b"\n") == 1, done
        good = Stream(first, sender="plain.test")
        assert b"plain.test" in self.run_tool(first, "--complete", "close", "pl").stdout
        good.close()
        stream.close()

    # --- the socket

    def the_socket_is_for_its_owner(self):
        first = self.serve()
        status = os.stat(os.path.join(first.home, "control.sock"))
        assert stat.S_IMODE(status.st_mode) == 0o600 and status.st_uid == os.getuid(), status
        first.stop()
        assert not os.path.exists(os.path.join(first.home, "control.sock"))
        self.servers = []

    def another_user_is_refused_by_his_uid(self):
        if os.getuid() != 0:
            raise Skipped("needs root")
        first = self.serve()
        path = os.path.join(first.home, "control.sock")
        os.chmod(self.directory, 0o755)
        os.chmod(first.home, 0o755)
        child = ("import os, socket, sys\nos.setgid(65534)\nos.setuid(65534)\ns = socket.socket(socket.AF_UNIX)\n"
                 "s.settimeout(20)\ntry:\n s.connect(sys.argv[1])\nexcept PermissionError:\n print('no entry')\n sys.exit()\n"
                 "print(s.makefile().read())\n")

        def connect():
            return subprocess.run([sys.executable, "-c", child, path], stdout=subprocess.PIPE, timeout=LIMIT).stdout.decode()
        assert connect() == "no entry\n"
        os.chmod(path, 0o666)
        answer = json.loads(connect())
        assert answer["condition"] == "denied" and not answer["ok"], answer
        first.wait_log("uid 65534, pid [0-9]+, was refused")
        self.ask(first, "status")

    def two_servers_with_one_home_do_not_run(self):
        first = self.serve()
        second = two_servers.Server(self.binary, self.directory, "one.test", "127.0.2.3", {})
        assert second.process.wait(LIMIT) == 1
        assert "another server runs with " + first.home in first.read_log()
        assert self.ask(first, "status")["pid"] == first.process.pid

    def a_stale_socket_is_no_hindrance(self):
        first = self.serve()
        first.process.kill()
        first.process.wait()
        assert os.path.exists(os.path.join(first.home, "control.sock"))
        first.start(self.binary)
        first.wait_log("serves one.test")
        assert self.ask(first, "status")["pid"] == first.process.pid

    def a_home_that_is_too_long_is_told_at_the_start(self):
        home = os.path.join(self.directory, "x" * 100)
        server = two_servers.Server(self.binary, self.directory, "one.test", "127.0.2.1", {"s2s.home": home})
        assert server.process.wait(LIMIT) == 1
        assert "the path of a socket has at most 107" in server.read_log(), server.read_log()

    def hostile_clients_get_a_sentence_or_the_end(self):
        first = self.serve()
        client = Client(first)
        for line, words in ((b"\n", "a command was expected"), (b"nothing\n", "there is no command nothing"),
                            (b"stat\0us\n", "control character"), (b"\xff\xfe\n", "UTF-8"), (b"\"\n", "no end"),
                            (b"close \"\\u0000\"\n", "JSON"), (b"close \x1b[2J\n", "control character"),
                            (b"a " * 20 + b"\n", "more than 16 words"), (b"sessions --sort=\n", "one of"),
                            (b"GET / HTTP/1.1\r\n", "does not take 'HTTP/1.1'"), (b"status\r\n", None),
                            (b"{\"command\":\"status\"}\n", "there is no command")):
            client.send(line)
            answer = client.line()
            assert answer["ok"] == (words is None), (line, answer)
            assert words is None or (words in answer["error"] and answer["condition"] == "invalid"), (line, answer)
        client.send(b"status\nsessions\n")  # one after the other
        assert client.line()["ok"] and client.line()["result"] == []
        client.send(b"x" * 8193)
        assert "at most 8192 bytes" in client.line()["error"] and client.ended()
        for bytes in (b"x" * 100000, b"\0" * 9000, os.urandom(20000)):
            client = Client(first)
            try:
                client.send(bytes)
            except OSError:
                pass
            assert client.ended()
        for bytes in (b"", b"status", b"status\n"):  # and away, before any answer
            client = Client(first, greeted=False)
            client.send(bytes)
            client.close()
        assert self.ask(first, "status")["pid"] == first.process.pid

    def half_a_line_and_silence_ends(self):
        first = self.serve()
        client = Client(first)
        before = time.monotonic()
        client.send(b"stat")
        assert "in time" in client.line()["error"] and client.ended()
        assert 5 < time.monotonic() - before < 15, time.monotonic() - before

    def many_clients_take_no_more_than_their_places(self):
        first = self.serve()
        clients = [Client(first, greeted=False) for _ in range(200)]
        greetings = [client.line() for client in clients]
        refused = [each for each in greetings if "hello" not in each]
        assert len(refused) == 200 - 32 and all(each["condition"] == "refused" for each in refused), len(refused)
        assert self.run_tool(first, "status").returncode == NO_SERVER
        for client in clients:
            client.close()
        self.wait("the places are not free again", lambda: self.run_tool(first, "status").returncode == DONE)
        ask_about_a_key(Stream(first), first)

    def a_client_that_takes_no_answer_holds_nobody_up(self):
        first = self.serve()
        streams = [Stream(first, sender="d%d.test" % i) for i in range(50)]
        deaf = Client(first)
        deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        deaf.send(b"sessions\n" * 400)
        time.sleep(0.2)
        before = time.monotonic()
        self.ask(first, "status")
        ask_about_a_key(streams[0], first)
        assert time.monotonic() - before < 5
        deaf.close()

    def it_ends_with_clients_connected(self):
        first = self.serve()
        clients = [Client(first) for _ in range(3)]
        before = time.monotonic()
        first.stop()
        assert time.monotonic() - before < 5 and all(client.ended() for client in clients)
        self.servers = []

    # ---

    def run(self, name):
        self.directory = tempfile.mkdtemp()
        try:
            getattr(self, name)()
            for server in self.servers:
                if server.process.poll() is None or server.process.returncode not in (0, 1):
                    server.stop()
            print("ok " + name, flush=True)
            return "passed"
        except Skipped as why:
            print("skipped %s: %s" % (name, why), flush=True)
            return "skipped"
        except (AssertionError, OSError, ValueError, KeyError, IndexError, subprocess.SubprocessError) as error:
            print("FAILED %s: %s %s" % (name, type(error).__name__, error), flush=True)
            return "failed"
        finally:
            for server in self.servers:
                if server.process.poll() is None:
                    server.process.kill()
                    server.process.wait()
            for other in self.others:
                other.close()
            self.servers, self.others = [], []
            shutil.rmtree(self.directory, ignore_errors=True)


NO_CASES = ("serve", "pair", "beside_components", "run_tool", "ask", "text", "audit", "wait", "draw", "on_terminal", "refuses", "lines_so_far", "run")


def run_side_by_side(names, workers, make_cases):
    """All these cases, so many at once, each worker with cases of its own; prints the sum, and returns the status to end with."""
    names, results, lock = list(names), [], threading.Lock()

    def work():
        cases = make_cases()
        while True:
            with lock:
                if not names:
                    return
                name = names.pop(0)
            results.append(cases.run(name))

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("%d passed, %d failed, %d skipped" % tuple(results.count(word) for word in ("passed", "failed", "skipped")))
    return 1 if "failed" in results else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="./openfire-s2s")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    binary = os.path.abspath(options.binary)
    names = [name for name in vars(Cases) if not name.startswith("_") and name not in NO_CASES and options.only in name]
    # several at once: what they do most is to wait
    return run_side_by_side(names, 1 if options.only else 3, lambda: Cases(binary, binary + "ctl"))


if __name__ == "__main__":
    sys.exit(main())
