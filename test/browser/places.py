# SPDX-License-Identifier: Apache-2.0
"""places.py - where the browser tests take place: a server of ours, alone on loopback or on a host of its own beside a real Prosody"""
import ctypes
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), "interop")]
import hosts  # noqa: E402
import peers  # noqa: E402
import pki  # noqa: E402
from ports import free_ports  # noqa: E402
from two_servers import LIMIT, Server  # noqa: E402


class Here:
    """A server of ours on this machine's loopback, and a second one for it to talk to: for who is not root."""
    address, peer = "127.0.4.1", "neighbour.test"
    prosody = server = neighbour = None

    def __init__(self, directory, binary):
        self.binary, self.directory = binary, directory
        self.settings = {"xmpp.server.socket.ssl.active": "false", "adminConsole.securePort": "0"}

    def start(self):
        """What begins here is ended by `remove`, also when only half of it is there."""
        other, places = "127.0.4.2", {}
        for name, address in (("s2s.test", self.address), (self.peer, other)):
            places[name] = (address, free_ports(1, address)[0])
        override = ",".join("{%s,%s:%d}" % (name, *place) for name, place in places.items())
        self.settings.update({"dnsutil.dnsOverride": override, "xmpp.server.socket.port": str(places["s2s.test"][1])})
        self.neighbour = Server(self.binary, self.directory, self.peer, other, {
            "xmpp.server.socket.ssl.active": "false", "dnsutil.dnsOverride": override, "xmpp.server.socket.port": str(places[self.peer][1])})
        self.neighbour.wait_log("serves " + self.peer)
        self.start_server()

    def start_server(self):
        """With a live session to the peer."""
        self.console = free_ports(1)[0]
        self.settings["adminConsole.port"] = str(self.console)
        self.server = Server(self.binary, self.directory, "s2s.test", self.address, self.settings, "-P", self.peer)
        self.port = self.server.port
        self.server.wait_log("pong from %s in" % self.peer)

    def stop(self):
        """With proof that nothing was wrong with the server: it ends by itself, with status 0."""
        self.server.stop()

    def remove(self):
        for server in (self.server, self.neighbour):
            if server is not None and server.process.poll() is None:
                server.process.kill()
                server.process.wait()

    def tool(self, *words):
        return subprocess.run([self.binary + "ctl", "-c", self.server.conf, *words], check=True, stdout=subprocess.PIPE, timeout=LIMIT).stdout.decode()


class Hosts(Here):
    """The same on a host of its own, and Prosody on another: prosody.test has a good certificate, that of prosody2.test has expired."""
    address, peer = "10.99.0.2", "prosody.test"
    network = None

    @staticmethod
    def are_possible():
        return os.getuid() == 0 and os.path.exists(peers.Prosody.program) and shutil.which("dnsmasq") is not None and hosts.are_possible()

    def start(self):
        self.network = hosts.Network(self.directory)
        ours, theirs = self.network.add("ours", 2), self.network.add("prosody", 3)
        authority = pki.Pki(os.path.join(self.directory, "pki"))
        late = {"start": authority.now - pki.LONG_AGO, "end": authority.now - pki.DAY}
        authority.issue("s2s.test", pki.all_forms("s2s.test"))
        for domain, more in zip(peers.Prosody.domains, ({}, late)):
            authority.issue(domain, pki.all_forms(domain), **more)
        self.prosody = peers.Prosody(theirs, self.directory, "external", authority)
        self.network.serve_names({"s2s.test": ours, **dict.fromkeys(peers.Prosody.domains, theirs)}, public={"ours": self.address})
        self.prosody.start()
        enter(ours.namespace)
        self.settings.update({"xmpp.server.socket.port": "5269", "xmpp.server.certificate.file": os.path.join(authority.directory, "s2s.test.pem"),
                              "xmpp.server.certificate.trust": os.path.join(authority.directory, "ca.pem"), "s2s.dns.server": "10.99.0.1"})
        self.start_server()

    def stop(self):
        self.prosody.stop()
        super().stop()

    def remove(self):
        super().remove()
        if self.network is not None:
            self.network.remove()


def enter(namespace):
    """From now on this thread, and what it starts, is on that host."""
    fd = os.open("/run/netns/" + namespace, os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(fd, 0x40000000) != 0:  # CLONE_NEWNET
        raise OSError(ctypes.get_errno(), "setns")
    os.close(fd)
