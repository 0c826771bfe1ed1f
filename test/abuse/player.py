# SPDX-License-Identifier: Apache-2.0
"""player.py - what the cases of abuse have in common: a server with what it uses measured, peers that mean well and badly

A case is a function with @case, whose name is a sentence; it takes a World. Whatever is counted of the server comes from /proc and
from the processor clock of its process.
"""
import contextlib
import os
import re
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import pki  # noqa: E402
from cycles import HEADER, LIMIT, Authority  # noqa: E402
from peer import Names  # noqa: E402
from ports import free_ports  # noqa: E402

HEADER_PLAIN = HEADER % ""
STARTTLS = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
PROCEED = b'<proceed xmlns="urn:ietf:params:xml:ns:xmpp-tls"/>'
COMPONENT_HEADER = b"<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='chat.s2s.test'>"
RESULT = b"<db:result from='%s' to='s2s.test'>k</db:result>"
PING = b"<iq type='get' id='%s' from='u@remote.test/r' to='s2s.test'><ping xmlns='urn:xmpp:ping'/></iq>"
MIB = 1 << 20
PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024

CASES = []


def case(reduced=True, alone=False, missing=""):
    """`reduced`: also run under a sanitizer, where all takes longer. `alone`: beside no other, as it measures what they disturb.
    `missing`: what the server lacks so far for the case to pass; only --all runs it."""
    def add(function):
        function.reduced, function.alone, function.missing = reduced, alone, missing
        CASES.append(function)
        return function
    return add


class Skipped(Exception):
    """What the case needs is not to be had here."""


def raise_descriptor_limit():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Usage:
    """Threads, descriptors, resident KiB, and seconds of the processor so far, of one process."""

    def __init__(self, pid):
        with open("/proc/%d/status" % pid) as file:
            status = file.read()
        self.threads = int(re.search(r"Threads:\s+(\d+)", status).group(1))
        self.resident = int(re.search(r"VmRSS:\s+(\d+)", status).group(1))
        self.peak = int(re.search(r"VmHWM:\s+(\d+)", status).group(1))
        self.descriptors = len(os.listdir("/proc/%d/fd" % pid))
        self.cpu = time.clock_gettime(((~pid) << 3) | 2)

    def __str__(self):
        return "%d threads, %d descriptors, %d KiB" % (self.threads, self.descriptors, self.resident)


