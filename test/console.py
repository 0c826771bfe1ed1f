#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""console.py - the web console under attack, by requests that are written byte for byte

Each case starts the server it needs, on addresses 127.0.5.x and free ports, and ends it by its process id. Every wait has a limit.
What must hold of each answer, whatever was asked, is in console_client.py. A case that is about refusals compares
everything that a server keeps and shows before and after. The paths are those of the table in admin/web_routes.c; a row that
no case knows how to attack is a failure. The browser's own view is test/browser/console.py.

Prints `ok name` or `FAILED name: why` for each case, then `N passed, N failed, N skipped`.
"""
import argparse
import datetime
import hashlib
import html
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.parse
import xml.etree.ElementTree as ET

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import two_servers  # noqa: E402
from admin import Component, run_side_by_side, says  # noqa: E402
from console_client import ACTS, ADDRESS, FORM, OPEN, PAGES, ROOT, SHOWS, Answer, Console, Page, Person, attempts, door, judge_picture, log_in  # noqa: E402
from two_servers import LIMIT, Stream, free_port  # noqa: E402

PASSWORD = "a rather long password"


class Fields:
    """Of every path that acts: a form that would change something, so that a refusal is one. In an order in which each can be done."""

    def __init__(self, person):
        self.password = password = "another long password"
        self.all = {
            "/listeners/enable": {"listener": "component"},
            "/listeners/move": {"listener": "component", "port": str(free_port("127.0.0.1"))},
            "/listeners/disable": {"listener": "component"},
            "/server-to-server/idle": {"idle": "after", "minutes": "7"},
            "/permissions/allow": {"domain": "allow.test", "port": "5299"},
            "/permissions/block": {"domain": "block.test"},
            "/permissions/remove": {"domain": "row.test"},
            "/sessions/close": {"domain-or-stream": "live.test"},
            "/sessions/software": {"domain": "ask.test"},
            "/failures/retry": {"domain": "retry.test"},
            "/failures/block": {"domain": "again.test"},
            "/check": {"domain": "check.test", "limit": "2"},
            "/trace": {"domain": "trace.test", "stanzas": "yes", "seconds": "60"},
            "/jobs/end": {"job": "2"},
            "/dns-overrides/set": {"pattern": "set.test", "host": "127.0.5.9", "port": "5299"},
            "/dns-overrides/remove": {"pattern": "old.test"},
            "/settings/set": {"setting": "s2s.retry.first", "value": "4321"},
            "/settings/unset": {"setting": "s2s.retry.max"},
            "/permissions/policy": {"policy": "whitelist"},
            "/server/reload": {},
            "/account/password": {"current": person.password, "password": password, "again": password},
            "/logout": {},
            "/server/drain": {"confirm": "yes"},
            "/server/stop": {"confirm": "yes"},
        }
        assert sorted(self.all) + ["/login"] == sorted(ACTS, key=lambda path: (path == "/login", path)), \
            "not in both: %s" % (set(self.all) | {"/login"}) ^ set(ACTS)


class Cases:
    def __init__(self, binary, reduced):
        self.binary, self.reduced = binary, reduced
        self.servers, self.others = [], []

    def console(self, **more):
        return Console(self, **more)

    def full(self):
        """A server with something of everything, a session with live.test, and somebody who is logged in."""
        console = self.console(settings={"dnsutil.dnsOverride": "{old.test,127.0.5.9:1},{retry.test,127.0.5.9:1},{ask.test,127.0.5.9:1},{check.test,127.0.5.9:1}"},
                               rows="[row.test]\npermission = blocked\nremotePort = 0\n")
        live = Stream(console.server, sender="live.test")
        self.others.append(live)
        assert console.control.ask("set s2s.retry.max 200000")["ok"]
        return console, Person(console), live

    # --- paths

    def around(self, console, cookie, token):
        """Every way around every path, by GET, and by POST where the path acts"""
        tried = 0
        for number, path in enumerate(SHOWS + ACTS):
            for attempt in attempts(path, self.reduced, number):
                asked = [("Cookie", cookie)] if cookie else []
                if path in ACTS:
                    answer = console.post(attempt, {"token": token, "domain": "evil.test", "confirm": "yes"}, cookie)
                else:
                    answer = console.request("GET", attempt, asked)
                tried += 1
                assert answer.status in (None, 400, 404), "%r: %s %r" % (attempt, answer.status, answer.data[:300])
                assert not answer.cookies() and answer.header("Location") is None, "%r: %s" % (attempt, answer.headers)
                if answer.title is not None or b"<main" in answer.body:
                    assert answer.title in ("Not found", "Refused"), "%r shows %s" % (attempt, answer.title)
        assert tried > (1000 if self.reduced else 8000), tried

    def no_way_around_the_table_shows_a_page_to_strangers(self):
        console, _, _ = self.full()
        before = console.state()
        self.around(console, None, "0" * 32)
        console.unchanged(before)

    def no_way_around_the_table_shows_a_page_to_who_is_logged_in(self):
        console, person, _ = self.full()
        before = console.state()
        self.around(console, person.cookie, person.token)
        console.unchanged(before)

    def the_paths_themselves_want_a_log_in(self):
        console, person, _ = self.full()
        before = console.state()
        for path in SHOWS:
            answer = console.get(path)
            if path in OPEN:
                assert answer.status == 200, path
            else:
                assert answer.status == 303 and answer.header("Location") == "/login" and not answer.body, (path, answer.data)
                assert person.get(path, status=404 if path in ("/sessions/diagram", "/explain/diagram", "/check/progress", "/trace/follow") else 200)
            for name in ("X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix", "X-Forwarded-User", "Authorization"):
                assert console.get("/nothing", None, (name, path)).status == 404
        for path in ACTS:
            if path != "/login":
                answer = console.post(path, {"token": person.token})
                assert answer.status == 401 and answer.title == "Log in", (path, answer.data[:200])
        console.unchanged(before)

    def lines_that_are_no_requests_are_refused(self):
        console, person, _ = self.full()
        before, host, cookie = console.state(), console.host.encode(), person.cookie.encode()
        lines = (b"GET /settings", b"GET", b"", b" GET /settings HTTP/1.1", b"GET /settings HTTP/1.1 x", b"GET /settings HTTP/2.0", b"GET /settings HTTP/9.9",
                 b"GET /settings HTTP/1.x", b"GET /settings XTTP/1.1", b"GET /settings http/1.1", b"GET\t/settings\tHTTP/1.1", b"GET /settings\0 HTTP/1.1",
                 b"GET\0/settings HTTP/1.1", b"GET /settings HTTP/1.1\0", b"PRI * HTTP/2.0", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                 b"<?xml version='1.0'?><stream:stream>", b"CONNECT 127.0.0.1:22 HTTP/1.1", b"GET ? HTTP/1.1", b"GET /settings?\0 HTTP/1.1", b"G\0T / HTTP/1.1")
        for line in lines:
            answer = console.raw(line + b"\r\nHost: " + host + b"\r\nCookie: " + cookie + b"\r\n\r\n")
            assert answer.status in (None, 400, 404, 405, 501, 505), "%r: %r" % (line, answer.data[:200])
        for head in (b"Host\0: %s", b"Host: evil.test\0%s", b"X \0: y\r\nHost: evil.test\r\nX: %s", b"Host : %s", b"Host: %s\r\n folded: x", b"Host:%s\r\nHost: %s",
                     b"Host: %s\r\nX : y", b"Host: %s\r\nX y: z", b" Host: %s", b"X: y"):
            answer = console.raw(b"GET /settings HTTP/1.1\r\n" + head.replace(b"%s", host) + b"\r\nCookie: " + cookie + b"\r\n\r\n")
            assert answer.status in (None, 400), "%r: %r" % (head, answer.data[:200])
        console.unchanged(before)

    # --- who may change something

    def methods_that_change_nothing_change_nothing(self):
        console, person, live = self.full()
        fields = Fields(person)
        before = console.state()
        for path, given in fields.all.items():
            query = path + "?" + urllib.parse.urlencode({"token": person.token, **given})
            for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "post", "PROPFIND", "X"):
                shown = path in SHOWS and method in ("GET", "HEAD")
                for address, body in ((query, None), (path, urllib.parse.urlencode({"token": person.token, **given}).encode())):
                    answer = console.request(method, address, [("Cookie", person.cookie), ("Content-Type", FORM), ("X-HTTP-Method-Override", "POST"),
                                                               ("X-Method-Override", "POST"), ("X-HTTP-Method", "POST")], body)
                    assert answer.status == (200 if shown else 405) or (answer.status in (400, 501) and not shown), (method, path, answer.data[:200])
            assert console.post(path + "?_method=POST", b"", person.cookie).status == 403
        console.unchanged(before)
        assert "console-" not in console.server.read_log(), "a job was started"
        live.send(" ")

    def forms_without_the_sessions_token_are_refused(self):
        console, person, _ = self.full()
        other = Person(console)
        fields = Fields(person)
        before = console.state()
        for path, given in fields.all.items():
            right, wrong = person.token, "0" * 32
            tokens = [None, "", wrong, right[:-1], right + "0", right.upper() + "x", right + " ", " " + right, other.token, person.id, right + "\0", right + "\n"]
            for token in tokens:
                answer = console.post(path, {**({} if token is None else {"token": token}), **given}, person.cookie)
                assert answer.status in (400, 403) and answer.title == "Refused", (path, token, answer.data[:300])
            body = urllib.parse.urlencode(given).encode()
            asks = [
                console.post(path + "?token=" + right, body, person.cookie),  # in the address
                console.post(path, body + b"&token=%s&token=%s" % (right.encode(), wrong.encode()), person.cookie),  # twice
                console.post(path, body + b"&TOKEN=" + right.encode(), person.cookie),
                console.post(path, body, person.cookie + "; token=" + right),
                console.post(path, body, person.cookie, {"X-CSRF-Token": right, "X-Token": right}),
                console.post(path, {"token": right, **given}, other.cookie),  # of somebody else
                console.post(path, {"token": right, **given}, person.cookie + "; " + other.cookie),
                console.post(path, {"token": right, **given}, None),
                console.post(path, {"token": right, **given}, console.cookie + "=" + wrong),
            ]
            assert all(answer.status in (400, 401, 403) for answer in asks), (path, [answer.status for answer in asks])
        console.unchanged(before)
        assert person.is_in() and other.is_in()
        assert "console-" not in console.server.read_log(), "a job was started"

    def pages_of_other_places_are_refused(self):
        console, person, _ = self.full()
        fields = Fields(person)
        before = console.state()
        right = {"Origin": console.origin, "Sec-Fetch-Site": "same-origin"}
        others = [{"Origin": origin} for origin in (
            "http://evil.test", "http://localhost", "http://127.0.0.1", "http://127.0.0.1:1", "https://" + console.host, "http://" + console.host + ".evil.test",
            "http://" + console.host + "@evil.test", "http://evil.test#" + console.host, "http://" + console.host + "/", "", "file://", console.origin + " ,http://evil.test")]
        others += [{"Sec-Fetch-Site": site} for site in ("cross-site", "same-site", "", "Same-Origin", "same-origin, cross-site", "x")]
        others += [{"Origin": "null", "Sec-Fetch-Site": site} for site in ("none", "cross-site", None)]
        others += [{"Content-Type": kind} for kind in (None, "", "text/plain", "multipart/form-data; boundary=x", "application/json", FORM + "x", FORM + ",text/plain")]
        for number, (path, given) in enumerate(fields.all.items()):
            for more in others[number % 4::4] if self.reduced else others:
                answer = console.post(path, {"token": person.token, **given}, person.cookie, {**right, **more})
                assert answer.status in (403, 415), (path, more, answer.data[:300])
        its, token = door(console)
        answer = console.post("/login", {"token": token, "user": "admin", "password": person.password}, its, {"Origin": "http://evil.test"})
        assert answer.status == 403 and not answer.cookies(), answer.data[:300]
        console.unchanged(before)

    def names_that_are_not_ours_are_not_answered(self):
        """A stranger's page must not read ours by a name that it lets lead here (DNS rebinding)."""
        console, person, _ = self.full()
        before = console.state()
        for host in ("evil.test", "evil.test:%d" % console.port, "127.0.0.1.evil.test", "localhost.evil.test", "one.test.evil.test", "xone.test", "127.0.0.1@evil.test",
                     "127.0.0.1:80@evil.test", "one.test/", "one.test#", "one.test\\", "one.test,evil.test", "[::1", "[one.test]", "one.test:x", ":%d" % console.port,
                     "one.test:1:2", "127.1", "0x7f000001", "2130706433", "one.test%00", "one test", " ", ".", "*"):
            for answer in (console.get("/settings", person.cookie, host=host),
                           console.post("/permissions/block", {"token": person.token, "domain": "x.test"}, person.cookie, {"Origin": "http://" + host}, host=host)):
                assert answer.status == 400 and answer.title == "Who is asked?", (host, answer.data[:300])
                assert not re.search(r"one\.test", Page(answer.text).text.replace("– one.test –", "").replace("openfire-s2s one.test", "")), "it shows more"
            assert console.get("/settings", person.cookie, ("X-Forwarded-Host", console.host), ("Forwarded", "host=" + console.host), host=host).status == 400, host
        for host in ("localhost", "LOCALHOST:1", "one.test", "ONE.test:%d" % console.port, "[::1]:9090", "192.0.2.1"):
            assert console.get("/settings", person.cookie, host=host).status == 200, host
        console.unchanged(before)

    # --- log-in

    def a_session_is_never_one_that_was_known_before(self):
        console = self.console()
        known = "0123456789abcdef" * 2
        planted = "%s=%s" % (console.cookie, known)
        assert console.get("/", planted).status == 303
        answer = log_in(console, console.first_password, cookie=planted)
        value = answer.cookies()[console.cookie][0]
        assert answer.status == 303 and value != known and len(value) == 32, answer.headers
        assert answer.cookies()[console.cookie + "-door"][0] == "", "the door's cookie stays"
        assert console.get("/", planted).status == 303, "what was planted is a session now"
        first = "%s=%s" % (console.cookie, value)
        assert console.get("/", first).status == 200
        assert console.get("/", first + "; " + planted).status == 303, "of two cookies one was chosen"
        # who is logged in and logs in again gets another id, and the old one ends
        again = log_in(console, console.first_password, cookie=first, at=door(console))
        second = "%s=%s" % (console.cookie, again.cookies()[console.cookie][0])
        assert second != first and console.get("/", second).status == 200
        assert console.get("/", first).status == 303, "the old id lives on"
        for odd in (value[:-1], value.upper(), value + "0", '"' + second.split("=")[1] + '"', "", "%00", known[:31] + "'", "a" * 2000):
            assert console.get("/", "%s=%s" % (console.cookie, odd)).status == 303, odd

    def a_session_ends_by_log_out_and_by_another_password(self):
        console = self.console()
        one, two = Person(console), Person(console)
        answer = one.post("/logout")
        assert answer.header("Location") == "/login" and answer.cookies()[console.cookie] == ("", answer.cookies()[console.cookie][1]), answer.headers
        assert not one.is_in() and two.is_in()
        three = Person(console)
        for given, words in (({"current": "wrong", "password": "x" * 12, "again": "x" * 12}, "not the password"),
                             ({"current": three.password, "password": "x" * 12, "again": "y" * 12}, "twice"),
                             ({"current": three.password, "password": "short", "again": "short"}, "10"),
                             ({"current": three.password, "password": "z" * 201, "again": "z" * 201}, "200")):
            three.post("/account/password", given)
            assert words in three.get("/account").said, given
        assert two.is_in(), "a change that was refused has ended sessions"
        three = Person(console)  # what was tried is forgotten
        answer = three.post("/account/password", {"current": three.password, "password": PASSWORD, "again": PASSWORD})
        old = Person.__new__(Person)
        old.console, old.cookie = console, three.cookie
        three.source = "127.0.0.1"
        three.take(answer)
        assert three.is_in() and not two.is_in() and not old.is_in()
        assert log_in(console, console.first_password).status == 403 and log_in(console, PASSWORD).status == 303
        assert console.control.ask("console password")["ok"]
        assert not three.is_in(), "another password from the shell, and who was logged in still is"
        shown = json.dumps(console.audit())
        assert PASSWORD not in shown and console.first_password not in shown, "a password stands in the audit log"
        assert PASSWORD not in console.server.read_log()

    def the_first_password_is_told_once_and_kept_hashed(self):
        console = self.console()
        password = console.first_password
        assert console.server.read_log().count(password) == 1 and len(password) >= 20, password
        for name in os.listdir(console.server.home):
            path = os.path.join(console.server.home, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    assert password.encode() not in file.read(), name
        assert os.stat(os.path.join(console.server.home, "admin-password.conf")).st_mode & 0o777 == 0o600
        console.server.stop()
        console.server.start(self.binary)
        console.server.wait_log("serves one.test")
        assert "password" not in console.server.read_log()
        assert Person(console, password).is_in()

    def passwords_can_not_be_tried_at_will(self):
        begun = time.monotonic()
        console = self.console(settings={"s2s.log.level": "info"})
        known = Person(console)  # somebody has logged in from 127.0.0.1
        told = []
        for number in range(7):
            told.append(log_in(console, "wrong %d" % number, "127.0.6.1"))
        assert [answer.status for answer in told] == [403] * 5 + [429] * 2, [answer.status for answer in told]
        assert 0 < int(told[-1].header("Retry-After")) <= 30, told[-1].headers
        assert log_in(console, console.first_password, "127.0.6.1").status == 429, "during the pause the right password is no oracle"
        assert log_in(console, console.first_password, "127.0.6.2").status == 303, "one address has shut out another"
        # all addresses together
        statuses = []
        while 429 not in statuses and len(statuses) < 200:
            statuses.append(log_in(console, "wrong", "127.0.7.%d" % (1 + len(statuses))).status)
        assert statuses[:20] == [403] * 20 and statuses[-1] == 429, statuses
        assert Person(console).is_in() and known.is_in(), "strangers have shut out who comes from where he came before"
        lines = [line for line in console.audit() if line["outcome"] == "denied"]
        assert 25 <= len(lines) <= 35 + (time.monotonic() - begun) / 2 + 1 and "wrong" not in json.dumps(lines), len(lines)
        assert {line["who"]["user"] for line in lines} >= {"admin@127.0.6.1", "admin@127.0.7.1"}, lines[:3]

    def an_unknown_user_takes_as_long_as_a_wrong_password(self):
        console = self.console(settings={"s2s.log.level": "info"})
        Person(console)  # 127.0.0.1 is known: not all together are counted
        clock = ~console.server.process.pid << 3 | 2  # what the process has had of the processors, whatever else runs here
        took = {"admin": [], "nobody": []}
        answers = {}
        for number in range(4 if self.reduced else 8):
            for user in took:
                source = "127.0.9.%d" % (1 + number)
                at = door(console, source)
                begun = time.clock_gettime(clock)
                answer = log_in(console, "wrong", source, user, at=at)
                took[user].append(time.clock_gettime(clock) - begun)
                assert answer.status == 403, answer.data[:200]
                answers[user] = re.sub("[0-9a-f]{32}", "", answer.text)
        assert answers["admin"] == answers["nobody"], "the page tells the user apart"
        known, unknown = (min(took[user]) for user in ("admin", "nobody"))
        assert known > 0.01 and 0.7 < known / unknown < 1.4, took

    def cookies_inside_tls_are_secure(self):
        console = self.console(secure=True)
        person = Person(console)
        assert person.cookie.startswith("__Host-openfire-s2s=") and person.is_in()
        assert console.get("/", "openfire-s2s=" + person.id).status == 303, "a cookie that anybody could set is taken"
        before = console.state()
        assert console.post("/permissions/block", {"token": person.token, "domain": "x.test"}, person.cookie,
                            {"Origin": "http://" + console.host}).status == 403
        console.unchanged(before)
        person.post("/permissions/block", {"domain": "x.test"})
        with socket.create_connection(("127.0.0.1", console.port), LIMIT) as plain:  # no TLS: no answer
            plain.sendall(b"GET /login HTTP/1.1\r\nHost: localhost\r\n\r\n")
            got = b"-"
            while got and got != b"HTTP":
                try:
                    got = plain.recv(4)
                except ConnectionResetError:
                    got = b""
            assert got == b"", got
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = version
            try:
                context.wrap_socket(socket.create_connection(("127.0.0.1", console.port), LIMIT))
                raise AssertionError("%s is taken" % version)
            except (ssl.SSLError, ConnectionResetError):
                pass

    # --- what is too large, too odd, or too slow

    def what_is_too_large_is_refused(self):
        console, person, _ = self.full()
        before, cookie = console.state(), [("Cookie", person.cookie)]
        for method, path, headers, body in (
                ("GET", "/" + "a" * 17000, cookie, None), ("GET", "/settings?pattern=" + "a" * 17000, cookie, None), ("GET", "/settings", cookie + [("X", "a" * 17000)], None),
                ("GET", "/settings", cookie + [("X-%d" % i, "y") for i in range(1500)], None), ("GET", "/settings", cookie + [("X" * 17000, "y")], None),
                ("POST", "/permissions/block", cookie, b"a" * 16385), ("POST", "/permissions/block", cookie, b"a" * 5_000_000), ("PUT", "/", cookie, b"a" * 20000),
                ("GET", "/settings", [("Cookie", person.cookie + "; " + "a=b; " * 4000)], None)):
            answer = console.request(method, path, headers, body)
            assert answer.status in (None, 413, 414, 431), (method, path[:40], answer.data[:200])
        for length in ("99999999999999999999999999", "-1", "+5", "5,5", "0x5", "5 5", "", "1e3", "4294967301", "18446744073709551621"):
            answer = console.raw(b"POST /permissions/block HTTP/1.1\r\nHost: localhost\r\nContent-Length: %s\r\n\r\nabcde" % length.encode())
            assert answer.status in (None, 400, 411, 413), (length, answer.data[:200])
        for count, status in ((16, 303), (17, 400), (5000, 400)):
            more = "".join("&f%d=x" % number for number in range(count - 1)).encode()
            answer = console.post("/jobs/end", b"token=%s%s" % (person.token.encode(), more), person.cookie)
            assert answer.status == status or (count == 5000 and answer.status == 413), (count, answer.data[:200])
        for body in (b"&token=x", b"%", b"%4", b"%zz=1", b"a=%00", b"a=%ff", b"a=\xff", b"a=%c0%80", b"a=%1b", b"=x", b"a" * 41 + b"=1", b"a=1&a=2", b"a=%ed%a0%80",
                     b"token=%s&domain=a&domain=b" % person.token.encode(), b"\0", b"token=%s&x=\0" % person.token.encode()):
            answer = console.post("/permissions/block", body, person.cookie)
            assert answer.status in (400, 403), (body, answer.data[:200])
        for query in ("?%", "?a=%00", "?a=1&a=2", "?a=%ff", "?" + "&".join("a%d=1" % n for n in range(17)), "?a=%0", "?" + "a" * 41):
            assert person.get("/settings" + query, status=400)
        console.unchanged(before)

    def bodies_have_one_length_and_requests_one_answer(self):
        """What two programs could understand differently is refused (request smuggling); there is never a second answer."""
        console, person, _ = self.full()
        before, host = console.state(), b"Host: localhost\r\nCookie: " + person.cookie.encode() + b"\r\nContent-Type: " + FORM.encode() + b"\r\n"
        body = b"token=" + person.token.encode() + b"&domain=smuggled.test"
        chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        length = b"Content-Length: %d\r\n" % len(body)
        post = b"POST /permissions/block HTTP/1.1\r\n" + host
        coding = b"Transfer-Encoding: "
        for odd in (post + coding + b"chunked\r\n\r\n" + chunked, post + length + coding + b"chunked\r\n\r\n" + chunked,
                    post + coding + b"chunked\r\n" + length + b"\r\n" + chunked, post + b"Content-Length: 0\r\n" + coding + b"chunked\r\n\r\n" + chunked,
                    post + coding + b"identity\r\n" + length + b"\r\n" + body, post + coding + b"xchunked\r\n" + length + b"\r\n" + body,
                    post + coding + b"gzip, chunked\r\n\r\n" + chunked, post + coding + b"\x0bchunked\r\n" + length + b"\r\n" + body,
                    post + coding + b"chunked\r\n" + coding + b"identity\r\n\r\n" + chunked, post + b"Transfer-Encoding : chunked\r\n" + length + b"\r\n" + body,
                    post + length + b"Content-Length: 3\r\n\r\n" + body, post + b"Content-Length: 3\r\n" + length + b"\r\n" + body, post + length + length + b"\r\n" + body,
                    post + b"Content-Length: %d, %d\r\n\r\n" % (len(body), len(body)) + body, post + coding + b"chunked\r\n\r\nfffffffffffffffff\r\n" + body,
                    post + coding + b"chunked\r\n\r\n-1\r\n" + body, post + coding + b"chunked\r\n\r\n" + b"1;" + b"x" * 20000 + b"\r\na\r\n0\r\n\r\n"):
            answer = console.raw(odd)
            assert answer.status in (None, 400, 411, 413, 431), "%r: %r" % (odd[:300], answer.data[:200])
        block = post + length + b"\r\n" + body
        get = b"GET /login HTTP/1.1\r\n" + host + b"\r\n"
        for first in (get, get.replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n"), get.replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n"),
                      b"GET /nothing HTTP/1.1\r\n" + host + b"\r\n", b"HEAD /login HTTP/1.1\r\n" + host + b"\r\n",
                      get.replace(b"\r\n\r\n", b"\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n\r\n")):
            console.raw(first + block)  # judged: one answer, of the length that it says
        for cut in range(1, len(body), 7):  # less than was said, and the end
            with console.open() as connection:
                connection.sendall(block[:-cut])
                connection.shutdown(socket.SHUT_WR)
                got = connection.recv(65536)
                assert got == b"" or Answer(got).status in (400, 408), got[:200]
        console.unchanged(before)
        answer = console.raw(block.replace(b"smuggled", b"honestly"))
        assert answer.status == 303, "without any trick it is done: %r" % answer.data[:200]

    def idle_and_slow_ones_hold_nobody_up(self):
        console, person, live = self.full()
        before = console.state()
        idle = [console.open("127.0.6.%d" % (1 + number % 3)) for number in range(500)]
        heads = [console.open("127.0.6.9") for _ in range(40)]
        bodies = [console.open("127.0.6.10") for _ in range(40)]
        deaf = []
        for number in range(40):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            connection.bind(("127.0.6.11", 0))
            connection.settimeout(LIMIT)
            connection.connect(("127.0.0.1", console.port))
            connection.sendall(b"GET /console.js HTTP/1.1\r\nHost: localhost\r\n\r\n")
            deaf.append(connection)
        body = b"token=" + person.token.encode() + b"&domain=slow.test"
        slow = [(connection, b"GET /settings HTTP/1.1\r\nHost: localhost\r\nCookie: x") for connection in heads]
        slow += [(connection, b"POST /permissions/block HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (
            FORM.encode(), len(body), body)) for connection in bodies]
        begun, asked, longest, at = time.monotonic(), 0, 0.0, 0
        while time.monotonic() - begun < (4 if self.reduced else 8):
            at += 1
            for connection, data in slow:
                try:
                    connection.sendall(data[at % len(data):at % len(data) + 1])
                except OSError:
                    pass  # it was cut
            mark = time.monotonic()
            assert person.get("/sessions").text.count("live.test") > 0
            assert Person(console, source="127.0.0.1").is_in() if asked % 5 == 0 else True
            longest = max(longest, time.monotonic() - mark)
            assert console.control.ask("status")["ok"]
            Stream(console.server, sender="more%d.test" % asked).close()
            asked += 1
            time.sleep(0.1)
        assert asked >= 5 and longest < 8, (asked, longest)
        two_servers.ask_about_a_key(live, console.server)
        ended = 0
        for connection in idle:
            connection.settimeout(0.0)
            try:
                ended += connection.recv(1) == b""
            except BlockingIOError:
                pass
            except ConnectionResetError:
                ended += 1
        assert ended > 400, "%d of 500 idle ones were ended" % ended
        for connection in idle + heads + bodies + deaf:
            connection.close()
        after = console.state()
        assert all(after[key] == before[key] for key in ("permissions", "settings", "listeners", "remote-servers.conf")), "changed"

    def idle_ones_before_tls_hold_nobody_up(self):
        console = self.console(secure=True)
        person = Person(console)
        idle = [socket.create_connection(("127.0.0.1", console.port), LIMIT, ("127.0.6.%d" % (1 + number % 2), 0)) for number in range(150)]
        for number, connection in enumerate(idle):
            try:
                connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[:number % 12])  # a handshake that does not go on
            except OSError:
                pass  # it was ended already
            if number % 10 == 0:
                assert person.is_in()
        assert Person(console).is_in()
        for connection in idle:
            connection.close()

    def who_says_nothing_is_ended(self):
        console = self.console()
        begun = time.monotonic()
        silent = [console.open(), console.open(), console.open()]
        silent[1].sendall(b"GET /lo")
        silent[2].sendall(b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: 100\r\n\r\ntoken=" % FORM.encode())
        for connection in silent:
            got = connection.recv(4096)
            assert got == b"" or Answer(got).status in (400, 408), got
        assert 5 < time.monotonic() - begun < 16, time.monotonic() - begun

    # --- what others write

    def what_others_write_stays_text(self):
        console, person, peers = self.hostile()
        for peer in ("evil.test", "stream.test", "key.test"):
            person.post("/failures/retry", {"domain": peer})
        person.post("/check", {"domain": "evil.test", "limit": "20"})
        person.post("/trace", {"domain": "bot.test", "stanzas": "yes", "seconds": "20"})
        component = self.component(console)
        self.others.append(component)
        message = "<message from='bot.test' to='u@one.test' id='m'><body>%s</body></message>" % html.escape(MARK, True)
        log_in(console, MARK, "127.0.6.1", MARK[:60])
        person.post("/settings/set", {"setting": "s2s.contact.abuse", "value": "<xss a=1>"})  # refused, and said so
        said = person.get("/settings").said
        assert "<xss a=" in html.unescape(said), said
        person.post("/settings/set", {"setting": "xmpp.server.name", "value": "<xss a=1>x"})
        assert "<xss a=" in html.unescape(person.get("/settings").said)
        person.post("/settings/set", {"setting": MARK, "value": MARK})
        stranger = Stream.__new__(Stream)
        stranger.socket, stranger.received = socket.create_connection((ADDRESS, console.server.port), LIMIT), b""
        stranger.send("<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' "
                      "from='\u05d0\u05d1.test' to='one.test' version='1.0' id='%s'>" % html.escape(MARK, True))
        self.others.append(stranger)
        refused = Stream.__new__(Stream)
        refused.socket, refused.received = socket.create_connection((ADDRESS, console.server.port), LIMIT), b""
        refused.socket.settimeout(LIMIT)
        refused.send("<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' "
                     "from='blocked.test' to='one.test' version='1.0' id='%s'>" % html.escape(MARK, True))
        assert "stream:error" in refused.read_to_end()
        for domain, word in (("evil.test", "certificate"), ("stream.test", "xss"), ("key.test", "xss")):
            self.wait("no failure of " + domain, lambda: word in person.get("/explain?domain=" + domain).text)
        self.wait("no refusal of blocked.test", lambda: "xss" in person.get("/explain?domain=blocked.test").text)
        self.wait("the test does not end", lambda: "It runs" not in person.get("/check/progress?job=1").text)
        self.wait("no stanza is seen", lambda: component.sendall(message.encode()) or "message" in person.get("/trace/follow?job=2").text)
        component.sendall(b"<message from='bot.test' to='u@behind'><body>x</body></message>")
        self.wait("no failure of the server behind us", lambda: MARK_SEEN in Page(person.get("/components").text).text)
        quoted = urllib.parse.quote(MARK)
        expected = {  # where the words of others must be seen, as text
            "/": None, "/server-to-server": None, "/sessions": "\u05d0\u05d1.test", "/components": None, "/failures": MARK_SEEN, "/explain?domain=evil.test": MARK_SEEN,
            "/explain?domain=stream.test": MARK_SEEN, "/explain?domain=key.test": MARK_SEEN, "/explain?domain=blocked.test": MARK_SEEN, "/check/progress?job=1": MARK_SEEN,
            "/trace/follow?job=2": "&lt;xss a=", "/check": None, "/trace": None, "/dns-overrides": None, "/settings": MARK_SEEN, "/settings?pattern=server.name": MARK_SEEN,
            "/settings/edit?setting=xmpp.server.name": MARK_SEEN, "/settings?changed=yes": MARK_SEEN, "/audit": MARK_SEEN, "/counters": None, "/commands": None, "/account": None,
            "/sessions/details?domain-or-stream=" + quoted: MARK_SEEN, "/explain?domain=" + quoted: None, "/check?domain=" + quoted: None,
            "/trace?domain=" + quoted: None, "/settings?pattern=" + quoted: None, "/settings/edit?setting=" + quoted: None, "/audit?last=" + quoted: None,
            "/sessions?sort=" + quoted: None, "/sessions?page=" + quoted: None, "/sessions/handshake?stream=" + quoted: None, "/failures?all=" + quoted: MARK_SEEN,
            "/check/progress?job=" + quoted: None, "/trace/follow?job=" + quoted: None, "/audit?last=10000": MARK_SEEN}
        seen = 0
        for path, words in expected.items():
            status = 404 if "job=%3C" in path else 200
            text = Page(person.get(path, status=status).text).text
            if words is not None:
                assert words in text, "%s does not show it: %s" % (path, text[-3000:])
                seen += 1
        assert seen > 12
        for session in console.control.ask("sessions")["result"]:
            name = session["name"]
            Page(person.get("/sessions/details?domain-or-stream=" + name).text)
            Page(person.get("/sessions/handshake?stream=" + name).text)
            judge_picture(person.get("/sessions/diagram?stream=" + name).body)
        drawn = 0
        for domain in ("evil.test", "stream.test", "key.test", "blocked.test"):
            for link in Page(person.get("/explain?domain=" + domain).text).links:
                if link.startswith("/explain/diagram"):
                    drawn += "xss" in judge_picture(person.get(link).body)
        assert drawn >= 3, "%d pictures show it" % drawn
        links = sorted({link for path in PAGES for link in Page(person.get(path).text).links if link.split("?")[0] in PAGES})
        assert len(links) > 30, links
        for link in links:
            person.get(link)
        assert person.get("/explain?domain=" + quoted).said is not None
        assert not peers.faults, peers.faults

    def software_that_others_tell_stays_text(self):
        port, peer_port, component_port = free_port(ADDRESS), free_port("127.0.5.9"), free_port("127.0.0.1")
        more = {"dnsutil.dnsOverride": "{one.test,%s:%d},{*.two.test,127.0.5.9:%d}" % (ADDRESS, port, peer_port)}
        console = self.console(settings={**more, "xmpp.server.socket.port": str(port)})
        peer = two_servers.Server(self.binary, self.directory, "two.test", "127.0.5.9", {
            **more, "xmpp.server.socket.port": str(peer_port), "xmpp.component.socket.active": "true",
            "xmpp.component.socket.port": str(component_port), "xmpp.component.defaultSecret": "y"})
        self.servers.append(peer)
        peer.wait_log("serves two.test")
        namespace = "urn:ietf:params:xml:ns:xmpp-stanzas"
        for label, answer in (("evil", says(MARK, "\u009b31m\u202e" + MARK, "\n\t\"" + MARK)), ("silent", None),
                              ("rude", "<error type='cancel'><forbidden xmlns='%s'/><text xmlns='%s'>\u202e%s</text></error>"
                               % (namespace, namespace, html.escape(MARK, True)))):
            self.others.append(Component(component_port, label + ".two.test", "y", lambda _, answer=answer: answer))
        person = Person(console)
        details = "/sessions/details?domain-or-stream="
        for domain, outcome in (("evil.two.test", "status"), ("rude.two.test", "alert"), ("silent.two.test", "alert")):
            answer = person.post("/sessions/software", {"domain": domain})
            assert answer.header("Location") == details + domain, answer.headers
            page = person.get(answer.header("Location"))
            assert 'role="%s"' % outcome in page.text, page.said
            said = html.unescape(page.said)
            assert domain in said and (domain == "silent.two.test" or MARK_SEEN in said), said
            words = Page(page.text).text
            assert ("not asked" in words) == (outcome == "alert") and "Ask %s what it runs" % domain in words, words
            assert not any(evil in page.text for evil in ("\u009b", "\u202e", "<xss")), page.text
        assert "no answer came from silent.two.test" in said, said
        again = person.get(details + "evil.two.test")
        assert again.said is None and again.text.count("&lt;xss a=") == 3 * again.text.count("<dt>Software</dt>") > 0, again.text
        for path in ("/audit", "/sessions", "/failures"):
            assert not any(evil in person.get(path).text for evil in ("\u009b", "\u202e", "<xss")), path
        assert MARK_SEEN in Page(person.get("/audit").text).text

    def secrets_are_in_no_page(self):
        secrets = {"xmpp.component.defaultSecret": "s3cr3t-of-components", "xmpp.server.dialback.secret": "s3cr3t-of-dialback-that-is-long",
                   "s2s.metrics.token": "s3cr3t-of-metrics-that-is-long"}
        console = self.console(settings=secrets, components="[bot.test]\nsecret = s3cr3t-of-a-bot\n")
        person = Person(console)
        person.post("/settings/set", {"setting": "xmpp.component.defaultSecret", "value": "s3cr3t-that-is-new"})
        assert "s3cr3t" not in person.get("/settings").text, "it says what was saved"
        person.post("/settings/set", {"setting": "s2s.metrics.token", "value": "s3cr3t"})  # too short, perhaps: refused
        for path in PAGES:
            assert "s3cr3t" not in person.get(path).text, path
        for name in secrets:
            text = person.get("/settings/edit?setting=" + name).text
            assert name in text and "s3cr3t" not in text, name
        assert "s3cr3t" not in json.dumps(console.audit()) and "s3cr3t" not in console.server.read_log()

    def hostile(self):
        peers = Peers(self.directory)
        self.others.append(peers)
        override = ",".join("{%s,127.0.5.9:%d}" % (domain, peers.port(domain)) for domain in ("evil.test", "stream.test", "key.test"))
        console = self.console(settings={"dnsutil.dnsOverride": override, "s2s.retry.first": "100", "xmpp.component.socket.active": "true",
                                         "xmpp.server.certificate.file": "", "upstream behind.host": "127.0.5.9",
                                         "upstream behind.port": str(peers.port("stream.test")), "upstream behind.tls": "optional"},
                               rows="[blocked.test]\npermission = blocked\nremotePort = 0\n", components="[bot.test]\nsecret = x\n")
        return console, Person(console), peers

    def component(self, console):
        connection = socket.create_connection(("127.0.0.1", int(console.server.settings["xmpp.component.socket.port"])), LIMIT)
        connection.sendall(b"<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='bot.test'>")
        got = b""
        while b">" not in got.split(b"<stream:stream", 1)[-1]:
            got += connection.recv(4096)
        key = re.search(rb"id=['\"]([^'\"]*)", got).group(1).decode()
        connection.sendall(("<handshake>%s</handshake>" % hashlib.sha1((key + "x").encode()).hexdigest()).encode())
        return connection

    def nothing_is_fetched_for_a_page(self):
        """A page that names a domain does not make this server look for it; a form with the right token does."""
        names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        names.bind(("127.0.0.1", 0))
        self.others.append(names)
        console = self.console(settings={"s2s.dns.server": "127.0.0.1@%d" % names.getsockname()[1], "s2s.dns.timeout": "500"})
        person = Person(console)
        stream = Stream(console.server, sender="named-by-a-peer.test")
        self.others.append(stream)
        names.settimeout(0.7)
        for path in SHOWS:
            for name in ("domain", "domain-or-stream", "stream", "pattern", "setting", "job", "host", "url"):
                console.get("%s?%s=probe.example" % (path, name), person.cookie)
                console.request("HEAD", "%s?%s=probe.example" % (path, name), [("Cookie", person.cookie)])
        for path in ("/check", "/failures/retry", "/sessions/software", "/trace"):
            assert console.post(path, {"domain": "probe.example"}, person.cookie).status == 403
            assert console.post(path, {"domain": "probe.example", "token": "0" * 32}, person.cookie).status == 403
            assert console.get(path + "?domain=probe.example&token=" + person.token, person.cookie).status in (200, 405)
        try:
            raise AssertionError("somebody was asked: %r" % names.recv(4096))
        except socket.timeout:
            pass
        person.post("/check", {"domain": "probe.example", "limit": "2"})
        names.settimeout(LIMIT)
        assert b"\x05probe\x07example" in names.recv(4096).lower()

    # --- what is written down

    def each_change_stands_in_the_audit_log_once(self):
        console, person, live = self.full()
        fields = Fields(person)
        console.post("/permissions/block", {"token": "0" * 32, "domain": "never.test"}, person.cookie)
        console.post("/permissions/block", {"token": person.token, "domain": "never.test"}, person.cookie, {"Origin": "http://evil.test"})
        console.get("/permissions/block?domain=never.test&token=" + person.token, person.cookie)
        commands = {
            "/listeners/enable": "listener enable", "/listeners/move": "listener move", "/listeners/disable": "listener disable", "/server-to-server/idle": "set",
            "/permissions/policy": "policy", "/permissions/allow": "allow", "/permissions/block": "block", "/permissions/remove": "remove", "/sessions/close": "close", "/sessions/software": "software",
            "/failures/retry": "retry", "/failures/block": "block", "/trace": "trace", "/dns-overrides/set": "override set", "/dns-overrides/remove": "override remove",
            "/settings/set": "set", "/settings/unset": "unset", "/server/reload": "reload", "/account/password": "console password", "/logout": "log out",
            "/server/stop": "stop"}
        quiet = ("/check", "/jobs/end")  # they change nothing
        told = {"/listeners/enable", "/listeners/move", "/listeners/disable", "/server-to-server/idle", "/permissions/policy", "/permissions/allow", "/permissions/block",
                "/permissions/remove", "/failures/block", "/dns-overrides/set", "/dns-overrides/remove", "/settings/set", "/settings/unset"}
        assert set(commands) | set(quiet) | {"/server/drain"} == set(fields.all)
        count = len(console.audit())
        assert [line["command"] for line in console.audit()] == ["set", "log in"], console.audit()
        for path, given in fields.all.items():
            if path == "/server/drain":
                continue  # it is drain or stop: one of them ends the server
            if path in ("/logout", "/account/password"):
                person.token = re.search(r'name="token" value="([0-9a-f]{32})"', person.get("/account").text).group(1)
            answer = person.post(path, given, status=200 if path == "/server/stop" else 303)
            if path == "/account/password":
                person.take(answer)
            elif path == "/logout":
                person = Person(console, fields.password)
            elif path not in ("/server/stop", "/check", "/trace"):
                said = person.get(answer.header("Location"))
                # nobody is there who could be asked
                assert said.said is not None and ('role="alert"' in said.text) == (path == "/sessions/software"), (path, said.said)
            if path in ("/trace", "/check"):
                self.wait("the job does not run", lambda: person.get(answer.header("Location")).status == 200)
            if path in quiet:
                continue
            expected = [commands[path]] + (["log in"] if path == "/logout" else [])
            self.wait("%s is not written down: %s" % (path, console.audit()[count:]), lambda: len(console.audit()) >= count + len(expected))
            lines = console.audit()[count:]
            assert [line["command"] for line in lines] == expected, (path, lines)
            line = lines[0]
            assert line["who"]["user"].startswith("admin") and line["who"]["via"] == "console", line
            assert line["outcome"] == ("failed" if path == "/sessions/software" else "ok"), line
            assert datetime.datetime.strptime(line["time"], "%Y-%m-%dT%H:%M:%SZ"), line
            if path in told:
                assert "before" in line and "after" in line and line["before"] != line["after"], (path, line)
            if path == "/sessions/close":
                assert line["before"][0]["remote"] == "live.test", line
            count += len(lines)
        assert live.read_to_end().endswith("</stream:stream>")
        assert console.server.process.wait(LIMIT) == 0
        assert "never.test" not in json.dumps(console.audit())

    # --- the tool and the console

    def the_tool_can_do_what_the_console_can_and_the_other_way_round(self):
        console, person, live = self.full()
        person.post("/permissions/allow", {"domain": "a.test"})
        person.post("/permissions/block", {"domain": "b.test"})
        tool = subprocess.run([self.binary + "ctl", "help"], stdout=subprocess.PIPE, timeout=LIMIT, check=True).stdout.decode()
        usages = {re.sub(r"\s+", " ", usage) for usage in re.findall(r"^  ([a-z].*(?:\n   ? ?[\[-].*)*)", tool[tool.index("Commands:"):], re.M)}
        commands = {each["command"]: each for each in console.control.ask("help")["result"]}
        assert len(commands) > 30, commands
        # What the tool lists is what the server knows; alone it has, and by itself: import, which reads Openfire's files, and help
        alone = usages - {each["usage"] for each in commands.values()}
        assert all(re.match("(import|help)\\b", usage) for usage in alone), alone
        assert {each["usage"] for each in commands.values()} <= usages, {each["usage"] for each in commands.values()} - usages
        # What the page of commands says is what the table of routes says, and no command is without a place
        text = person.get("/commands").text
        shown = {html.unescape(name): re.findall(r'href="([^"]+)"', cell)
                 for name, cell in re.findall(r'data-command="([^"]*)">(.*?)</td>', text)}
        assert set(shown) == set(commands), set(shown) ^ set(commands)
        assert all(shown.values()), [name for name, places in shown.items() if not places]
        assert all(place in SHOWS for places in shown.values() for place in places), shown
        # Every form of every page: its fields are parameters of the command that the tool has
        with open(os.path.join(ROOT, "admin", "web_routes.c")) as file:
            table = file.read()
        rows = re.findall(r'\b(DO|ACT)\("([^"]+)", "([^"]*)"', table)
        does = {path: [command for command in names.split(",") if command] for _, path, names in rows}
        own = {"/logout": (), "/login": ("user", "password"), "/server-to-server/idle": ("idle", "minutes"), "/jobs/end": ("job",), "/server/drain": ("confirm",),
               "/server/stop": ("confirm",), "/account/password": ("user", "current", "password", "again")}
        acts = {}
        console.control.ask("block x.test")
        person.post("/trace", {"domain": "trace.test", "seconds": "30"})
        person.post("/failures/retry", {"domain": "retry.test"})
        self.wait("no failure", lambda: "retry.test" in person.get("/failures").text)
        pages = list(PAGES) + ["/trace/follow?job=1", "/explain?domain=retry.test", "/sessions/details?domain-or-stream=live.test", "/settings/edit?setting=s2s.retry.max"]
        for page in pages:
            for form, inputs in Page(person.get(page).text).forms:
                if form["method"] == "get":
                    continue
                assert form["action"] in ACTS, form
                assert "token" in inputs, (page, form)
                acts.setdefault(form["action"], set()).update(name for name, given in inputs.items() if name != "token" and given.get("type") != "button"
                                                              and not self.is_button(given))
        assert set(acts) == set(ACTS) - {"/login"}, "no form leads to %s" % (set(ACTS) - set(acts))
        for path, fields in acts.items():
            if path in own:
                assert fields <= set(own[path]), (path, fields)
                continue
            known = {each["name"].lstrip("-") for command in does[path] for each in commands[command]["parameters"]}
            assert fields <= known, (path, fields - known)
        # And the other way round: every parameter of every command is a field of a form, or of a link; what is not, and why
        shows = {path: names.split(",") for path, names in re.findall(r'\bSHOW\("([^"]+)", "([^"]*)"', table)}
        asked = {command: set() for command in commands}
        for target, name in {each for page in pages for each in self.queries(Page(person.get(page).text))}:
            for command in filter(None, shows.get(target, ())):
                asked[command].add(name)
        filled = {command: {name for path, fields in acts.items() if command in does[path] for name in fields} for command in commands}
        missing = {(command, each["name"]) for command, row in commands.items() for each in row["parameters"]
                   if each["name"].lstrip("-") not in filled[command] | asked[command]}
        assert missing == set(NOT_HERE), "the console has no field for %s; it has one for %s" % (missing - set(NOT_HERE), set(NOT_HERE) - missing)

    @staticmethod
    def queries(page):
        """What links and forms of a page ask for: paths, each with the name of a parameter"""
        links = [urllib.parse.urlsplit(link) for link in page.links]
        names = {(link.path, name) for link in links for name, _ in urllib.parse.parse_qsl(link.query)}
        return names | {(form["action"], name) for form, inputs in page.forms if form["method"] == "get" for name in inputs}

    @staticmethod
    def is_button(given):
        return "type" not in given and "value" not in given and "id" not in given

    # ---

    def wait(self, what, condition):
        end = time.monotonic() + LIMIT
        while not condition():
            assert time.monotonic() < end, what
            time.sleep(0.05)

    def run(self, name):
        self.directory = tempfile.mkdtemp()
        begun = time.monotonic()
        try:
            getattr(self, name)()
            for server in self.servers:
                if server.process.poll() is None or server.process.returncode != 0:
                    server.stop()
            print("ok %s (%.1f s)" % (name, time.monotonic() - begun), flush=True)
            return "passed"
        except (AssertionError, OSError, ValueError, KeyError, IndexError, AttributeError, TypeError, subprocess.SubprocessError, ET.ParseError) as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            print("FAILED %s: %s:%d: %s %s" % (name, os.path.basename(where.filename), where.lineno, type(error).__name__, error), flush=True)
            return "failed"
        finally:
            for other in self.others:
                other.close()
            for server in self.servers:
                if server.process.poll() is None:
                    server.process.kill()
                    server.process.wait()
            self.servers, self.others = [], []
            shutil.rmtree(self.directory, ignore_errors=True)


NOT_HERE = {  # parameters that the tool alone has
    ("explain", "--with"): "it names a file on the server's machine: for who has a shell there",
    ("rates", "--last"): "the graphs always show five minutes",
    ("diagram", "domain-or-stream"): "the page of a stream has its picture, and that of a domain one of each attempt: /explain/diagram, which draws the same",
    ("diagram", "--in"): "the same, by direction", ("diagram", "--out"): "the same",
    ("diagram", "--failed"): "by outcome", ("diagram", "--back"): "by number",
}
MARK = "<xss a='1' b=\"2\">&lt;xss&gt;</title></td></script><script>xss()</script><!-- --><img src=x onerror=xss()>"
MARK_SEEN = "<xss a="


class Peers:
    """Other servers that mean harm, each on its own port: what they write is markup."""

    def __init__(self, directory):
        self.faults, self.listeners = [], {}
        self.certificate = make_certificate(directory)
        for domain, play in (("evil.test", self.shows_a_certificate), ("stream.test", self.ends_by_an_error), ("key.test", self.refuses_the_key)):
            listener = socket.create_server(("127.0.5.9", free_port("127.0.5.9")))
            self.listeners[domain] = listener
            threading.Thread(target=self.serve, args=(listener, play), daemon=True).start()

    def port(self, domain):
        return self.listeners[domain].getsockname()[1]

    def serve(self, listener, play):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(connection, play), daemon=True).start()

    def one(self, connection, play):
        connection.settimeout(LIMIT)
        try:
            play(connection)
        except (OSError, ssl.SSLError):
            pass
        finally:
            connection.close()

    @staticmethod
    def read(connection, until):
        got = b""
        while until not in got:
            data = connection.recv(4096)
            if not data:
                raise OSError("ended")
            got += data
        return got

    def header(self, connection, domain, features):
        self.read(connection, b"version=")
        connection.sendall(("<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' "
                            "from='%s' to='one.test' id='%s' version='1.0'><stream:features>%s</stream:features>" % (domain, html.escape(MARK, True), features)).encode())

    def shows_a_certificate(self, connection):
        self.header(connection, "evil.test", "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>")
        self.read(connection, b"<starttls")
        connection.sendall(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        connection = context.wrap_socket(connection, server_side=True)
        self.header(connection, "evil.test", "")
        self.read(connection, b"</stream:stream>")

    def ends_by_an_error(self, connection):
        self.header(connection, "stream.test", "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>%s</mechanism></mechanisms>" % html.escape(MARK, True))
        connection.sendall(("<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>%s</text>"
                            "</stream:error></stream:stream>" % html.escape(MARK, True)).encode())
        self.read(connection, b"</stream:stream>")

    def refuses_the_key(self, connection):
        self.header(connection, "key.test", "<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>")
        self.read(connection, b"db:result")
        connection.sendall(("<db:result from='key.test' to='one.test' type='error'><error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
                            "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>%s</text></error></db:result>" % html.escape(MARK, True)).encode())
        self.read(connection, b"</stream:stream>")

    def close(self):
        for listener in self.listeners.values():
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()


def make_certificate(directory):
    """One that signs itself, with markup in each of its names"""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.utcnow()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "<xss a='1' b=\"2\">CN</xss>"), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "\"><xss a='1'>O"),
                      x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "\u202e'><script>xss()</script>")])
    names = [x509.DNSName("<xss a='1'>.test"), x509.DNSName("\"onload=xss()"), x509.UniformResourceIdentifier("http://x/<xss>")]
    certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=9))
                   .add_extension(x509.SubjectAlternativeName(names), False).sign(key, hashes.SHA256()))
    path = os.path.join(directory, "hostile.pem")
    with open(path, "wb") as file:
        file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        file.write(certificate.public_bytes(serialization.Encoding.PEM))
    return path


SLOW = ("passwords_can_not_be_tried_at_will", "idle_and_slow_ones_hold_nobody_up", "a_session_ends_by_log_out_and_by_another_password",
        "an_unknown_user_takes_as_long_as_a_wrong_password", "who_says_nothing_is_ended", "software_that_others_tell_stays_text")  # they begin first
NO_CASES = ("console", "full", "around", "hostile", "component", "is_button", "queries", "wait", "run")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="./openfire-s2s")
    parser.add_argument("--only", default="")
    parser.add_argument("--reduced", action="store_true", help="a part of the corpus: for sanitizers, which are slow")
    options = parser.parse_args()
    binary = os.path.abspath(options.binary)
    names = [name for name in vars(Cases) if not name.startswith("_") and name not in NO_CASES and options.only in name]
    names.sort(key=lambda name: name not in SLOW)
    return run_side_by_side(names, 1 if options.only else 4, lambda: Cases(binary, options.reduced))


if __name__ == "__main__":
    sys.exit(main())
