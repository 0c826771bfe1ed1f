#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""service.py - the program as a service: what it tells the manager, what `make install` puts where, and the unit's sandbox

The unit is judged by systemd-analyze, and started: by a systemd of its own, process 1 of new namespaces (service.sh), with all of
its restrictions, as the user that sysusers.d made. Where that cannot be had (no root, no namespaces) it is skipped. The system calls
are watched once more without mercy: what two_servers.py lets two servers do is done under the unit's filter, in which a call that is
not allowed kills.

With --sandboxed UNIT it is that filter itself: it puts it on and becomes the given program.
"""
import argparse
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import two_servers  # noqa: E402
from two_servers import LIMIT, Stream, free_port  # noqa: E402

ROOT = os.path.dirname(HERE)
PREFIX = "/opt/openfire-s2s-test"


class Skip(Exception):
    """Why this cannot be shown here"""


class Manager:
    """The end of NOTIFY_SOCKET that a service manager holds."""

    def __init__(self, name):
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name[0] == "@" else name)
        self.socket.settimeout(LIMIT)

    def next(self):
        """The next message but STATUS and WATCHDOG, as a dict"""
        while True:
            message = dict(line.split("=", 1) for line in self.socket.recv(4096).decode().split("\n"))
            if "STATUS" not in message and "WATCHDOG" not in message:
                return message

    def wait(self, key):
        while True:
            message = dict(line.split("=", 1) for line in self.socket.recv(4096).decode().split("\n"))
            if key in message:
                return message[key]


class Cases(two_servers.Cases):
    def start(self, environment, settings=None):
        """A server of its own with these variables; it need not be ready."""
        before = dict(os.environ)
        os.environ.update(environment)
        try:
            server = two_servers.Server(self.binary, self.directory, "one.test", "127.0.2.1", settings or {})
        finally:
            os.environ.clear()
            os.environ.update(before)
        self.servers.append(server)
        return server

    def make(self, *arguments):
        done = subprocess.run(["make", "--no-print-directory", *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, timeout=120)
        assert done.returncode == 0, done.stdout.decode()

    # --- what the manager hears

    def the_manager_hears_of_start_reload_and_end(self):
        for name in (os.path.join(self.directory, "notify"), "@openfire-s2s-test-%d" % os.getpid()):
            manager = Manager(name)
            server = self.start({"NOTIFY_SOCKET": name})
            assert manager.next() == {"READY": "1"}
            Stream(server).close()  # it was true
            before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            server.process.send_signal(signal.SIGHUP)
            message = manager.next()
            assert message.pop("RELOADING") == "1" and 0 <= int(message.pop("MONOTONIC_USEC")) - before < LIMIT * 1e6 and not message
            assert manager.next() == {"READY": "1"}
            server.write_conf(xmpp__server__socket__port="many")
            server.process.send_signal(signal.SIGHUP)
            assert "RELOADING" in manager.next()
            assert manager.next() == {"READY": "1"}  # with the old settings
            server.process.send_signal(signal.SIGTERM)
            assert manager.next() == {"STOPPING": "1"}
            assert server.process.wait(LIMIT) == 0
            self.servers.remove(server)
            manager.socket.close()

    def the_status_tells_of_sessions(self):
        manager = Manager(os.path.join(self.directory, "notify"))
        server = self.start({"NOTIFY_SOCKET": manager.name})
        assert manager.wait("STATUS") == "sessions: 0 incoming, 0 outgoing; components: 0"
        stream = Stream(server)
        assert manager.wait("STATUS") == "sessions: 1 incoming, 0 outgoing; components: 0"
        stream.close()
        assert manager.wait("STATUS") == "sessions: 0 incoming, 0 outgoing; components: 0"

    def the_watchdog_hears_as_long_as_housekeeping_goes_round(self):
        manager = Manager(os.path.join(self.directory, "notify"))
        server = self.start({"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "2200000"})
        times = []
        for _ in range(2):
            manager.wait("WATCHDOG")
            times.append(time.monotonic())
        assert all(later - sooner < 2.2 for sooner, later in zip(times, times[1:])), times
        server.process.send_signal(signal.SIGSTOP)
        manager.socket.settimeout(2.5)
        try:
            manager.wait("WATCHDOG")
            manager.wait("WATCHDOG")  # one may have been under way
            raise AssertionError("it lives on, though it was stopped")
        except socket.timeout:
            pass
        finally:
            server.process.send_signal(signal.SIGCONT)

    def another_process_is_watched_or_none(self):
        manager = Manager(os.path.join(self.directory, "notify"))
        for more in ({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "1000x"}):
            server = self.start({"NOTIFY_SOCKET": manager.name, **more})
            assert manager.next() == {"READY": "1"}
            manager.socket.settimeout(1.2)
            try:
                manager.wait("WATCHDOG")
                raise AssertionError("a watchdog that nobody asked for: %r" % more)
            except socket.timeout:
                pass
            manager.socket.settimeout(LIMIT)
            server.stop()
            self.servers.remove(server)
            assert manager.next() == {"STOPPING": "1"}

    def a_manager_that_is_not_there_or_does_not_listen_costs_nothing(self):
        for name in (os.path.join(self.directory, "none"), "relative", "@" + "x" * 200, ""):
            server = self.start({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "100000"})
            server.wait_log("serves one.test")
            server.stop()
            self.servers.remove(server)
        manager = Manager(os.path.join(self.directory, "notify"))
        server = self.start({"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "100000"})
        server.wait_log("serves one.test")
        for _ in range(40):  # more than its queue holds, of which nothing is read
            server.process.send_signal(signal.SIGHUP)
            time.sleep(0.02)
        server.wait_log("SIGHUP: settings read again")
        stream = Stream(server)
        two_servers.ask_about_a_key(stream, server)
        stream.close()

    # --- what is installed

    def install_and_uninstall_leave_what_is_the_operators(self):
        stage = os.path.join(self.directory, "stage")
        arguments = ("DESTDIR=" + stage, "PREFIX=/usr", "SYSCONFDIR=/etc")
        conf = stage + "/etc/openfire-s2s/openfire-s2s.conf"
        self.make("install", *arguments)
        for name in ("bin/openfire-s2s", "bin/openfire-s2sctl"):
            assert os.stat("%s/usr/%s" % (stage, name)).st_mode & 0o777 == 0o755
        for name in ("lib/systemd/system/openfire-s2s.service", "lib/sysusers.d/openfire-s2s.conf", "lib/tmpfiles.d/openfire-s2s.conf",
                     "share/openfire-s2s/openfire-s2s.conf", "share/openfire-s2s/grafana-dashboard.json", "share/man/man8/openfire-s2s.8",
                     "share/man/man8/openfire-s2sctl.8", "share/man/man5/openfire-s2s.conf.5"):
            with open("%s/usr/%s" % (stage, name)) as file:
                assert not re.search("@[a-z]+@", file.read()), name
        assert os.stat(conf).st_mode & 0o777 == 0o640
        with open(conf) as file:
            assert "\nhome = /var/lib/openfire-s2s\n" in file.read()
        with open(conf, "w") as file:
            file.write("# mine\n")
        self.make("install", *arguments)
        self.make("uninstall", *arguments)
        with open(conf) as file:
            assert file.read() == "# mine\n"
        left = [name for _, _, names in os.walk(stage) for name in names]
        assert left == ["openfire-s2s.conf"], left

    def the_unit_is_good_and_exposes_little(self):
        prefix = os.path.join(self.directory, "usr")
        self.make("install", "PREFIX=" + prefix, "SYSCONFDIR=" + os.path.join(self.directory, "etc"))
        unit = prefix + "/lib/systemd/system/openfire-s2s.service"
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=LIMIT)
        assert done.returncode == 0 and not done.stdout, done.stdout.decode()
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", unit],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT)
        level = re.search(r"Overall exposure level for openfire-s2s.service: ([0-9.]+)", done.stdout.decode())
        assert done.returncode == 0 and level and float(level.group(1)) < 2.0, done.stdout.decode()

    # --- the sandbox

    def all_that_two_servers_do_is_allowed(self):
        wrapper = os.path.join(self.directory, "sandboxed")
        with open(wrapper, "w") as file:
            file.write("#!/bin/sh\nexec %s %s --sandboxed %s %s \"$@\"\n"
                       % (sys.executable, os.path.abspath(__file__), os.path.join(ROOT, "admin", "openfire-s2s.service"), self.binary))
        os.chmod(wrapper, 0o755)
        done = subprocess.run([wrapper, "--no-such-option"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT)
        if done.returncode == 77:
            raise Skip(done.stderr.decode().strip())
        assert done.returncode == 2 and b"usage: openfire-s2s" in done.stderr, done
        for call in ("mount", "mprotect"):  # it has teeth
            done = subprocess.run([sys.executable, os.path.abspath(__file__), "--sandboxed", os.path.join(ROOT, "admin", "openfire-s2s.service"),
                                   sys.executable, os.path.abspath(__file__), "--forbidden", call], stdout=subprocess.PIPE, timeout=LIMIT)
            assert done.returncode == -signal.SIGSYS, "%s ends with %d" % (call, done.returncode)
        for script, only in (("two_servers.py", "both"), ("two_servers.py", "sighup"), ("metrics.py", "tell_of_dialback")):
            done = subprocess.run([sys.executable, os.path.join(HERE, script), "--binary", wrapper, "--only", only],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=100)
            last = done.stdout.decode().strip().splitlines()[-1]
            assert done.returncode == 0 and re.match("[1-9][0-9]* passed, 0 failed", last), done.stdout.decode()

    def the_service_lives_under_systemd(self):
        stage, results = os.path.join(self.directory, "stage"), os.path.join(self.directory, "results")
        os.makedirs(results)
        self.make("install", "DESTDIR=" + stage, "PREFIX=" + PREFIX, "SYSCONFDIR=/etc")
        port, address = free_port("127.0.2.1"), "127.0.2.1"
        console = free_port("127.0.0.1"), free_port("127.0.0.1")
        with open(results + "/openfire-s2s.conf", "w") as file:
            file.write("[xmpp]\ndomain = one.test\n[xmpp.server]\nsocket.port = %d\nsocket.ssl.active = false\n[network]\ninterface = %s\n"
                       "[adminConsole]\nport = %d\nsecurePort = %d\n[s2s]\nhome = /var/lib/openfire-s2s\ndns.server = 127.0.0.1@9\ndns.trust-anchor =\n"
                       "[upstream behind.test]\nhost = 127.0.0.1\n" % (port, address, *console))
        with open(results + "/drop-in.conf", "w") as file:
            file.write("[Service]\nWatchdogSec=2200ms\nRestartSec=100ms\nStandardError=file:%s/log\n" % results)
        drive = "%s %s --drive %s %s %d" % (sys.executable, os.path.abspath(__file__), results, address, port)
        with Namespaces(["sh", os.path.join(HERE, "service.sh"), stage, PREFIX, results, drive]) as process:
            end = time.monotonic() + 90
            while not os.path.exists(results + "/done") and time.monotonic() < end and process.poll() is None:
                time.sleep(0.1)
        told = {name: read(os.path.join(results, name)) for name in ("drive.log", "log", "up")}
        if told["up"] == "":
            raise Skip("systemd does not come up here: %s" % (process.output() or told["drive.log"])[-300:])
        assert read(results + "/done") == "good", "%s\nthe server's log:\n%s" % (told["drive.log"], told["log"])


class Namespaces:
    """A command as the first process of new namespaces, in a cgroup of its own; all of it ends with the block"""

    def __init__(self, command):
        self.command = command

    def __enter__(self):
        if os.geteuid() != 0 or not shutil.which("unshare") or not os.path.exists("/lib/systemd/systemd"):
            raise Skip("root, unshare and systemd are needed")
        base = "/sys/fs/cgroup/systemd" if os.path.isdir("/sys/fs/cgroup/systemd") else "/sys/fs/cgroup"
        self.cgroup = "%s/openfire-s2s-test-%d" % (base, os.getpid())
        try:
            os.mkdir(self.cgroup)
        except OSError as error:
            raise Skip("no cgroup can be made: %s" % error)
        self.log = subprocess.PIPE
        self.process = subprocess.Popen(
            ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec unshare --fork --kill-child --pid --mount --mount-proc --cgroup --uts --ipc "$@"',
             self.cgroup, *self.command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.process.output = lambda: self.told
        os.set_blocking(self.process.stdout.fileno(), False)
        self.told = ""
        return self.process

    def __exit__(self, *_):
        self.told = (self.process.stdout.read() or b"").decode("utf-8", "replace")
        self.process.kill()
        self.process.wait(LIMIT)
        end = time.monotonic() + LIMIT
        while os.path.isdir(self.cgroup) and time.monotonic() < end:
            for directory, _, _ in os.walk(self.cgroup, topdown=False):
                try:
                    os.rmdir(directory)
                except OSError:  # not all of it has ended yet
                    time.sleep(0.05)


def read(path):
    if not os.path.exists(path):
        return ""
    with open(path, errors="replace") as file:
        return file.read()


# --- what runs elsewhere

def systemctl(*arguments, status=0):
    done = subprocess.run(["systemctl", "--no-pager", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT)
    assert status is None or done.returncode == status, (arguments, done.stdout.decode())
    return done.stdout.decode()


def show(*properties):
    return dict(line.split("=", 1) for line in systemctl("show", "openfire-s2s.service", "-p", ",".join(properties)).splitlines())


def wait_for(what, condition):
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, what + " never came"
        time.sleep(0.1)


class There:
    """Where Stream finds the server"""

    def __init__(self, address, port):
        self.address, self.port, self.name = address, port, "one.test"


def drive(results, address, port):
    """Inside, beside systemd: the life of the service."""
    wait_for("systemd", lambda: systemctl("is-active", "basic.target", status=None).strip() == "active")
    with open(results + "/up", "w") as file:
        file.write("up")
    systemctl("start", "openfire-s2s.service")  # returns when READY=1 came
    there = There(address, port)
    stream = Stream(there)
    two_servers.ask_about_a_key(stream, there)
    done = subprocess.run(["openssl", "s_client", "-starttls", "xmpp-server", "-xmpphost", "one.test", "-connect", "%s:%d" % (address, port)],
                          input=b"", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT)
    assert b"Verify return code" in done.stdout, done.stdout
    stream.send("<db:result from='remote.test' to='one.test'>key</db:result>")
    stream.expect("remote-server")  # it was looked for, and not found
    ports = re.search(r"adminConsole.\nport = (\d+)\nsecurePort = (\d+)", read("/etc/openfire-s2s/openfire-s2s.conf"))
    for url in ("http://127.0.0.1:%s/login" % ports.group(1), "https://127.0.0.1:%s/login" % ports.group(2)):
        with urllib.request.urlopen(url, timeout=LIMIT, context=ssl._create_unverified_context()) as page:
            assert b'name="password"' in page.read()
    wait_for("the status", lambda: re.match("sessions: [1-9]", show("StatusText")["StatusText"]))
    assert show("ActiveState", "SubState") == {"ActiveState": "active", "SubState": "running"}
    pid = show("MainPID")["MainPID"]
    status = read("/proc/%s/status" % pid)
    assert re.search(r"\nNoNewPrivs:\t1\n(.*\n)*Seccomp:\t2\n", status) and "\nCapBnd:\t0000000000000000\n" in status, status
    assert re.search(r"\nUid:\t([1-9]\d*)\t\1\t\1\t\1\n", status), status
    systemctl("reload", "openfire-s2s.service")
    two_servers.ask_about_a_key(stream, there)
    with open("/etc/openfire-s2s/openfire-s2s.conf", "a") as file:
        file.write("[xmpp.server]\nsocket.port = many\n")
    systemctl("reload", "openfire-s2s.service", status=1)  # who reloads learns that it failed
    two_servers.ask_about_a_key(stream, there)
    text = read("/etc/openfire-s2s/openfire-s2s.conf").replace("socket.port = many\n", "")
    with open("/etc/openfire-s2s/openfire-s2s.conf", "w") as file:
        file.write(text)
    time.sleep(3)  # longer than the watchdog waits
    assert show("MainPID")["MainPID"] == pid
    os.kill(int(pid), signal.SIGSTOP)
    wait_for("the restart by the watchdog", lambda: show("NRestarts", "SubState") == {"NRestarts": "1", "SubState": "running"})
    assert "watchdog" in systemctl("status", "openfire-s2s.service", status=None) or show("MainPID")["MainPID"] != pid
    Stream(there).close()
    for name, mode in ((".", 0o700), ("dialback.secret", 0o600), ("certificate.pem", 0o600), ("admin-password.conf", 0o600)):
        kept = os.stat("/var/lib/openfire-s2s/" + name)
        assert kept.st_mode & 0o777 == mode and kept.st_uid != 0, name
    systemctl("stop", "openfire-s2s.service")
    assert show("Result", "ExecMainStatus", "SubState") == {"Result": "success", "ExecMainStatus": "0", "SubState": "dead"}
    with open(results + "/done", "w") as file:
        file.write("good")


def system_calls(unit):
    """Those that the unit's SystemCallFilter leaves, by the sets of systemd-analyze"""
    sets, current = {}, None
    for line in subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout.decode().splitlines():
        if line.startswith("@"):
            current = sets.setdefault(line.strip(), [])
        elif line.startswith("    ") and current is not None and not line.strip().startswith("#"):
            current.append(line.strip())

    def expand(name):
        return {name} if name[0] != "@" else {call for each in sets[name] for call in expand(each)}

    allowed = expand("@default")
    for line in re.findall(r"^SystemCallFilter=(.*)$", unit, re.M):
        calls = {call for each in line.lstrip("~").split() for call in expand(each)}
        allowed = allowed - calls if line[0] == "~" else allowed | calls
    return allowed