class Server:
    """This server, started; `settings` by their full names."""

    def __init__(self, world, settings=None, upstream="", overrides="", names=None, home=None, prefix=(), environment=None, log=None,
                 port=None):
        self.world = world
        self.directory = tempfile.mkdtemp(prefix="abuse")
        self.authority = Authority()
        self.authority.start()
        ports = free_ports(4)
        self.port, self.direct_port, self.component_port, self.private_port = ports
        self.port = port or self.port
        self.settings = {
            "xmpp.domain": "s2s.test",
            "xmpp.server.socket.port": self.port,
            "xmpp.server.socket.ssl.port": self.direct_port,
            "xmpp.server.certificate.file": "none",
            "xmpp.component.socket.port": self.component_port,
            "xmpp.component.defaultSecret": "sesame",
            "network.interface": "127.0.0.1",
            "dnsutil.dnsOverride": "{remote.test,127.0.0.1:%d}" % self.authority.port + overrides,
            "s2s.upstream.socket.port": self.private_port,
            "s2s.home": home or self.directory + "/home",
            "s2s.dns.trust-anchor": "",
            "adminConsole.port": 0,
            "adminConsole.securePort": 0,
            "s2s.log.level": "warn",
            "s2s.timeline.bytes": 65536,  # what is kept of failures has a bound of its own; it shall not look like a leak
            **(settings or {}),
        }
        if names:
            self.settings["s2s.dns.server"] = "127.0.0.1@%d" % names.socket.getsockname()[1]
        self.upstream = upstream
        self.conf, self.log_path = self.directory + "/conf", log or self.directory + "/log"
        self.write_settings()
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen([*prefix, world.binary, "-c", self.conf], stderr=self.log,
                                        env={**os.environ, **(environment or {})})
        self.pid = self.process.pid

    def write_settings(self, **more):
        self.settings.update(more)
        with open(self.conf, "w") as file:
            for name, value in self.settings.items():
                file.write("[%s]\n%s = %s\n" % (*name.split(".", 1), value))
            file.write(self.upstream)

    def wait_listening(self):
        end = time.monotonic() + LIMIT
        while True:
            assert self.process.poll() is None, "the server has ended: " + self.read_log()[-600:]
            try:
                return self.connect().close()
            except OSError:
                assert time.monotonic() < end, "the server does not listen"
                time.sleep(0.02)

    def read_log(self):
        with open(self.log_path, "rb") as log:
            return log.read().decode("utf-8", "replace")

    def show_log(self):
        print("".join("  | %s\n" % line for line in self.read_log().splitlines()[-20:]), end="", flush=True)

    def wait_log(self, words, limit=LIMIT):
        end = time.monotonic() + limit
        while words not in self.read_log():
            assert time.monotonic() < end, "the log never said: " + words
            time.sleep(0.02)

    def reload(self, **more):
        """SIGHUP; what the log says after it, once it is through."""
        before = len(self.read_log())
        self.write_settings(**more)
        self.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + LIMIT
        while "SIGHUP" not in self.read_log()[before:]:
            assert time.monotonic() < end, "SIGHUP had no effect"
            time.sleep(0.02)
        return self.read_log()[before:]

    # --- measures

    def usage(self):
        assert self.process.poll() is None, "the server has ended with status %s" % self.process.returncode
        return Usage(self.pid)

    def forget_peak(self):
        with open("/proc/%d/clear_refs" % self.pid, "w") as file:
            file.write("5")

    def wait_quiet(self, limit=LIMIT):
        """Until it does nothing for a twentieth of a second; what it uses then."""
        end = time.monotonic() + limit
        before = self.usage()
        while True:
            time.sleep(0.05)
            now = self.usage()
            if now.cpu - before.cpu < 0.001 or time.monotonic() >= end:
                return now
            before = now

    def settle(self, threads=None, descriptors=None, limit=LIMIT):
        """What it uses, once nothing changes for half a second, or, when given, no more than these are left."""
        last, steady, end = None, 0, time.monotonic() + limit
        while time.monotonic() < end:
            now = self.usage()
            same = last is not None and (now.threads, now.descriptors) == (last.threads, last.descriptors)
            few = (threads is None or now.threads <= threads) and (descriptors is None or now.descriptors <= descriptors)
            steady = steady + 1 if same and few else 0
            if steady >= 5:
                return now
            last = now
            time.sleep(0.1)
        return self.usage()

    def assert_as_before(self, before, slack_kib, limit=LIMIT):
        """Threads and descriptors are no more than then, resident memory at most `slack_kib` more."""
        after = self.settle(before.threads, before.descriptors, limit)
        print("  before: %s; after: %s" % (before, after), flush=True)
        assert after.threads <= before.threads, "threads are left"
        assert after.descriptors <= before.descriptors, "descriptors are left"
        assert after.resident <= before.resident + self.world.kib(slack_kib), "memory is left"

    # --- streams

    def connect(self, port=None, buffer=0):
        """`buffer`: bytes for receiving that are asked of the kernel, 0: its own choice."""
        stream = socket.socket()
        if buffer:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        stream.settimeout(LIMIT)
        stream.connect(("127.0.0.1", port or self.port))
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return stream

    def open_stream(self, port=None, buffer=0):
        stream = self.connect(port, buffer)
        stream.sendall(HEADER_PLAIN.encode())
        expect(stream, b"</stream:features>")
        return stream

    def prove(self):
        """A stream of remote.test that is authenticated."""
        stream = self.open_stream()
        stream.sendall(RESULT % b"remote.test")
        expect(stream, b'type="valid"/>')
        return stream

    def open_component(self):
        import hashlib
        stream = self.connect(self.component_port)
        stream.sendall(COMPONENT_HEADER)
        stream_id = re.search(rb'id="([^"]*)"', expect(stream, b">", b"<stream:stream")).group(1)
        stream.sendall(b"<handshake>%s</handshake>" % hashlib.sha1(stream_id + b"sesame").hexdigest().encode())
        expect(stream, b"<handshake/>")
        return stream

    def secure(self, stream, certificate=None):
        """The handshake of our side, after <proceed/> or on the direct port."""
        return self.world.client_context(certificate).wrap_socket(stream, server_hostname="s2s.test")

    def open_secure(self, certificate=None, buffer=0):
        stream = self.open_stream(None, buffer)
        stream.sendall(STARTTLS)
        expect(stream, PROCEED)
        return self.secure(stream, certificate)

    # --- the end

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "no end"

    def clean(self):
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)


