# SPDX-License-Identifier: Apache-2.0
"""resources.py - what runs out, and a clock that is set: descriptors, the disk under s2s.home, the disk of the log, the wall clock"""
import contextlib
import mmap
import os
import resource
import socket
import stat
import struct
import subprocess
import threading
import time

from dialling import Wild, address, claim, srv
from player import (HEADER_PLAIN, HERE, LIMIT, RESULT, Listener, Pinger, Server, Skipped, case, expect, read_to_end)


def is_answered(stream):
    """Has our header been answered within two seconds?"""
    stream.settimeout(2)
    stream.sendall(HEADER_PLAIN.encode())
    try:
        return b"</stream:features>" in expect(stream, b"</stream:features>")
    except (socket.timeout, AssertionError, OSError):
        return False


@case()
def at_the_descriptor_limit_streams_go_on_and_nothing_spins(world):
    """The last descriptor is gone: accept waits, at next to no cost and with few lines of the log; who is there is served; no setting is read
    wrongly; and when descriptors are back, so is everything."""
    with world.server({"s2s.log.level": "warn"}) as server:
        home = server.settings["s2s.home"]
        with open(home + "/remote-servers.conf", "w") as file:
            file.write("[blocked.test]\npermission = blocked\n")
        server.reload(**{"s2s.log.level": "info"})
        with Pinger(server) as pinger:
            before = server.settle()
            hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)[1]
            resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (before.descriptors + 20, hard))
            strangers = [server.connect() for _ in range(45)]  # more than that, and fewer than the backlog
            time.sleep(0.5)
            full, log = server.usage(), server.read_log()
            assert full.descriptors >= before.descriptors + 19, "it is not full: %s" % full
            time.sleep(3)
            spent = server.usage().cpu - full.cpu
            lines = server.read_log()[len(log):].count("accept on")
            print("  full: %s; %.3f s of the processor and %d lines about it in 3 s; %d pings meanwhile, the slowest %.0f ms" % (
                full, spent, lines, len(pinger.times), pinger.worst() * 1000))
            assert spent < 0.3 * world.time_factor, "%.2f s of the processor in 3 s" % spent
            assert lines <= 2, "%d lines in 3 s" % lines
            said = server.reload(**{"xmpp.server.name": "another"})
            assert "stay as they were" in said, "it read settings without descriptors: %s" % said
            assert pinger.worst() < 1 * world.time_factor, "a ping took %.1f s" % pinger.worst()
            for each in strangers[:30]:
                each.close()
            assert all(map(is_answered, strangers[30:])), "those who waited were not served"
            stream = server.open_stream()
            stream.sendall(RESULT % b"blocked.test")
            said = read_to_end(stream)
            assert b"policy-violation" in said, "blocked.test is not blocked: %r" % said
            assert "settings read again" in server.reload(), "it does not read its settings again"
            for each in strangers + [stream]:
                each.close()
            server.assert_as_before(before, 2500)


@case()
def a_reload_that_fails_changes_no_row(world):
    """The settings stay as they were, says the log; so a row that came with them must not count either."""
    with world.server({"s2s.log.level": "info"}) as server:
        with open(server.settings["s2s.home"] + "/remote-servers.conf", "w") as file:
            file.write("[remote.test]\npermission = blocked\n")
        said = server.reload(**{"xmpp.server.certificate.file": "/nowhere/certificate.pem"})
        assert "stay as they were" in said, "the log says: %s" % said
        stream = server.connect()
        assert is_answered(stream), "the row counts"
        stream.close()


# --- disks

TMPFS = 'mount -t tmpfs -o size=%s,mode=700 tmpfs "$0" && { [ -z "%s" ] || head -c 1000000 /dev/zero >"$0/filler" || true; } && exec "$@"'


def on_a_small_disk(home, full, size="256k"):
    """A prefix: the program with a disk of its own, of that size, at `home`."""
    if os.geteuid() != 0:
        raise Skipped("mounting needs root")
    os.makedirs(home, exist_ok=True)
    return ("unshare", "-m", "--propagation", "private", "sh", "-c", TMPFS % (size, "full" if full else ""), home)


def fill(path):
    """All of the disk below, in a file."""
    with contextlib.suppress(OSError), open(path + "/filler", "ab", buffering=0) as file:
        for size in (4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * size)