def put_on_filter(path):
    """As systemd would, but what is not allowed kills: SystemCallFilter, MemoryDenyWriteExecute, RestrictAddressFamilies,
    RestrictNamespaces, RestrictSUIDSGID"""
    import seccomp
    unit = read(path)
    families = [getattr(socket, name) for name in re.search("RestrictAddressFamilies=(.*)", unit).group(1).split()]
    rules = seccomp.SyscallFilter(seccomp.KILL_PROCESS)
    for call in system_calls(unit) - {"socket", "clone", "clone3", "mmap", "mprotect", "pkey_mprotect", "shmat"}:
        try:
            rules.add_rule(seccomp.ALLOW, call)
        except (RuntimeError, ValueError):  # not of this architecture
            pass
    execute, write = 4, 2
    for family in families:
        rules.add_rule(seccomp.ALLOW, "socket", seccomp.Arg(0, seccomp.EQ, family))
    rules.add_rule(seccomp.ERRNO(38), "clone3")  # as for RestrictNamespaces: glibc then takes clone, which can be judged
    rules.add_rule(seccomp.ALLOW, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, 0x7e020080, 0))
    rules.add_rule(seccomp.ALLOW, "mmap", seccomp.Arg(2, seccomp.MASKED_EQ, execute | write, 0))
    rules.add_rule(seccomp.ALLOW, "mmap", seccomp.Arg(2, seccomp.MASKED_EQ, execute | write, execute))
    rules.add_rule(seccomp.ALLOW, "mmap", seccomp.Arg(2, seccomp.MASKED_EQ, execute | write, write))
    rules.add_rule(seccomp.ALLOW, "mprotect", seccomp.Arg(2, seccomp.MASKED_EQ, execute, 0))
    rules.load()


