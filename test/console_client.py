# SPDX-License-Identifier: Apache-2.0
"""console_client.py - a server with its web console, and who talks to it byte for byte: for console.py

Whatever a case asks: the answer must be one whole answer with the headers that keep a browser from harm, and each page is parsed: it holds
no element and no attribute that could do anything but show text and ask the console itself.
"""
import hashlib
import html.parser
import json
import os
import re
import socket
import ssl
import sys
import urllib.parse
import xml.etree.ElementTree as ET

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import two_servers  # noqa: E402
from admin import Client  # noqa: E402
from two_servers import LIMIT, free_port  # noqa: E402

ROOT = os.path.dirname(HERE)
ADDRESS = "127.0.5.1"
FORM = "application/x-www-form-urlencoded"
VOID = ("meta", "link", "input", "br", "hr", "img", "line", "polyline", "rect", "path")

# The elements that a page may have, and their attributes: none that runs something, loads something, or looks like something else
ELEMENTS = """html head meta title link noscript script body a header footer nav main section article h1 h2 h3 h4 p div span b i em strong br hr code kbd pre
time small ul ol li dl dt dd table caption thead tbody tr th td form input button label select option fieldset legend textarea output details summary
img figure figcaption svg g line polyline rect path text""".split()
ATTRIBUTES = """charset name content http-equiv rel href src defer id class lang title role tabindex hidden method action for type value required readonly
disabled checked selected multiple maxlength minlength min max step rows cols size placeholder pattern inputmode enterkeyhint autocapitalize autocomplete
autofocus spellcheck scope colspan rowspan datetime loading alt width height open viewbox preserveaspectratio points x y x1 x2 y1 y2 d""".split()


def routes():
    """The rows of the table: {(path, is it a POST)}."""
    with open(os.path.join(ROOT, "admin", "web_routes.c")) as file:
        source = file.read()
    table = source[source.index("web_routes[] = {"):source.index("web_route_count")]
    rows = [(path, kind in ("DO", "ACT")) for kind, path in re.findall(r'\b(SHOW|FREE|DO|ACT)\("([^"]+)"', table)]
    rows += [(path, post == "true") for path, post in re.findall(r'\{"([^"]+)", (true|false)', table)]
    assert len(rows) == len(set(rows)) > 45, "the table of routes is not read: %d" % len(rows)
    return rows


ROWS = routes()
SHOWS = sorted({path for path, post in ROWS if not post})
ACTS = sorted({path for path, post in ROWS if post})
PAGES = tuple(path for path in SHOWS if path not in ("/login", "/style.css", "/console.js", "/icon.svg", "/sessions/diagram", "/explain/diagram",
                                                    "/check/progress", "/trace/follow"))  # what somebody sees who knows no job
OPEN = ("/login", "/style.css", "/console.js", "/icon.svg")


# --- one request and its answer


class Answer:
    """What came until the server closed: nothing, or exactly one answer."""

    def __init__(self, data):
        self.data, self.status, self.headers, self.body = data, None, [], b""
        if not data:
            return
        while data.startswith(b"HTTP/1.1 100 "):
            data = data.split(b"\r\n\r\n", 1)[1]
        head, self.body = data.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        found = re.fullmatch(r"HTTP/1\.1 (\d{3}) [ -~]*", first)
        assert found, "no status line: %r" % first
        self.status = int(found.group(1))
        self.headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]
        assert all(re.fullmatch(r"[A-Za-z-]+: ?[ -~]*", line) for line in lines), lines

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name):
        values = self.all(name)
        assert len(values) < 2, "%s stands there %d times" % (name, len(values))
        return values[0] if values else None

    @property
    def text(self):
        return self.body.decode()

    @property
    def title(self):
        found = re.search(r"<h1>(.*?)</h1>", self.text)
        return found.group(1) if found else None

    @property
    def said(self):
        """What the page tells of what was done last."""
        found = re.search(r'<p class="said [a-z]+" role="(?:status|alert)">(.*?)</p>', self.text, re.S)
        return found.group(1) if found else None

    def cookies(self):
        """{name: (value, attributes)} that it sets"""
        found = {}
        for line in self.all("Set-Cookie"):
            pair, *attributes = [part.strip() for part in line.split(";")]
            name, value = pair.split("=", 1)
            assert name not in found, line
            found[name] = value, attributes
        return found


