#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""metrics.py - what Prometheus reads, and from whom

Servers on 127.0.2.x talk to each other, and the numbers must say so. Prometheus' own promtool judges the form of the page, and
the expressions of the Grafana dashboard; every name, label and word that these use must be on the page. Then who gets it: the
one path, the one method, the token; and that a slow or greedy client takes nothing from others.
"""
import argparse
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import two_servers  # noqa: E402
from two_servers import LIMIT, Stream, free_port  # noqa: E402

ADDRESS = "127.0.0.1"
DASHBOARD = os.path.join(HERE, "..", "admin", "grafana-dashboard.json")
SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\n"])*",?)*)\})? (\S+)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


class Page:
    """What was fetched, read strictly: each sample under the HELP and TYPE of its name, none twice."""

    def __init__(self, text):
        self.text, self.samples, self.types = text, {}, {}
        family = None
        assert text.endswith("\n")
        for line in text.splitlines():
            if line.startswith("# HELP "):
                family = line.split(" ", 3)[2]
                assert family not in self.types, family + " stands twice"
                assert line.split(" ", 3)[3], "no help: " + line
            elif line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                assert name == family and kind in ("counter", "gauge", "histogram"), line
                self.types[name] = kind
            else:
                found = SAMPLE.match(line)
                assert found, "no sample: " + line
                name, labels = found.group(1), tuple(sorted(LABEL.findall(found.group(2) or "")))
                bare = re.sub("_(bucket|sum|count)$", "", name) if self.types[family] == "histogram" else name
                assert bare == family, "%s stands under %s" % (name, family)
                assert (name, labels) not in self.samples, line + " stands twice"
                self.samples[name, labels] = float(found.group(3))

    def busy(self):
        """What is not zero, for a message"""
        return "\n".join(line for line in self.text.splitlines() if line[0] != "#" and not line.endswith((" 0", " 0.000000")))

    def get(self, name, **labels):
        """The sum of all samples of that name with these labels; there must be one."""
        found = [value for (each, pairs), value in self.samples.items()
                 if each == name and set(labels.items()) <= set(pairs)]
        assert found, "no %s%r" % (name, labels)
        return sum(found)

    def words(self, name):
        """label -> the words it has in samples of that name"""
        words = {}
        for each, pairs in self.samples:
            if each == name:
                for label, value in pairs:
                    words.setdefault(label, set()).add(value)
        return words


def request(port, head="GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", address=ADDRESS):
    """A raw exchange: status, headers in lower case, body."""
    with socket.create_connection((address, port), LIMIT) as connection:
        connection.settimeout(LIMIT)
        connection.sendall(head.encode())
        data = b""
        while True:
            more = connection.recv(65536)
            if not more:
                break
            data += more
    head, _, body = data.decode().partition("\r\n\r\n")
    lines = head.split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    return int(lines[0].split(" ")[1]), headers, body


class Cases(two_servers.Cases):
    def watched(self, name, address, settings=None, *options):
        """A server with a metrics port, which it gets as .metrics"""
        port = free_port(ADDRESS)
        settings = dict(settings or {})
        settings["s2s.metrics.port"] = str(port)
        server = self.serve(name, address, settings, *options)
        server.metrics = port
        return server

    @staticmethod
    def page(server):
        with urllib.request.urlopen("http://%s:%d/metrics" % (ADDRESS, server.metrics), timeout=LIMIT) as answer:
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8", answer.headers
            return Page(answer.read().decode())

    def wait(self, server, condition):
        end = time.monotonic() + LIMIT
        while True:
            page = self.page(server)
            if condition(page):
                return page
            assert time.monotonic() < end, "never so:\n" + page.busy()
            time.sleep(0.05)

    def numbers_tell_of_dialback(self):
        one, two = self.pair()
        second = self.watched("two.test", "127.0.2.2", two)
        first = self.watched("one.test", "127.0.2.1", one, "-P", "two.test")
        first.wait_log("pong from two.test in")
        a = self.wait(first, lambda page: page.get("openfire_s2s_stanzas_in_total") == 1)
        b = self.wait(second, lambda page: page.get("openfire_s2s_stanzas_out_total") == 1)
        name = "openfire_s2s_handshakes_total"
        for page in (a, b):
            for direction in ("incoming", "outgoing"):
                assert page.get(name, direction=direction, outcome="success", reason="dialback") == 1, page.busy()
                assert page.get(name, direction=direction) == 1, "something failed too:\n" + page.busy()
                assert page.get("openfire_s2s_sessions", direction=direction, state="authenticated", authentication="dialback") == 1
                assert page.get("openfire_s2s_%s_sessions" % direction) == 1
                assert page.get("openfire_s2s_dialback_seconds_count", direction=direction, result="valid") == 1
                assert 0 < page.get("openfire_s2s_dialback_seconds_sum", direction=direction) < LIMIT
            assert page.get("openfire_s2s_sessions") == 2
            assert page.get("openfire_s2s_stanzas_in_total") == page.get("openfire_s2s_stanzas_out_total") == 1
            assert page.get("openfire_s2s_verify_answered_valid_total") == 1
            assert page.get("openfire_s2s_bytes_in_total") > 500 and page.get("openfire_s2s_bytes_out_total") > 500
            assert page.get("openfire_s2s_queue_bytes") == page.get("openfire_s2s_stanzas_queued") == 0
            assert page.get("openfire_s2s_stream_errors_total") == page.get("openfire_s2s_stanza_errors_total") == 0
            assert page.get("openfire_s2s_tls_handshake_seconds_count") == 0
            assert page.get("openfire_s2s_threads") == 2 and page.get("process_threads") > 2
            assert page.get("process_resident_memory_bytes") > 1e6 and page.get("process_open_fds") > 3
            assert abs(page.get("process_start_time_seconds") - time.time()) < 60
        second.stop()
        page = self.wait(first, lambda page: page.get("openfire_s2s_sessions") == 0)
        assert page.get("openfire_s2s_stream_errors_total", direction="received", condition="system-shutdown") == 2
        assert page.get(name, outcome="failure") == 0, "the end of a session is no failed handshake"

    def numbers_tell_of_certificates(self):
        required = {"xmpp.server.tls.policy": "required", "xmpp.server.dialback.enabled": "false"}
        _, one, two = self.secure_pair(required, required)
        second = self.watched("two.test", "127.0.2.2", two)
        first = self.watched("one.test", "127.0.2.1", one, "-P", "two.test")
        first.wait_log("pong from two.test in")
        for server in (first, second):
            page = self.page(server)
            for direction in ("incoming", "outgoing"):
                assert page.get("openfire_s2s_handshakes_total", direction=direction) == 1, page.busy()
                assert page.get("openfire_s2s_handshakes_total", direction=direction, reason="external", outcome="success") == 1
                assert page.get("openfire_s2s_sessions", direction=direction, state="authenticated", authentication="external") == 1
                assert page.get("openfire_s2s_tls_handshake_seconds_count", direction=direction, result="success") == 1
            assert page.get("openfire_s2s_tls_handshake_seconds_count", result="failure") == 0
            assert page.get("openfire_s2s_dialback_seconds_count") == 0
        stream = Stream(first)
        stream.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        stream.expect("<proceed")
        stream.send("this is no handshake")
        stream.read_to_end()
        page = self.wait(first, lambda page: page.get("openfire_s2s_handshakes_total", direction="incoming", step="tls") == 1)
        assert page.get("openfire_s2s_tls_handshake_seconds_count", direction="incoming", result="failure") == 1

    def numbers_tell_what_failed(self):
        dead = free_port("127.0.2.3")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as names:
            names.bind(("127.0.0.1", 0))
            first = self.watched("one.test", "127.0.2.1",
                                 {"s2s.dns.server": "127.0.0.1@%d" % names.getsockname()[1],
                                  "dnsutil.dnsOverride": "{dead.test,127.0.2.3:%d}" % dead, "s2s.negotiation.timeout": "300"},
                                 "-P", "dead.test", "-P", "silent.example")
            first.wait_log("ping to dead.test failed")
            first.wait_log("ping to silent.example failed")
        page = self.page(first)
        name = "openfire_s2s_handshakes_total"
        assert page.get(name, direction="outgoing", outcome="failure") == 2, page.busy()
        for step, reason in (("connect", "wrong-port-here"), ("dns", "dns-silent")):
            assert page.get(name, direction="outgoing", outcome="failure", step=step, reason=reason) == 1, page.busy()
        assert page.get("openfire_s2s_dns_lookup_seconds_count", result="timeout") >= 2
        assert page.get("openfire_s2s_dns_lookup_seconds_bucket", result="timeout", le="0.25") == 0
        assert page.get("openfire_s2s_stanza_errors_total", condition="remote-server-timeout") == 2
        assert page.get("openfire_s2s_stanzas_bounced_total") == 2
        for text, reason, condition in (("<a/>", "nothing-proved", "unsupported-stanza-type"),
                                        ("<message from='remote.test' to='one.test'/>", "unproved-stanza", "not-authorized"),
                                        ("", "nothing-proved", "connection-timeout")):
            stream = Stream(first)
            before = self.page(first).get(name, direction="incoming", reason=reason)
            stream.send(text)
            stream.expect(condition)
            stream.read_to_end()
            stream.close()
            page = self.wait(first, lambda page: page.get(name, direction="incoming", reason=reason) == before + 1)
            assert page.get("openfire_s2s_stream_errors_total", direction="sent", condition=condition) == 1
        stream = Stream(first)
        stream.send("<db:result from='remote.test' to='other.test'>key</db:result>")
        stream.expect("item-not-found")
        stream.close()
        self.wait(first, lambda page: page.get(name, direction="incoming", reason="not-served-here") == 1)
        before = self.page(first).get(name, direction="incoming", reason="nothing-proved")
        Stream(first).close()
        self.wait(first, lambda page: page.get(name, direction="incoming", reason="nothing-proved") == before + 1)
        socket.create_connection((first.address, first.port), LIMIT).close()  # nor a name
        page = self.wait(first, lambda page: page.get(name, direction="incoming") == 6)
        assert page.get(name, direction="incoming", reason="stream-ended") == 1, page.busy()
        stream = Stream(first)
        two_servers.ask_about_a_key(stream, first)
        stream.close()
        page = self.wait(first, lambda page: page.get("openfire_s2s_incoming_sessions") == 0)
        assert page.get(name, direction="incoming") == 6, "who only asked about a key has not failed:\n" + page.busy()

    def promtool_takes_the_page(self):
        first = self.watched("one.test", "127.0.2.1")
        done = subprocess.run(["promtool", "check", "metrics"], input=self.page(first).text.encode(),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT)
        assert done.returncode == 0 and not done.stdout, done.stdout.decode()

    def the_dashboard_shows_what_there_is(self):
        with open(DASHBOARD) as file:
            dashboard = json.load(file)
        page = self.page(self.watched("one.test", "127.0.2.1"))
        panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
        assert len(panels) > 15 and len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
        expressions = [target["expr"] for panel in panels for target in panel["targets"]]
        expressions += [each["expr"] for each in dashboard["annotations"]["list"]]
        shown, added = set(), {"job", "instance"}  # by Prometheus itself
        for expression in expressions:
            names = set(re.findall(r"\b(?:openfire_s2s|process)_[a-z0-9_]+", expression))
            assert names, "nothing is shown by " + expression
            for name in names:
                words = page.words(name)
                assert words or (name, ()) in page.samples, "%s is not on the page: %s" % (name, expression)
                shown.add(name)
                for label, _, value in re.findall(r'([a-z]+)(=~|!=|=)"([^"]*)"', expression):
                    assert label in added or value in words.get(label, ()), "%s has no %s=%s" % (name, label, value)
                for by in re.findall(r"by \(([^)]*)\)", expression):
                    assert set(by.split(", ")) <= set(words) | added, "%s has no label of %s" % (name, by)
        for variable in dashboard["templating"]["list"]:
            for name in re.findall(r"openfire_s2s_[a-z_]+", json.dumps(variable)):
                assert page.words(name), name
                shown.add(name)
        unseen = {re.sub("_(bucket|sum|count)$", "", name) for name, _ in page.samples} - {
            re.sub("_(bucket|sum|count)$", "", name) for name in shown}
        assert unseen <= {"process_virtual_memory_bytes", "openfire_s2s_incoming_sessions", "openfire_s2s_outgoing_sessions",
                          "openfire_s2s_component_sessions", "openfire_s2s_components_refused_total", "openfire_s2s_domains_validated_total",
                          "openfire_s2s_domains_refused_total", "openfire_s2s_log_lines_dropped_total"}, unseen
        plain = [re.sub(r"\$__(rate_)?interval", "1m", expression).replace("$job", "x").replace("$instance", "x")
                 for expression in expressions]
        rules = os.path.join(self.directory, "rules.json")  # JSON is YAML
        with open(rules, "w") as file:
            json.dump({"groups": [{"name": "dashboard", "rules": [
                {"record": "panel:%d" % number, "expr": each} for number, each in enumerate(plain)]}]}, file)
        done = subprocess.run(["promtool", "check", "rules", rules], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT)
        assert done.returncode == 0 and b"SUCCESS: %d rules found" % len(plain) in done.stdout, done.stdout.decode()

    def one_path_one_method_and_no_body(self):
        first = self.watched("one.test", "127.0.2.1")
        get = "GET %s HTTP/1.1\r\nHost: x\r\n\r\n"
        for head, status in ((get % "/metrics", 200), (get % "/metrics?name=x", 200), (get % "/", 404), (get % "/metrics/", 404),
                             (get % "/Metrics", 404), (get % "/%6detrics", 404), (get % "//metrics", 404),
                             (get % "/metrics/../metrics", 404), ("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 405),
                             ("DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 405),
                             ("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 413),
                             ("POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413),
                             ("GET /metrics HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n" % ("y" * 20000), 431),
                             ("GET /metrics HTTP/1.1\r\n\r\n", 400)):
            got, headers, body = request(first.metrics, head)
            assert got == status, "%r: %d" % (head[:60], got)
            assert headers.get("connection") == "close", headers
            assert got in (400, 431) or headers["cache-control"] == "no-store" and headers["x-content-type-options"] == "nosniff"
            assert got != 405 or headers["allow"] == "get"
            assert (got == 200) == ("openfire_s2s_stanzas_in_total" in body)
        assert not self.page(first).get("openfire_s2s_connections_accepted_total"), "connections of others count"

    def a_token_opens_and_nothing_else_does(self):
        token = "t0k3n of-the%test"
        first = self.watched("one.test", "127.0.2.1", {"s2s.metrics.token": token})
        with_header = "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n\r\n"
        for scheme in ("Bearer ", "bearer "):
            assert request(first.metrics, with_header % ("/metrics", scheme + token))[0] == 200
        assert request(first.metrics, with_header % ("/other", "Bearer " + token))[0] == 404
        for value in ("", "Bearer", "Bearer ", "Bearer " + token[:-1], "Bearer " + token + "x", "Bearer " + token.upper(), "Basic " + token, token):
            status, headers, body = request(first.metrics, with_header % ("/metrics", value))
            assert status == 401 and headers["www-authenticate"].startswith("bearer"), (value, status, headers)
            assert "openfire" not in body
        assert request(first.metrics)[0] == 401
        assert request(first.metrics, "GET /other HTTP/1.1\r\nHost: x\r\n\r\n")[0] == 401, "a stranger learns what paths there are"
        assert token not in first.read_log()
        first.hup(s2s__metrics__token="another")
        assert request(first.metrics, with_header % ("/metrics", "Bearer " + token))[0] == 401
        assert request(first.metrics, with_header % ("/metrics", "Bearer another"))[0] == 200

    def sighup_opens_moves_and_closes_the_port(self):
        first = self.serve("one.test", "127.0.2.1")
        old, new = free_port(ADDRESS), free_port(ADDRESS)
        first.hup(s2s__metrics__port=str(old))
        first.wait_log("metrics at http://127.0.0.1:%d/metrics" % old)
        assert request(old)[0] == 200
        first.hup(s2s__metrics__port=str(new))
        first.wait_log("metrics at http://127.0.0.1:%d/metrics" % new)
        assert request(new)[0] == 200
        self.assert_closed(ADDRESS, old)
        first.hup(s2s__metrics__address="127.0.0.3")
        first.wait_log("metrics at http://127.0.0.3")
        assert request(new, address="127.0.0.3")[0] == 200
        self.assert_closed(ADDRESS, new)
        with socket.socket() as taken:
            taken.bind(("127.0.0.3", 0))
            taken.listen()
            first.hup(s2s__metrics__port=str(taken.getsockname()[1]))
            first.wait_log("s2s.metrics.port: can't listen on 127.0.0.3 port")
        assert request(new, address="127.0.0.3")[0] == 200
        first.hup(s2s__metrics__port="0")
        self.assert_closed("127.0.0.3", new)

    @staticmethod
    def assert_closed(address, port):
        try:
            socket.create_connection((address, port), LIMIT).close()
        except ConnectionRefusedError:
            return
        raise AssertionError("port %d is open" % port)

    def without_a_token_the_address_is_a_loopback_one(self):
        conf = os.path.join(self.directory, "check.conf")
        for address, port, token, good in (("127.0.0.1", 9100, "", True), ("127.3.2.1", 9100, "", True), ("::1", 9100, "", True),
                                           ("0.0.0.0", 9100, "", False), ("", 9100, "", False), ("::", 9100, "", False),
                                           ("192.0.2.1", 9100, "", False), ("::ffff:127.0.0.1", 9100, "", False),
                                           ("0.0.0.0", 9100, "x", True), ("", 9100, "x", True), ("0.0.0.0", 0, "", True)):
            with open(conf, "w") as file:
                file.write("[s2s]\nhome = %s\nmetrics.address = %s\nmetrics.port = %d\nmetrics.token = %s\n"
                           % (self.directory, address, port, token))
            done = subprocess.run([self.binary, "-t", "-c", conf], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT)
            assert (done.returncode == 0) == good, (address, token, done.stderr)
            assert good or b"s2s.metrics.address = %s: a loopback address, as long as" % address.encode() in done.stderr, done.stderr

    def those_who_say_nothing_hold_up_nobody(self):
        first = self.watched("one.test", "127.0.2.1")
        silent = [socket.create_connection((ADDRESS, first.metrics), LIMIT) for _ in range(20)]  # more than there may be
        before = time.monotonic()
        assert request(first.metrics)[0] == 200
        assert time.monotonic() - before < 15, "they were not cut"
        for each in silent:
            each.close()
        stream = Stream(first)
        two_servers.ask_about_a_key(stream, first)
        stream.close()

    def nobody_sees_it_while_it_is_off(self):
        first = self.serve("one.test", "127.0.2.1")
        listeners = subprocess.run(["ss", "-Hltnp"], stdout=subprocess.PIPE, check=True).stdout.decode()
        mine = [line for line in listeners.splitlines() if "pid=%d," % first.process.pid in line]
        assert len(mine) == 1 and ":%d " % first.port in mine[0], mine


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="./openfire-s2s")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    cases = Cases(os.path.abspath(options.binary))
    names = [name for name in vars(Cases) if not name.startswith("_") and name not in ("watched", "page", "wait", "assert_closed")]
    results = [cases.run(name) for name in names if options.only in name]
    print("%d passed, %d failed, 0 skipped" % (results.count(True), results.count(False)))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
