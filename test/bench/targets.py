# SPDX-License-Identifier: Apache-2.0
"""targets.py - the servers that are measured, each with its settings: no limits, TLS optional, dialback, a component

All serve target.test, take the component comp.target.test with the secret `secret`, and show the same ECDSA certificate.
"""
import glob
import os
import re
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
        limits = {"s2s.connections.max": 50000, "xmpp.socket.backlog": 4096, "xmpp.server.outgoing.max.threads": 1000,
                  "s2s.limit.exempt": "127.0.0.0/8", "s2s.limit.streams-per-domain": 0}
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
            "adminConsole.port": 0,
            "adminConsole.securePort": 0,
            **limits,
        }
        write(self.directory + "/settings.conf", "".join(
            "[%s]\n%s = %s\n" % (*name.split(".", 1), value) for name, value in settings.items()))

    def launch(self):
        self.spawn(self.options.binary, "-c", self.directory + "/settings.conf")


class Prosody(Target):
    name, program = "prosody", "/usr/bin/prosody"

    def configure(self):
        os.makedirs(self.directory + "/data")
        os.makedirs(self.directory + "/certificates")
        for domain in (DOMAIN, COMPONENT):
            for ending in ("crt", "key"):
                shutil.copy("%s/target.%s" % (self.place.directory, ending), "%s/certificates/%s.%s" % (
                    self.directory, domain, ending))
        # The resolver in Prosody itself waits for up to a second before each question: not here. The one of lua-unbound, if
        # that is installed, answers for .test by itself if it is not told otherwise.
        os.makedirs(self.directory + "/modules")
        write(self.directory + "/modules/mod_eager_dns.lua", """
local resolver = getmetatable(require "net.dns".resolver());
resolver.jitter, resolver.retry_jitter = false, false;
""")
        write(self.directory + "/prosody.cfg.lua", """
run_as_root = true
pidfile = "%(directory)s/pid"
data_path = "%(directory)s/data"
log = { warn = "*console" }
network_backend = "epoll"
plugin_paths = { "%(directory)s/modules" }
modules_enabled = { "eager_dns", "tls", "dialback", "ping", "disco", "s2s" }
modules_disabled = { "c2s", "s2s_auth_certs" }
interfaces = { "%(address)s" }
component_interfaces = { "%(address)s" }
component_ports = { %(component_port)d }
s2s_ports = { %(s2s_port)d }
s2s_direct_tls_ports = { }
s2s_require_encryption = false
s2s_secure_auth = false
certificates = "%(directory)s/certificates"
unbound = { resolvconf = true, options = { ["local-zone:"] = "test. transparent" } }
VirtualHost "%(domain)s"
Component "%(component)s"
    component_secret = "%(secret)s"
""" % {"directory": self.directory, "address": TARGET, "component_port": self.place.component_port,
       "s2s_port": self.place.s2s_port, "domain": DOMAIN, "component": COMPONENT, "secret": SECRET})

    def launch(self):
        self.spawn(self.program, "--config", self.directory + "/prosody.cfg.lua", "--root", "-F")


class Ejabberd(Target):
    """Without epmd and distribution; one scheduler, since it has one core."""
    name, program = "ejabberd", "/usr/sbin/ejabberdctl"

    def configure(self):
        os.makedirs(self.directory + "/mnesia")
        write(self.directory + "/inetrc", '{lookup,[file,dns]}.\n{resolv_conf,"/etc/resolv.conf"}.\n')
        write(self.directory + "/ejabberd.yml", """
hosts: [%(domain)s]
loglevel: error
certfiles: [%(certificate)s]
s2s_use_starttls: optional
s2s_access: all
s2s_timeout: infinity
max_fsm_queue: 1000000
auth_method: internal
listen:
  - {port: %(s2s_port)d, ip: "%(address)s", module: ejabberd_s2s_in, shaper: none, backlog: 4096}
  - {port: %(component_port)d, ip: "%(address)s", module: ejabberd_service, access: all, shaper_rule: none,
     hosts: {%(component)s: {password: %(secret)s}}}
modules:
  mod_s2s_dialback: {}
  mod_ping: {}
""" % {"domain": DOMAIN, "certificate": self.certificate, "address": TARGET, "s2s_port": self.place.s2s_port,
       "component_port": self.place.component_port, "component": COMPONENT, "secret": SECRET})

    def launch(self):
        ebin = sorted(glob.glob("/usr/lib/*/ejabberd-*/ebin"))[-1]
        self.spawn("erl", "-noinput", "-pa", ebin, "+S", "1:1", "+P", "1000000", "+Q", "200000", "-mnesia", "dir",
                   '"%s/mnesia"' % self.directory, "-ejabberd", "config", '"%s/ejabberd.yml"' % self.directory, "log_path",
                   '"%s/ejabberd.log"' % self.directory, "-s", "ejabberd",
                   environment={"ERL_INETRC": self.directory + "/inetrc", "HOME": self.directory,
                                "ERL_LIBS": os.path.dirname(os.path.dirname(ebin)), "ERL_CRASH_DUMP_BYTES": "0",
                                "EJABBERD_CONFIG_PATH": self.directory + "/ejabberd.yml"})

    def settle(self):
        time.sleep(1)  # its ports open before it is wholly up


class Jabberd2(Target):
    """Three processes: router, which takes components, sm, which answers pings, and s2s."""
    name, program = "jabberd2", "/usr/sbin/jabberd2-s2s"

    def configure(self):
        os.makedirs(self.directory + "/fs")
        for name in ("router.xml", "sm.xml", "s2s.xml", "router-users.xml", "router-filter.xml"):
            with open("/etc/jabberd2/" + name) as file:
                text = re.sub(r"<!--.*?-->", "", file.read(), flags=re.S)
            for pattern, new in (
                    (r"<pidfile>.*?</pidfile>", ""), (r"<log type='file'>", "<log type='stdout'>"),
                    (r"/etc/jabberd2/router-", self.directory + "/router-"), (r"localhost\.localdomain", DOMAIN),
                    (r"<max_fds>.*?</max_fds>", "<max_fds>50000</max_fds>"), (r"<driver>sqlite</driver>", "<driver>fs</driver>"),
                    (r"/var/lib/jabberd2/fs", self.directory + "/fs"), (r"<ip>0\.0\.0\.0</ip>", "<ip>%s</ip>" % TARGET),
                    (r"<port>5347</port>", "<port>%d</port>" % self.place.component_port),
                    # What Debian switches on and the others do not have: domains that share a stream.
                    (r"<out-conn-reuse/>", ""),
                    (r"<bad-host-timeout>.*?</bad-host-timeout>", "<bad-host-timeout>1</bad-host-timeout>"),
                    (r"<port>5269</port>", "<port>%d</port><pemfile>%s</pemfile><verify-mode>0</verify-mode>" % (
                        self.place.s2s_port, self.certificate))):
                text = re.sub(pattern, lambda _, new=new: new, text, flags=re.S)
            write(os.path.join(self.directory, name), text)

    def launch(self):
        for part in ("router", "sm", "s2s"):
            self.spawn("/usr/sbin/jabberd2-" + part, "-c", "%s/%s.xml" % (self.directory, part))
            time.sleep(0.7 if part == "router" else 0.1)

    def settle(self):
        time.sleep(1)  # sm and s2s have to find the router


TARGETS = (Ours, Prosody, Ejabberd, Jabberd2)