# libmicrohttpd answers itself what is no HTTP: constant pages without headers of ours, and nothing of what was sent in them.
LIBRARYS = (400, 413, 414, 431, 500, 501, 505)


JUDGED = set()  # pages, so that one that comes a thousand times is parsed once


def judge(answer, sent, secure, head=False):
    """What every answer must be, whatever was asked."""
    if answer.status is None:
        return
    if answer.header("Content-Security-Policy") is None:  # (0.9.75 writes the head of some of them twice)
        assert answer.status in LIBRARYS and len(answer.data) < 700, answer.data
        page = answer.data[answer.data.rindex(b"\r\n\r\n") + 4:]
        assert re.fullmatch(rb"<html><head><title>([A-Za-z ,.:]|&quot;)+</title></head><body>([A-Za-z0-9 ,.:'-]|&quot;|</?b>|<br>)*</body></html>", page), answer.data
        return
    length = answer.header("Content-Length")
    assert length is not None and answer.header("Transfer-Encoding") is None, answer.headers
    assert head or len(answer.body) == int(length), "%s bytes were told, %d came: %r" % (length, len(answer.body), answer.data[-200:])
    assert answer.header("Connection") == "close", answer.headers
    assert answer.header("Server") is None and answer.header("Access-Control-Allow-Origin") is None, answer.headers
    if answer.header("Content-Type").startswith("text/plain"):  # refused before any page is thought of: a constant sentence
        assert answer.status in (400, 411, 413) and re.fullmatch(rb"[a-z ?]+\n", answer.body) and not answer.cookies(), answer.data
        assert answer.header("Content-Security-Policy").startswith("default-src 'none'; ") and answer.header("X-Content-Type-Options") == "nosniff"
        return
    policy = dict((part.strip().split(" ", 1) + [""])[:2] for part in answer.header("Content-Security-Policy").split(";"))
    kind = answer.header("Content-Type")
    assert policy["default-src"] == "'none'" and policy["frame-ancestors"] == "'none'" and policy["base-uri"] == "'none'", policy
    picture = kind.startswith("image/svg") and "sandbox" in policy
    for name, value in policy.items():
        allowed = {"'none'", "'self'", ""} | ({"'unsafe-inline'"} if picture and name == "style-src" else set())
        assert value in allowed, policy
    assert picture or "'self'" in policy.get("form-action", "'self'"), policy
    assert answer.header("X-Content-Type-Options") == "nosniff" and answer.header("X-Frame-Options") == "DENY", answer.headers
    assert answer.header("Referrer-Policy") == "no-referrer", answer.headers
    assert answer.header("Cross-Origin-Opener-Policy") == answer.header("Cross-Origin-Resource-Policy") == "same-origin", answer.headers
    assert (answer.header("Strict-Transport-Security") is not None) == secure, answer.headers
    if answer.header("Cache-Control") != "no-store":
        assert answer.status == 200 and kind.split(";")[0] in ("text/css", "text/javascript", "image/svg+xml") and not answer.cookies(), answer.headers
    for name, (value, attributes) in answer.cookies().items():
        assert name.startswith("__Host-") == secure == ("Secure" in attributes), (name, attributes)
        assert "HttpOnly" in attributes and "SameSite=Strict" in attributes and "Path=/" in attributes, attributes
        assert not any(each.startswith("Domain") for each in attributes), attributes
        assert re.fullmatch("[0-9a-f]{32}", value) or (value == "" and "Max-Age=0" in attributes), (value, attributes)
    if answer.header("Location") is not None:
        assert re.fullmatch(r"/[a-z][!-~]*|/", answer.header("Location")) and answer.status == 303, answer.headers
    if head or answer.status == 303:
        assert head or not answer.body
    elif answer.body in JUDGED:
        pass
    elif kind == "text/html; charset=utf-8":
        Page(answer.text)
        JUDGED.add(answer.body)
    elif kind.startswith("image/svg"):
        judge_picture(answer.body)
    else:
        assert kind.split(";")[0] in ("text/css", "text/javascript"), kind