class Pinger:
    """Pings on an authenticated stream, one after another; how long each took."""

    def __init__(self, server, pause=0.02):
        self.server, self.pause, self.over, self.times = server, pause, threading.Event(), []
        self.stream = server.prove()
        self.ping(b"warm-up")
        self.times = []
        self.thread = threading.Thread(target=self.run)

    def ping(self, name):
        authority = self.server.authority
        before = time.monotonic()
        self.stream.sendall(PING % name)
        with authority.arrived:
            if not authority.arrived.wait_for(lambda: name.decode() in authority.stanzas, LIMIT):
                raise AssertionError("a ping was not answered")
            authority.stanzas.remove(name.decode())
        self.times.append(time.monotonic() - before)

    def run(self):
        number = 0
        while not self.over.is_set():
            try:
                self.ping(b"ping%d" % number)
            except (AssertionError, OSError):
                self.times.append(LIMIT)
                return
            number += 1
            self.over.wait(self.pause)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join(LIMIT)
        self.stream.close()

    def worst(self):
        return max(self.times)

    def quantile(self, part):
        return sorted(self.times)[min(int(len(self.times) * part), len(self.times) - 1)]


def expect(stream, words, begin=b""):
    data = b""
    while begin not in data or words not in data[data.find(begin):]:
        more = stream.recv(65536)
        assert more, "the stream ended before %r: %r" % (words, data[-300:])
        data += more
    return data


def read_to_end(stream, limit=LIMIT):
    """All that still comes, until the end of TCP or a reset."""
    stream.settimeout(limit)
    data = b""
    try:
        while True:
            more = stream.recv(65536)
            if not more:
                return data
            data += more
    except socket.timeout:
        raise AssertionError("the stream does not end; so far: %r" % data[-300:])
    except OSError:
        return data


def reset(stream):
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    stream.close()


class Listener:
    """A host that the server connects to: what comes goes to `serve(connection)`, each on a thread."""

    def __init__(self, serve, port=0, tls=None):
        self.serve, self.tls, self.count, self.received = serve, tls, 0, []
        self.socket = socket.create_server(("127.0.0.1", port), backlog=512)
        self.port = self.socket.getsockname()[1]
        self.open = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.count += 1
            connection.settimeout(LIMIT)
            self.open.append(connection)
            threading.Thread(target=self.serve_one, args=(connection,), daemon=True).start()

    def serve_one(self, connection):
        with contextlib.suppress(OSError, ssl.SSLError, AssertionError):
            self.serve(connection)

    def close(self):
        self.socket.close()
        for each in self.open:
            each.close()


class World:
    """What a run of cases has: the binary, certificates, and the servers that were started."""

    def __init__(self, binary, reduced):
        self.binary, self.reduced = binary, reduced
        self.time_factor = 4 if reduced else 1
        self.directory = tempfile.mkdtemp(prefix="abuse")
        self.certificates = self.directory + "/pki"
        self.pki = pki.Pki(self.certificates)
        self.contexts, self.servers = {}, []

    def kib(self, number):
        """What memory may grow by. A sanitizer keeps hundreds of MiB of what was freed: then it is no measure."""
        return number + (1 << 30 if self.reduced else 0)

    def client_context(self, certificate=None):
        if certificate not in self.contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.load_verify_locations(self.certificates + "/ca.pem")
            if certificate:
                context.load_cert_chain("%s/%s.pem" % (self.certificates, certificate))
            self.contexts[certificate] = context
        return self.contexts[certificate]

    def server_context(self, certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain("%s/%s.pem" % (self.certificates, certificate))
        return context

    def tls_settings(self):
        return {"xmpp.server.certificate.file": self.certificates + "/ours.pem",
                "xmpp.server.certificate.trust": self.certificates + "/ca.pem"}

    @contextlib.contextmanager
    def server(self, settings=None, **more):
        """A server for this block; it must end with status 0."""
        server = Server(self, settings, **more)
        try:
            server.wait_listening()
            yield server
            status = server.stop()
            assert status == 0, "the server ended with status %s" % status
        except BaseException:
            server.show_log()
            raise
        finally:
            server.stop()
            server.clean()

    @contextlib.contextmanager
    def server_on(self, address, settings, prefix):
        """The same on the host of `prefix`; it is waited for by its log."""
        server = Server(self, {**settings, **address, "s2s.log.level": "info"}, prefix=prefix)
        try:
            server.wait_log("serves s2s.test")
            yield server
            status = server.stop()
            assert status == 0, "the server ended with status %s" % status
        except BaseException:
            server.show_log()
            raise
        finally:
            server.stop()
            server.clean()

    def names(self):
        names = Names()
        names.start()
        return names

    def clean(self):
        shutil.rmtree(self.directory, ignore_errors=True)
