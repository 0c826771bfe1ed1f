#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""admin.py - the control socket and openfire-s2sctl, end to end: a real server, the real tool, and clients that mean harm

Each case starts the servers it needs, on addresses 127.0.2.x and free ports, and ends them by their process ids. Every wait
has a limit. Prints `ok name` or `FAILED name: why` for each, then `N passed, N failed, N skipped`.
"""
import argparse
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


class Cases:
    def __init__(self, binary, tool):
        self.binary, self.tool = binary, tool
        self.servers = []

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
        for _ in range(5):
            ask_about_a_key(streams[1], first)
        names = [row["name"] for row in self.ask(first, "sessions")]
        assert names == ["s2sin-1", "s2sin-2", "s2sin-3"], names
        assert [row["name"] for row in self.ask(first, "sessions", "--sort=domain")] == names[::-1]
        assert [row["name"] for row in self.ask(first, "sessions", "--sort=since")] == names
        assert self.ask(first, "sessions", "--sort", "bytes")[0]["name"] == "s2sin-2"
        assert self.ask(first, "sessions", "--sort=active")[0]["name"] == "s2sin-2"
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
                            (b"GET / HTTP/1.1\r\n", "there is no command GET"), (b"status\r\n", None),
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
            self.servers = []
            shutil.rmtree(self.directory, ignore_errors=True)


NO_CASES = ("serve", "pair", "run_tool", "ask", "text", "audit", "wait", "on_terminal", "run")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="./openfire-s2s")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    binary = os.path.abspath(options.binary)
    names = [name for name in vars(Cases) if not name.startswith("_") and name not in NO_CASES and options.only in name]
    results, lock = [], threading.Lock()

    def work():
        cases = Cases(binary, binary + "ctl")
        while True:
            with lock:
                if not names:
                    return
                name = names.pop(0)
            results.append(cases.run(name))

    # several at once: what they do most is to wait
    workers = [threading.Thread(target=work) for _ in range(1 if options.only else 3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print("%d passed, %d failed, %d skipped" % tuple(results.count(word) for word in ("passed", "failed", "skipped")))
    return 1 if "failed" in results else 0


if __name__ == "__main__":
    sys.exit(main())
