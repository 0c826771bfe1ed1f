#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""openfire.py - `openfire-s2sctl import` as an operator uses it, and a server that starts with what came of it

The installation and the dumps are those of test/openfire/ (test_openfire_import.c says where they come from).
"""
import argparse
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import two_servers  # noqa: E402
from two_servers import LIMIT  # noqa: E402

OPENFIRE = os.path.join(HERE, "openfire")


class Cases(two_servers.Cases):
    def prepare(self):
        self.home = os.path.join(self.directory, "home")
        self.conf = os.path.join(self.directory, "s2s.conf")
        with open(self.conf, "w") as file:
            file.write("[adminConsole]\nport = 0\nsecurePort = 0\n[s2s]\nhome = %s\n[network]\ninterface = 127.0.2.9\n[xmpp.server]\ncertificate.file = none\n" % self.home)

    def tool(self, *arguments, status=0):
        done = subprocess.run([self.binary + "ctl", "-c", self.conf, *arguments], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT)
        assert done.returncode == status, "%r: %d\n%s%s" % (arguments, done.returncode, done.stdout.decode(), done.stderr.decode())
        assert (done.stderr == b"") == (status == 0), done.stderr
        return done.stdout.decode() if status == 0 else done.stderr.decode()

    def an_installation_becomes_a_server(self):
        self.prepare()
        report = self.tool("import", OPENFIRE + "/installation")
        assert "xmpp.domain = example.org" in report and "Nothing was written. With --write" in report
        assert not os.path.exists(self.home)
        report = self.tool("import", "--write", OPENFIRE + "/installation")
        assert "Written: " + self.home + "/remote-servers.conf" in report, report
        done = subprocess.run([self.binary, "-t", "-c", self.conf], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT)
        assert done.returncode == 0 and b"good; domain example.org, port 5301" in done.stdout, (done.stdout, done.stderr)
        with open(self.conf, "a") as file:
            file.write("[s2s]\ndns.trust-anchor =\n")
        with subprocess.Popen([self.binary, "-c", self.conf], stderr=subprocess.PIPE) as server:
            try:
                for line in server.stderr:
                    if b"serves example.org" in line:
                        break
                else:
                    raise AssertionError("it never started")
            finally:
                server.terminate()
                server.stderr.read()
        assert server.returncode == 0

    def dumps_come_in_any_order_and_as_json(self):
        self.prepare()
        tables = [os.path.join(OPENFIRE, name) for name in ("ofExtComponentConf.csv", "ofProperty.csv", "ofRemoteServerConf.csv")]
        one = json.loads(self.tool("--json", "import", *tables, OPENFIRE + "/installation/conf/openfire.xml"))
        other = json.loads(self.tool("--json", "import", OPENFIRE + "/mariadb.sql", OPENFIRE + "/installation/conf/openfire.xml"))
        assert {row["property"] for row in one["properties"]["carried"]} >= {"xmpp.domain", "xmpp.server.permission"}
        assert [row["property"] for row in one["properties"]["kept"]] == ["network.interface"]
        for each in (one, other):
            del each["files"]
        assert one == other

    def what_is_wrong_is_said(self):
        self.prepare()
        assert "usage: openfire-s2sctl import OPENFIRE" in self.tool("import", status=2)
        assert "there is no option --force" in self.tool("import", "--force", OPENFIRE, status=2)
        assert "no-such-file: No such file" in self.tool("import", "no-such-file", status=1)
        assert "neither conf/openfire.xml nor" in self.tool("import", self.directory, status=1)
        self.conf += ".missing"
        assert "there is no such file" in self.tool("import", OPENFIRE + "/mariadb.sql", status=1)

    def its_help_is_there_without_a_server(self):
        self.prepare()
        assert "openfire-s2sctl import OPENFIRE [MORE] [--write] [--replace]" in self.tool("import", "--help")
        assert self.tool("--complete", "import", "--w").split() == ["--write"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="./openfire-s2s")
    options = parser.parse_args()
    cases = Cases(os.path.abspath(options.binary))
    names = [name for name in vars(Cases) if not name.startswith("_") and name not in ("prepare", "tool")]
    results = [cases.run(name) for name in names]
    print("%d passed, %d failed, 0 skipped" % (results.count(True), results.count(False)))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
