# SPDX-License-Identifier: Apache-2.0
"""place.py - where a run happens: a network namespace of its own, or plain loopback; two cores; processes and what they use"""
import json
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from ports import free_ports  # noqa: E402

TARGET, LOAD = "127.0.0.1", "127.0.0.2"  # their addresses
SERVERS = "127.0.0.53"  # of the DNS, which the load plays too
FILES = 100000


def raise_limits():
    """As many open files as we may have."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for number in (FILES, hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(number, FILES), number))
            return
        except (ValueError, OSError):
            pass


class Place:
    """`isolated`: in a namespace, where the usual ports are free; else on free ports of this machine."""

    def __init__(self, directory, isolated):
        self.directory, self.isolated = directory, isolated
        cores = sorted(os.sched_getaffinity(0))
        self.target_core, self.load_core = cores[0], cores[-1]
        self.namespace = "s2sbench%d" % os.getpid()
        self.processes = []
        self.s2s_port, self.component_port = (5269, 5347) if isolated else free_ports(2)
        self.load_port = 5269 if isolated else free_ports(1, LOAD)[0]
        if isolated:
            self.command("ip", "netns", "add", self.namespace)
            os.makedirs("/etc/netns/" + self.namespace)
            with open("/etc/netns/%s/resolv.conf" % self.namespace, "w") as file:
                file.write("nameserver %s\n" % SERVERS)
            self.inside("ip", "link", "set", "lo", "up")
            self.inside("sh", "-c", "cd /proc/sys/net/ipv4 && echo 10000 65000 >ip_local_port_range && echo 10000 >tcp_max_tw_buckets")

    @staticmethod
    def command(*words):
        return subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)

    def inside(self, *words):
        return self.command("ip", "netns", "exec", self.namespace, *words)

    def start(self, core, log, *words, environment=None, **pipes):
        """A process on a core, in a session of its own; its standard error, and what has no pipe, go to the log."""
        def prepare():
            os.sched_setaffinity(0, {core})
            raise_limits()
        if self.isolated:
            words = ("ip", "netns", "exec", self.namespace) + words
        with open(log, "ab") as out:
            process = subprocess.Popen(words, preexec_fn=prepare, start_new_session=True, stderr=out,
                                       stdin=pipes.get("stdin", subprocess.DEVNULL), stdout=pipes.get("stdout", out),
                                       env={**os.environ, **(environment or {})}, cwd=self.directory)
        self.processes.append(process)
        return process

    def stop(self, process, limit=20):
        """Ends it with all that it started."""
        if process in self.processes:
            self.processes.remove(process)
        for kind in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, kind)
            except ProcessLookupError:
                pass
            try:
                process.wait(limit)
            except subprocess.TimeoutExpired:
                pass

    def remove(self):
        for process in reversed(list(self.processes)):
            self.stop(process)
        if self.isolated:
            subprocess.run(["ip", "netns", "del", self.namespace], stderr=subprocess.DEVNULL)
            shutil.rmtree("/etc/netns/" + self.namespace, ignore_errors=True)


def family(pids):
    """These processes and all that they started."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name) as file:
                    children.setdefault(int(file.read().rsplit(")", 1)[1].split()[1]), []).append(int(name))
            except OSError:
                pass  # it has just ended
    found, rest = [], list(pids)
    while rest:
        pid = rest.pop()
        found.append(pid)
        rest += children.get(pid, [])
    return found


def is_listening(pid, port):
    try:
        for name in ("tcp", "tcp6"):
            with open("/proc/%d/net/%s" % (pid, name)) as file:
                if any(fields[3] == "0A" and fields[1].endswith(":%04X" % port)
                       for fields in map(str.split, file.readlines()[1:])):
                    return True
    except OSError:
        pass
    return False


def memory_of(pids):
    """Resident and proportional set, bytes, and threads, of all of them together."""
    sums = {"rss": 0, "pss": 0, "threads": 0}
    for pid in pids:
        try:
            with open("/proc/%d/smaps_rollup" % pid) as file:
                for line in file:
                    words = line.split()
                    if words[0] in ("Rss:", "Pss:"):
                        sums[words[0][:-1].lower()] += int(words[1]) * 1024
            sums["threads"] += len(os.listdir("/proc/%d/task" % pid))
        except OSError:
            pass
    return sums


class Lines:
    """Lines of JSON from a process, each waited for until a deadline."""

    def __init__(self, process):
        self.process, self.data = process, b""

    def next(self, deadline):
        """None: it has ended, or the time is up."""
        while b"\n" not in self.data:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                return None
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                return None
            self.data += more
        line, self.data = self.data.split(b"\n", 1)
        return json.loads(line)
