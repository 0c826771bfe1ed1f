# SPDX-License-Identifier: Apache-2.0
"""targets.py - the servers that are measured, each with its settings: no limits, TLS optional, dialback, a component

All serve target.test, take the component comp.target.test with the secret `secret`, and show the same ECDSA certificate.
"""
import glob
import os
import shutil
import subprocess
import time

from place import LOAD, TARGET, family, is_listening

DOMAIN, COMPONENT, SECRET = "target.test", "comp.target.test", "secret"


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def make_certificate(directory, name, *domains):
    """Self-signed, ECDSA P-256: NAME.pem with key and certificate."""
    path = os.path.join(directory, name)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                    "-subj", "/CN=" + domains[0], "-addext", "subjectAltName=" + ",".join("DNS:" + each for each in domains),
                    "-keyout", path + ".key", "-out", path + ".crt"], check=True, stderr=subprocess.DEVNULL, timeout=60)
    with open(path + ".key") as key, open(path + ".crt") as certificate:
        write(path + ".pem", key.read() + certificate.read())
    os.chmod(path + ".pem", 0o644)


class Target:
    needs_namespace = True
    starting = 60  # seconds, at most

    def __init__(self, place, options):
        self.place, self.options, self.count = place, options, 0
        self.certificate = os.path.join(place.directory, "target.pem")

    @classmethod
    def is_installed(cls):
        return os.path.exists(cls.program)

    def start(self):
        """Anew, with nothing left of the last time."""
        self.directory = os.path.join(self.place.directory, "%s-%d" % (self.name, self.count))
        self.count += 1
        self.log = os.path.join(self.directory, "log")
        os.makedirs(self.directory)
        self.processes = []
        self.configure()
        self.launch()
        end = time.monotonic() + self.starting
        for port in (self.place.s2s_port, self.place.component_port):
            while not is_listening(self.processes[-1].pid, port):
                if time.monotonic() > end or self.processes[-1].poll() is not None:
                    raise RuntimeError("%s does not listen on %d: %s" % (self.name, port, self.read_log()))
                time.sleep(0.05)
        self.settle()

    def settle(self):
        """Wait until it is ready beyond listening."""

    def spawn(self, *words, **options):
        self.processes.append(self.place.start(self.place.target_core, self.log, *words, **options))

    def pids(self):
        return family([process.pid for process in self.processes])

    def stop(self):
        for process in reversed(self.processes):
            self.place.stop(process)
        self.processes = []
        shutil.rmtree(self.directory, ignore_errors=True)

    def read_log(self):
        text = ""
        for path in sorted(glob.glob(os.path.join(self.directory, "*log"))):
            with open(path, errors="replace") as file:
                text += file.read()[-1500:]
        return text


class Ours(Target):
    name = "ours"
    needs_namespace = False

    @classmethod
    def is_installed(cls):
        return True

    def configure(self):
        # All that has to do with limits, in one place.
        limits = {"s2s.connections.max": 50000, "xmpp.socket.backlog": 4096, "xmpp.server.outgoing.max.threads": 1000}
        settings = {
            "xmpp.domain": DOMAIN,
            "network.interface": TARGET,
            "xmpp.server.socket.port": self.place.s2s_port,
            "xmpp.server.socket.ssl.active": "false",
            "xmpp.server.certificate.file": self.certificate,
            "xmpp.socket.ssl.certificate.accept-selfsigned": "true",
            "xmpp.component.socket.active": "true",
            "xmpp.component.socket.port": self.place.component_port,
            "xmpp.component.defaultSecret": SECRET,
            "dnsutil.dnsOverride": "{*.load.test,%s:%d}" % (LOAD, self.place.load_port),
            "s2s.home": self.directory + "/var",
            "s2s.log.level": "warn",
            **limits,
        }
        write(self.directory + "/settings.conf", "".join(
            "[%s]\n%s = %s\n" % (*name.split(".", 1), value) for name, value in settings.items()))

    def launch(self):
        self.spawn(self.options.binary, "-c", self.directory + "/settings.conf")


TARGETS = (Ours,)
