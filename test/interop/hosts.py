# SPDX-License-Identifier: Apache-2.0
"""hosts.py - network namespaces as hosts: each with an address of its own, all on one bridge, and a DNS server for them"""
import os
import shutil
import signal
import subprocess
import time


def command(*words, check=True):
    return subprocess.run(words, check=check, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


class Host:
    """A network namespace `name`, with the addresses 10.99.0.N and fd99::N."""

    def __init__(self, network, name, number):
        self.network, self.name = network, name
        self.namespace = "%s-%s" % (network.prefix, name)
        self.address, self.address6 = "10.99.0.%d" % number, "fd99::%d" % number
        self.processes = []
        command("ip", "netns", "add", self.namespace)
        ends = "v%d" % number, "p%d" % number
        self.plug = ends[1]  # its end on the bridge
        command("ip", "link", "add", ends[0], "netns", self.namespace, "type", "veth", "peer", "name", ends[1],
                "netns", network.bridge)
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "addr", "add", self.address + "/24", "dev", ends[0])
        self.run("ip", "addr", "add", self.address6 + "/64", "dev", ends[0], "nodad")
        self.run("ip", "link", "set", ends[0], "up")
        command("ip", "netns", "exec", network.bridge, "ip", "link", "set", ends[1], "master", "br0", "up")
        directory = "/etc/netns/" + self.namespace
        os.makedirs(directory)
        with open(directory + "/resolv.conf", "w") as file:
            file.write("nameserver 10.99.0.1\noptions timeout:2 attempts:2\n")

    def run(self, *words):
        return command("ip", "netns", "exec", self.namespace, *words)

    def plug_in(self, on):
        """Pulls the cable of the host, or puts it back: nothing is said to anybody."""
        command("ip", "netns", "exec", self.network.bridge, "ip", "link", "set", self.plug, "up" if on else "down")

    def start(self, log, *words, environment=None, directory=None):
        """A process in the foreground there, in a session of its own; ended with the host."""
        with open(log, "ab") as out:
            process = subprocess.Popen(["ip", "netns", "exec", self.namespace, *words], stdin=subprocess.DEVNULL,
                                       stdout=out, stderr=out, start_new_session=True, cwd=directory,
                                       env={**os.environ, **(environment or {})})
        self.processes.append(process)
        return process

    def stop(self, process, kind=signal.SIGTERM, limit=15):
        """Ends the process with all it started; returns its status."""
        if process in self.processes:
            self.processes.remove(process)
        try:
            os.killpg(process.pid, kind)
            status = process.wait(limit)
        except ProcessLookupError:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            status = "no end"
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        return status

    def remove(self):
        for process in list(self.processes):
            self.stop(process)
        command("ip", "netns", "del", self.namespace, check=False)
        shutil.rmtree("/etc/netns/" + self.namespace, ignore_errors=True)


class Network:
    """A bridge, and dnsmasq at 10.99.0.1 which knows the names given and no others."""

    def __init__(self, directory):
        self.prefix = "s2s%d" % os.getpid()
        self.bridge = self.prefix + "-br"
        self.directory = directory
        self.hosts = {}
        command("ip", "netns", "add", self.bridge)
        command("ip", "netns", "exec", self.bridge, "ip", "link", "add", "br0", "type", "bridge")
        command("ip", "netns", "exec", self.bridge, "ip", "link", "set", "br0", "up")
        self.add("dns", 1)

    def add(self, name, number):
        self.hosts[name] = Host(self, name, number)
        return self.hosts[name]

    def serve_names(self, domains, direct=False, public=None):
        """`domains`: domain -> host. Each gets an SRV record to a host name that is not its own."""
        options = ["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root",
                   "--local=/test/", "--listen-address=10.99.0.1", "--bind-interfaces", "--log-queries"]
        for domain, host in domains.items():
            options.append("--srv-host=_xmpp-server._tcp.%s,xmpp.%s,5269,5,0" % (domain, domain))
            if direct:
                options.append("--srv-host=_xmpps-server._tcp.%s,xmpp.%s,5270,1,0" % (domain, domain))
            own = (public or {}).get(host.name)  # one address only, when it listens on one only
            options.append("--host-record=xmpp.%s,%s" % (domain, own or "%s,%s" % (host.address, host.address6)))
        log = os.path.join(self.directory, "dns.log")
        process, end = self.hosts["dns"].start(log, *options), time.monotonic() + 15
        while True:  # it says so once it listens
            with open(log, "rb") as file:
                if b"started, version" in file.read():
                    return
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("dnsmasq does not start; see " + log)
            time.sleep(0.02)

    def remove(self):
        for host in self.hosts.values():
            host.remove()
        command("ip", "netns", "del", self.bridge, check=False)
        shutil.rmtree("/etc/netns/" + self.bridge, ignore_errors=True)


def are_possible():
    """Are we allowed to make namespaces?"""
    name = "s2stry%d" % os.getpid()
    try:
        done = command("ip", "netns", "add", name, check=False)
        command("ip", "netns", "del", name, check=False)
        return done.returncode == 0
    except OSError:
        return False