def do_forbidden(call):
    import ctypes
    import mmap
    if call == "mount":
        ctypes.CDLL(None).mount(b"none", b"/nowhere", b"tmpfs", 0, None)
    else:
        area = mmap.mmap(-1, 4096)
        ctypes.CDLL(None).mprotect(ctypes.addressof(ctypes.c_char.from_buffer(area)), 4096, 7)


def sandboxed(unit, command):
    try:
        put_on_filter(unit)
    except (ImportError, OSError, subprocess.SubprocessError) as error:
        print("no filter can be had: %s" % error, file=sys.stderr)
        return 77
    os.execv(command[0], command)


def run_case(cases, name):
    try:
        return cases.run(name)
    except Skip as reason:
        print("skipped %s: %s" % (name, reason), flush=True)
        return None


def main():
    if sys.argv[1:2] == ["--sandboxed"]:
        return sandboxed(sys.argv[2], sys.argv[3:])
    if sys.argv[1:2] == ["--forbidden"]:
        return do_forbidden(sys.argv[2])
    if sys.argv[1:2] == ["--drive"]:
        return drive(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="./openfire-s2s")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    cases = Cases(os.path.abspath(options.binary))
    names = [name for name in vars(Cases) if not name.startswith("_") and name not in ("start", "make")]
    results = [run_case(cases, name) for name in names if options.only in name]
    print("%d passed, %d failed, %d skipped" % (results.count(True), results.count(False), results.count(None)))
    return 1 if False in results else 0


if __name__ == "__main__":
    sys.exit(main())
