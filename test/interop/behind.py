#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""behind.py - Prosody and ejabberd behind us, Prosody as the far side, a slixmpp bot as a component; TLS required on the public side

Hosts are network namespaces (hosts.py). The server behind us has a resolver of its own, which names our private address for every
domain: the recipe of the README. Needs root; without it, or without the peers, all is counted as skipped. Prints `ok name` or
`FAILED name: why` for each, then `N passed, N failed, N skipped`.
"""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.dirname(HERE))
import hosts  # noqa: E402
import peers  # noqa: E402
import pki  # noqa: E402
import run as interop  # noqa: E402

PRIVATE = "10.99.0.102"
CONF = """
[xmpp]
domain = s2s.test
[xmpp.server]
certificate.file = %(pki)s/ours-public.pem
certificate.trust = %(pki)s/ca.pem
tls.policy = required
dialback.enabled = false
[xmpp.component]
socket.active = true
defaultSecret = sesame
[network]
interface = 10.99.0.2
[upstream behind.test]
host = %(upstream)s
domains = rooms.behind.test
[adminConsole]
port = 0
securePort = 0

[s2s]
home = %(home)s
upstream.interface = """ + PRIVATE + """
upstream.socket.port = 5269
dns.server = 10.99.0.1
dns.trust-anchor =
log.level = debug
log.wire = true
"""


class ProsodyBehind(peers.Prosody):
    name, domains = "behind-prosody", ("behind.test",)
    more = 'Component "rooms.behind.test" "muc"\n'


class EjabberdBehind(peers.Ejabberd):
    name, domains = "behind-ejabberd", ("behind.test",)
    more = "  mod_muc: {host: rooms.behind.test}\n"


class Ours(interop.Ours):
    def __init__(self, host, directory, binary, upstream, certificates):
        self.host, self.binary, self.process = host, binary, None
        self.log, self.conf = os.path.join(directory, "ours.log"), os.path.join(directory, "ours.conf")
        with open(self.conf, "w") as file:
            file.write(CONF % {"pki": certificates.directory, "upstream": upstream, "home": os.path.join(directory, "home")})


class Behind:
    def __init__(self, binary, kind, directory):
        self.kind, self.directory = kind, directory
        self.failed = self.total = 0
        self.network = hosts.Network(directory)
        self.certificates = pki.Pki(os.path.join(directory, "pki"))
        for name, domains in (("prosody.test", ("prosody.test",)), ("prosody2.test", ("prosody2.test",)), ("behind.test", ("behind.test",)),
                              ("ours-public", ("s2s.test", "bot.s2s.test", "behind.test", "rooms.behind.test"))):
            self.certificates.issue(name, [form(domain) for domain in domains for form in (pki.dns, pki.srv)])
        host = self.network.add("ours", 2)
        host.run("ip", "addr", "add", PRIVATE + "/24", "dev", "v2")
        far_host, upstream_host, resolver = [self.network.add(name, number) for name, number in (("far", 3), ("behind", 4), ("names", 5))]
        self.far = peers.Prosody(far_host, directory, "external", self.certificates)
        self.upstream = kind(upstream_host, directory, "plain", self.certificates)
        with open("/etc/netns/%s/resolv.conf" % upstream_host.namespace, "w") as file:
            file.write("nameserver %s\noptions timeout:2 attempts:2\n" % resolver.address)
        self.network.serve_names({"s2s.test": host, "bot.s2s.test": host, "behind.test": host, "rooms.behind.test": host,
                                  "prosody.test": far_host}, public={"ours": "10.99.0.2"})
        resolver.start(os.path.join(directory, "names.log"), "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
                       "--user=root", "--address=/#/" + PRIVATE, "--listen-address=" + resolver.address, "--bind-interfaces")
        self.ours = Ours(host, directory, binary, upstream_host.address, self.certificates)

    def report(self, name, good, why=""):
        self.total += 1
        self.failed += not good
        print("%s %s, %s%s" % ("ok" if good else "FAILED", self.kind.name, name, "" if good else ": " + why), flush=True)

    def exchange(self, name):
        host = self.network.hosts["ours"]
        done = subprocess.run(["ip", "netns", "exec", host.namespace, "/usr/bin/python3", HERE + "/exchange.py", "user@prosody.test",
                               self.far.host.address, "user@behind.test", self.upstream.host.address, "room@rooms.behind.test", "bot@bot.s2s.test"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=150)
        answers = [json.loads(line) for line in done.stdout.decode().splitlines()]
        for answer in answers:
            self.report("%s%s" % (name, answer["question"]), answer["good"], answer["text"])
        self.report(name + "all was said", len(answers) >= 10, done.stderr.decode()[-800:])

    def start_bot(self):
        host = self.network.hosts["ours"]
        self.bot = host.start(os.path.join(self.directory, "bot.log"), "/usr/bin/python3", HERE + "/bot.py", "bot.s2s.test", "sesame", "127.0.0.1", "5275")
        self.ours.wait_log("component bot.s2s.test connected")

    def run(self):
        self.ours.start()
        self.far.start()
        self.upstream.start()
        self.start_bot()
        self.exchange("")
        log = self.ours.read_log()
        self.report("the public side is encrypted and certified", re.search("prosody.test proved itself to behind.test by its certificate", log)
                    and re.search("outgoing session to prosody.test: behind.test is proved by its certificate", log), "see the log")
        self.report("the private side proves remote domains", "outgoing session to behind.test: prosody.test is proved by dialback" in log, "see the log")
        self.upstream.stop()
        self.upstream.start()
        self.network.hosts["ours"].stop(self.bot)
        self.start_bot()
        self.exchange("after a restart of both: ")
        wrong = self.ours.stop()
        self.report("openfire-s2s ends cleanly", wrong is None, wrong or "")

    def show(self):
        """--demo: a user of Prosody and a bot that is our component, as our log tells it."""
        self.ours.start()
        self.far.start()
        self.start_bot()
        done = subprocess.run(["ip", "netns", "exec", self.far.host.namespace, "/usr/bin/python3", HERE + "/exchange.py", "user@prosody.test",
                               self.far.host.address, "bot@bot.s2s.test"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=100)
        self.ours.stop()
        print("A user of prosody.test (a real Prosody, TLS and certificates required) talks to bot@bot.s2s.test, a slixmpp component behind\n"
              "openfire-s2s, with no XMPP server of our own. What openfire-s2s did and saw:\n")
        shown = re.compile(r"component|<message|encrypted|certificate is for|proved|SASL EXTERNAL|accepted|connected to|SRV of|handshake sent")
        hidden = re.compile(r"<presence|certificate for|draining")
        for line in self.ours.read_log().splitlines():
            if shown.search(line) and not hidden.search(line):
                print(line[11:26] + "  " + line[34:400])
        print()
        for line in done.stdout.decode().splitlines():
            answer = json.loads(line)
            self.report(answer["question"], answer["good"], answer["text"])
            print("        " + answer["text"])
        self.failed += self.total != 2

    def clean(self):
        self.network.remove()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="./openfire-s2s")
    parser.add_argument("--only", default="")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--demo", action="store_true", help="a user and a component talk; prints what we did and saw")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    kinds = [kind for kind in (ProsodyBehind, EjabberdBehind) if options.only in kind.name][:1 if options.demo else 2]
    if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("dnsmasq") or not hosts.are_possible() \
            or not all(os.path.exists(kind.program) for kind in kinds):
        print("skipped: needs root, network namespaces, dnsmasq and the peers\n0 passed, 0 failed, %d skipped" % len(kinds))
        return 0
    total = failed = 0
    for kind in kinds:
        directory = tempfile.mkdtemp(prefix="behind")
        os.chmod(directory, 0o755)
        behind = Behind(os.path.abspath(options.binary), kind, directory)
        try:
            behind.show() if options.demo else behind.run()
        except (AssertionError, RuntimeError, OSError, subprocess.SubprocessError) as error:
            behind.report("run", False, str(error))
        finally:
            if behind.failed:
                print("".join("    | %s\n" % line[:300] for line in behind.ours.read_log().splitlines()[-50:]))
            behind.clean()
            if options.keep:
                print("logs: " + directory)
            else:
                shutil.rmtree(directory, ignore_errors=True)
        total, failed = total + behind.total, failed + behind.failed
        time.sleep(0.2)
    if not options.demo:
        print("%d passed, %d failed, 0 skipped" % (total - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