@case()
def a_disk_that_is_full_at_the_start_is_named(world):
    """The secret or the certificate can not be made: status 1, with the file's name and the reason; nothing half-written is left."""
    for settings, name in (({}, "dialback.secret"), ({"xmpp.server.dialback.secret": "x" * 40, "xmpp.server.certificate.file": ""}, "certificate.pem")):
        home = "%s/full-%s" % (world.directory, name)
        server = Server(world, settings, home=home, prefix=on_a_small_disk(home, True))
        try:
            status = server.process.wait(LIMIT)
            log = server.read_log()
            assert status == 1, "status %s: %s" % (status, log[-300:])
            assert home + "/" + name in log and "No space left on device" in log, "the log says: %s" % log[-400:]
        finally:
            server.stop()
            server.clean()


@case()
def a_disk_that_becomes_full_leaves_all_as_it_was(world):
    """A reload that needs a new certificate finds the disk full: an error with the file's name, the certificate and the settings in force stay,
    no file is truncated and none left over; with room again the same reload works."""
    home = world.directory + "/becomes-full"
    with world.server({"xmpp.server.certificate.file": "", "s2s.log.level": "info"}, home=home, prefix=on_a_small_disk(home, False)) as server:
        disk = "/proc/%d/root%s" % (server.pid, home)
        server.wait_log("(direct TLS) socket on port")
        shown = certificate_of(server)
        kept = {name: open("%s/%s" % (disk, name), "rb").read() for name in os.listdir(disk)
                if not stat.S_ISSOCK(os.stat("%s/%s" % (disk, name)).st_mode)}
        fill(disk)
        said = server.reload(**{"s2s.domains": "more.test"})
        assert "certificate.pem" in said and "No space left on device" in said and "stay as they were" in said, "the log says: %s" % said
        assert certificate_of(server) == shown, "another certificate is shown"
        stream = server.connect()
        stream.sendall(HEADER_PLAIN.replace("s2s.test", "more.test").encode())
        assert b"host-unknown" in read_to_end(stream), "the new settings are in force"
        for name, content in kept.items():
            with open("%s/%s" % (disk, name), "rb") as file:
                assert file.read() == content, "%s is not what it was" % name
        left = set(os.listdir(disk)) - set(kept) - {"filler", "control.sock"}
        assert not left, "left over: %s" % left
        os.unlink(disk + "/filler")
        said = server.reload()
        assert "settings read again" in said, "the log says: %s" % said
        assert certificate_of(server) != shown, "the old certificate is shown"


def certificate_of(server):
    """What it shows on the direct port."""
    import ssl
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(server.connect(server.direct_port), server_hostname="s2s.test") as stream:
        return stream.getpeercert(True)


@case()
def a_log_that_is_full_stops_nobody(world):
    """Standard error goes to a full disk: lines are lost and counted, streams go on; with room again the log says how many."""
    if os.geteuid() != 0:
        raise Skipped("mounting needs root")
    home = world.directory + "/log-disk"
    prefix = ("unshare", "-m", "--propagation", "private", "sh", "-c",
              'mount -t tmpfs -o size=64k tmpfs "$0" && exec "$@" 2>>"$0/log"', home)
    os.makedirs(home)
    with world.server({"s2s.log.level": "debug"}, prefix=prefix) as server:
        disk = "/proc/%d/root%s" % (server.pid, home)
        with Pinger(server) as pinger:
            fill(disk)
            end = time.monotonic() + 1
            while time.monotonic() < end:
                server.open_stream().close()
            assert len(pinger.times) > 3 and pinger.worst() < 1 * world.time_factor, "a ping took %.1f s" % pinger.worst()
            os.unlink(disk + "/filler")
            server.open_stream().close()
            end = time.monotonic() + LIMIT
            while "lines of the log are missing here" not in open(disk + "/log", errors="replace").read():
                assert time.monotonic() < end, "the log does not say what is missing"
                time.sleep(0.05)


# --- the clock

class Clock:
    """The wall clock of a server, which can be set."""

    def __init__(self, world):
        if "san" in world.binary:
            raise Skipped("a sanitizer wants to be the first library")
        self.path = "%s/clock-%d" % (world.directory, os.getpid())  # cases run beside each other
        library = self.path + ".so"
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", library, HERE + "/clock_shim.c"],
                       check=True, timeout=60)
        with open(self.path, "wb") as file:
            file.write(struct.pack("q", 0))
        self.file = open(self.path, "r+b")
        self.map = mmap.mmap(self.file.fileno(), 8)
        self.environment = {"LD_PRELOAD": library, "CLOCK_OFFSET_FILE": self.path}

    def set(self, seconds):
        """So many seconds off the machine's."""
        self.map[:] = struct.pack("q", seconds)

    def close(self):
        self.map.close()
        self.file.close()