class Page(html.parser.HTMLParser):
    """A page: every element and attribute is one of ours, and every element is closed where it was opened."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.words, self.forms, self.links = [], [], [], []
        assert text.startswith("<!DOCTYPE html>\n<html "), text[:100]
        self.feed(text)
        self.close()
        assert not self.open, self.open
        self.text = "".join(self.words)

    def handle_starttag(self, tag, attributes):
        assert tag in ELEMENTS, "an element <%s>" % tag
        names = [name for name, _ in attributes]
        assert len(names) == len(set(names)), (tag, attributes)
        for name, value in attributes:
            assert name in ATTRIBUTES or re.fullmatch("(aria|data)-[a-z]+", name), "an attribute of <%s>: %s=%r" % (tag, name, value)
            if name in ("href", "src", "action"):
                assert re.match(r"/([a-z]|$)|#[a-z]", value), "it leads to %r" % value
                self.links.append(value)
        if tag == "form":
            self.forms.append((dict(attributes), {}))
        elif tag in ("input", "button", "select") and "name" in names:
            assert "form" in self.open, "<%s> outside of a form" % tag
            given = dict(attributes)
            self.forms[-1][1].setdefault(given["name"], given)
        if tag == "script":
            assert dict(attributes)["src"].startswith("/console.js?v="), attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, "</%s> in %s" % (tag, self.open)
        self.open.pop()

    def handle_data(self, data):
        assert "script" not in self.open or not data.strip(), "a script in the page: %r" % data
        self.words.append(data)

    def handle_comment(self, data):
        raise AssertionError("a comment: %r" % data)

    handle_pi = unknown_decl = handle_comment


def judge_picture(body):
    name = "{http://www.w3.org/2000/svg}"
    tree = ET.fromstring(body.decode())
    for element in tree.iter():
        assert element.tag in [name + each for each in ("svg", "title", "desc", "style", "rect", "line", "path", "text", "circle", "g")], element.tag
        for key in element.attrib:
            assert not key.startswith("on") and "href" not in key and key != "style", (element.tag, key)
    return "".join(tree.itertext())


# --- the corpus: ways to write a path so that somebody takes it for another


def ways_around(path):
    """Of one path of the table: bytes that are not it, and that a server which decodes, tidies or cuts would take for it."""
    raw, last = path.encode(), path.encode()[-1:]
    inner = raw.lstrip(b"/")
    dots = [b"..", b"%2e%2e", b".%2e", b"%2E.", b"%252e%252e", b"%u002e%u002e", b"%%32%65%%32%65", b"%c0%ae%c0%ae", b"%c0%2e%c0%2e", b"%e0%80%ae%e0%80%ae",
            b"%f0%80%80%ae%f0%80%80%ae", b"\xc0\xae\xc0\xae", b"%uff0e%uff0e", b"\xef\xbc\x8e\xef\xbc\x8e", b"%ef%bc%8e%ef%bc%8e", b"..;", b"..;x=y",
            b"..%00", b"..%20", b"...", b"..%09", b"..%0d%0a", b"..%3b"]
    for each in dots:
        yield b"/setup/setup-/" + each + b"/" + each + raw  # CVE-2008-6508, CVE-2023-32315
        yield b"/login/" + each + raw
        yield b"/style.css/" + each + raw
    yield b"/setup/setup-s/%u002e%u002e/%u002e%u002e" + raw
    for slash in (b"%2f", b"%5c", b"\\", b"%252f", b"%c0%af", b"%e0%80%af", b"%u2215", b"\xe2\x88\x95", b"%u2216", b";/", b"/;/", b"//", b"/./", b"///", b"\t/",
                  b"%00/"):
        yield b"/login/.." + slash + inner
        yield b"/login" + slash + b".." + slash + inner
        yield slash + inner
        if b"/" in inner:
            yield b"/" + inner.replace(b"/", slash)
    for behind in (b"/", b"//", b"/.", b"/..", b"/./", b"/../", b";", b";jsessionid=1", b";/login", b";.css", b"%00", b"%00.css", b"\0", b"\0.css", b"\0/login",
                   b"%20", b"%09", b"%0a", b"%0d%0aSet-Cookie:%20a=b", b".", b"..", b"#", b"#/login", b"%23", b"%3f", b"%3F/login", b"%26", b"&a=b", b".css",
                   b".html", b".jsp", b"/style.css", b"/login", b"%", b"%2", b"%zz", b"~", b"+", b"\xff", b"\x7f", b"\x01", b"\xc2\xa0", b"$", b"*", b"::$DATA",
                   b"/index.html", b"/%2e", b"/%2e%2e"):
        yield raw + behind
    for before in (b"/.", b"/..", b"/%2e", b"/%2e%2e", b"/%00", b"\0", b"/;", b"/;a", b"/;a=b", b"/%20", b"/~", b"/*", b"/%2f", b"%2f", b"\\", b"/\\",
                   b"http://127.0.0.1", b"http://localhost", b"https://localhost", b"//localhost", b"//evil.test", b"http:", b"file://", b"/http://localhost",
                   b"/admin", b"/setup", b"/setup/setup-", b"/static", b"/login", b"/plugins/admin", b"@", b"x", b"/x/.."):
        yield before + raw
    if inner:
        yield raw[:-1] + b"%%%02x" % last[0]
        yield raw[:-1] + b"%%25%02x" % last[0]
        yield raw[:-1] + b"%%u00%02x" % last[0]
        yield raw[:-1] + bytes([0xc0 | last[0] >> 6, 0x80 | last[0] & 0x3f])
        yield raw[:-1] + b"%%%02x%%%02x" % (0xc0 | last[0] >> 6, 0x80 | last[0] & 0x3f)
        yield b"/" + b"".join(b"%%%02x" % each for each in inner)
        yield b"".join(b"%%%02x" % each for each in raw)
        yield raw.upper()
        yield raw[:2].upper() + raw[2:]
        yield inner
        yield raw[:-1]
        yield raw[:-1] + b"\xef\xbd" + bytes([0x80 + (last[0] - 0x60) % 0x40])  # its wide form
    yield b"*"


def attempts(path, reduced, number):
    """Those, each once, without what happens to be a path of the table; reduced: some of them, other ones for each path."""
    known = {each.encode() for each in SHOWS + ACTS} | {b""}
    found = sorted({each for each in ways_around(path) if each not in known and b"?" not in each})
    return found[number % 7::7] if reduced else found


# --- the server


class Console:
    """One server with its console, and everything that it keeps and shows."""

    def __init__(self, cases, settings=None, rows="", components="", secure=False, *options):
        self.port = free_port("127.0.0.1")
        self.secure = secure
        home = os.path.join(cases.directory, "one.test")
        os.makedirs(home, exist_ok=True)
        for name, text in (("remote-servers.conf", rows), ("components.conf", components)):
            if text:
                with open(os.path.join(home, name), "w") as file:
                    file.write(text)
        more = {"adminConsole.port": "0", "adminConsole.securePort": str(self.port)} if secure else {"adminConsole.port": str(self.port)}
        more.update({"xmpp.server.socket.ssl.active": "false", "xmpp.component.socket.port": str(free_port("127.0.0.1"))})
        if secure:
            more["xmpp.server.certificate.file"] = ""
        self.server = two_servers.Server(cases.binary, cases.directory, "one.test", ADDRESS, {**more, **(settings or {})}, *options)
        cases.servers.append(self.server)
        self.server.wait_log("serves one.test")
        self.host = "127.0.0.1:%d" % self.port
        self.origin = "%s://%s" % ("https" if secure else "http", self.host)
        self.cookie = ("__Host-" if secure else "") + "openfire-s2s"
        self.first_password = self.server.wait_log(r"user admin, password ([a-z0-9-]+)").group(1)
        self.control = Client(self.server)

    def open(self, source="127.0.0.1", limit=LIMIT):
        connection = socket.create_connection(("127.0.0.1", self.port), limit, (source, 0))
        if self.secure:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection = context.wrap_socket(connection, server_hostname="one.test")
        return connection

    def raw(self, data, source="127.0.0.1", limit=LIMIT, checked=True):
        """Bytes out, all that comes back."""
        connection, got = self.open(source, limit), b""
        try:
            try:
                connection.sendall(data)
            except OSError:
                pass  # it has heard enough: its answer may be there
            while True:
                try:
                    piece = connection.recv(65536)
                except (ConnectionResetError, ssl.SSLError):
                    break
                if not piece:
                    break
                got += piece
        finally:
            connection.close()
        answer = Answer(got)
        if checked:
            judge(answer, data, self.secure, data.startswith(b"HEAD "))
        return answer

    def request(self, method, path, headers=(), body=None, host=None, **more):
        path = path if isinstance(path, bytes) else path.encode()
        lines = [b"%s %s HTTP/1.1" % (method.encode(), path), b"Host: " + (host or self.host).encode()]
        lines += [b"%s: %s" % (name.encode(), value.encode("latin-1")) for name, value in headers]
        if body is not None:
            lines.append(b"Content-Length: %d" % len(body))
        return self.raw(b"\r\n".join(lines) + b"\r\n\r\n" + (body or b""), **more)

    def get(self, path, cookie=None, *headers, **more):
        return self.request("GET", path, ([("Cookie", cookie)] if cookie else []) + list(headers), **more)

    def post(self, path, fields, cookie=None, headers=(), method="POST", **more):
        """As a browser sends it: with Origin and Sec-Fetch-Site, unless `headers` says otherwise"""
        given = {"Content-Type": FORM, "Origin": self.origin, "Sec-Fetch-Site": "same-origin", "Cookie": cookie, **dict(headers)}
        body = fields if isinstance(fields, bytes) else urllib.parse.urlencode(fields).encode()
        return self.request(method, path, [(name, value) for name, value in given.items() if value is not None], body, **more)

    def state(self):
        """All that is kept, by its files, and all that is shown"""
        kept = {}
        for name in sorted(os.listdir(self.server.home)):
            path = os.path.join(self.server.home, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    kept[name] = hashlib.sha256(file.read()).hexdigest()
        for command in ("settings", "permissions", "listeners", "overrides", "components", "upstreams"):
            answer = self.control.ask(command)
            assert answer["ok"], answer
            kept[command] = json.dumps(answer["result"], sort_keys=True)
        for session in self.control.ask("sessions").get("result", []):
            kept[session["name"]] = session["stream_id"]
        kept["logged in"] = len(self.control.ask("console")["result"]["sessions"])
        return kept

    def unchanged(self, before):
        after = self.state()
        assert after == before, "changed: %s" % sorted(key for key in set(before) | set(after) if before.get(key) != after.get(key))
        assert self.server.process.poll() is None, "the server has ended"
        with open(self.server.log, "rb") as log:
            odd = re.search(rb"[^\n]*[\x00-\x09\x0b-\x1f\x7f][^\n]*", log.read())
        assert odd is None, "what others wrote stands in the log as it was: %r" % odd.group(0)

    def audit(self):
        path = os.path.join(self.server.home, "audit.log")
        if not os.path.exists(path):
            return []
        with open(path) as log:
            return [json.loads(line) for line in log]


class Person:
    """Somebody who is logged in."""

    def __init__(self, console, password=None, source="127.0.0.1"):
        self.console, self.source = console, source
        self.password = password or console.first_password
        answer = log_in(console, self.password, source)
        assert answer.status == 303 and answer.header("Location") == "/", answer.data[:300]
        self.take(answer)

    def take(self, answer):
        value = answer.cookies()[self.console.cookie][0]
        assert value, answer.headers
        self.id, self.cookie = value, "%s=%s" % (self.console.cookie, value)
        self.token = re.search(r'name="token" value="([0-9a-f]{32})"', self.get("/account").text).group(1)

    def get(self, path, *headers, status=200, method="GET"):
        answer = self.console.request(method, path, [("Cookie", self.cookie), *headers], source=self.source)
        assert answer.status == status, "%s: %s %r" % (path, answer.status, answer.data[:200])
        return answer

    def post(self, path, fields=(), status=303):
        answer = self.console.post(path, {"token": self.token, **dict(fields)}, self.cookie, source=self.source)
        assert answer.status == status, "%s: %s %r" % (path, answer.status, answer.data[:300])
        return answer

    def is_in(self):
        return self.console.get("/account", self.cookie).status == 200


def door(console, source="127.0.0.1", cookie=None):
    """The cookie and the token of the log-in form"""
    answer = console.get("/login", cookie, source=source)
    token = re.search(r'name="token" value="([0-9a-f]{32})"', answer.text).group(1)
    name = console.cookie + "-door"
    return "%s=%s" % (name, answer.cookies()[name][0]), token


def log_in(console, password, source="127.0.0.1", user="admin", cookie=None, at=None):
    """`cookie` goes beside that of the door. `at`: the door's, when it was asked for before."""
    its, token = at or door(console, source, cookie)
    return console.post("/login", {"token": token, "user": user, "password": password}, its + ("; " + cookie if cookie else ""), source=source)