HOUR, DAY = 3600, 86400
STEPS = (6 * HOUR, -6 * HOUR, 400 * DAY, 0)


@case(reduced=False)
def a_clock_that_is_set_moves_no_deadline(world):
    """The wall clock jumps by hours, there and back: set-up and idle limits, the pause of a dead domain and pings are what they were."""
    clock = Clock(world)
    gone = Listener(lambda connection: connection.close())
    settings = {"s2s.negotiation.timeout": 2500, "xmpp.server.session.idle": 2500, "s2s.retry.first": 3600000, "s2s.retry.max": 3600000}
    try:
        with world.server(settings, environment=clock.environment, overrides=",{gone.test,127.0.0.1:%d}" % gone.port) as server:
            claim(server, "gone.test")
            claim(server, "gone.test")
            dialled = gone.count
            with Pinger(server) as pinger:
                for step in STEPS:
                    waiting, idle = server.open_stream(), server.prove()
                    began = time.monotonic()
                    time.sleep(0.3)
                    clock.set(step)
                    ends = []
                    for stream in (waiting, idle):
                        assert b"connection-timeout" in read_to_end(stream, 6), "the stream did not end by its deadline"
                        ends.append(time.monotonic() - began)
                        stream.close()
                    print("  set by %d s: ended after %.2f and %.2f s" % (step, *ends))
                    assert all(2.2 < each < 3.8 for each in ends), "set by %d s: ended after %.2f and %.2f s" % (step, *ends)
                assert pinger.worst() < 1, "a ping took %.1f s" % pinger.worst()
            claim(server, "gone.test")
            assert gone.count == dialled, "the pause of a dead domain is over"
    finally:
        gone.close()
        clock.close()


@case(reduced=False)
def a_clock_that_is_set_back_does_not_stop_the_dns(world):
    """Questions are under way when the wall clock goes back by six hours, and their answers are lost: what is asked then is answered."""
    clock, deaf = Clock(world), threading.Event()

    def tell(name, kind):
        if kind == 33:
            return [srv(where.port, "host." + name)] if name.startswith("_xmpp-server.") else None
        return [address("127.0.0.1")] if kind == 1 else []

    class Deaf(Wild):
        def answer(self, query):
            return b"" if deaf.is_set() else super().answer(query)

    where = Listener(lambda connection: connection.close())
    try:
        with world.server({"s2s.dns.timeout": 1500, "s2s.log.level": "info"}, environment=clock.environment, names=Deaf(tell)) as server:
            claim(server, "first.test")
            deaf.set()
            clock.set(6 * HOUR)
            stream = server.open_stream()
            stream.sendall(RESULT % b"second.test")
            time.sleep(0.3)
            clock.set(-6 * HOUR)
            expect(stream, b"</db:result>")
            stream.close()
            deaf.clear()
            for domain in ("second.test", "third.test"):
                count, end = where.count, time.monotonic() + 10
                while where.count == count:
                    assert time.monotonic() < end, "%s is not found any more" % domain
                    claim(server, domain)
                    time.sleep(0.3)
    finally:
        where.close()
        clock.close()


@case(reduced=False)
def certificates_run_out_by_the_wall_clock(world):
    """RFC 6120 13.7.2.3. A stream that a certificate proved ends when the wall clock says that it has run out; set back, it is good again."""
    clock = Clock(world)
    try:
        with world.server({**world.tls_settings(), "s2s.log.level": "info"}, environment=clock.environment) as server:
            def authenticate():
                stream = server.open_secure("remote")
                stream.sendall(HEADER_PLAIN.encode())
                if b"EXTERNAL" not in expect(stream, b"</stream:features>"):
                    return None
                stream.sendall(b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>")
                expect(stream, b"<success")
                stream.sendall(HEADER_PLAIN.encode())
                expect(stream, b"</stream:features>")
                return stream

            def is_refused():
                try:
                    stream = authenticate()
                except (OSError, AssertionError):
                    return True
                return stream is None

            stream = authenticate()
            assert stream is not None, "EXTERNAL is not offered"
            clock.set(31 * DAY)
            began = time.monotonic()
            assert b"your certificate has expired" in read_to_end(stream, 5), "the stream did not end"
            print("  ended %.1f s after the certificate had run out" % (time.monotonic() - began))
            assert is_refused(), "a certificate that has run out proves its domain"
            clock.set(0)
            assert authenticate() is not None, "the certificate is refused though it is good again"
            clock.set(-2 * DAY)
            assert is_refused(), "a certificate that is not good yet proves its domain"
    finally:
        clock.close()
