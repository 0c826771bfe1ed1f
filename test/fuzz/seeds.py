#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""seeds.py DIRECTORY - what libFuzzer begins with: DIRECTORY/<target>/, made of the dialogues

Of each dialogue: what its peers send, stream by stream, its headers, its dialback elements, every address in it, its settings
and rows; of pki.py's names for certificates, and its certificates themselves. Further lines say by hand what no dialogue has.
"""
import base64
import glob
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import dialog  # noqa: E402
import pki  # noqa: E402

LONGEST = 4096  # as libFuzzer cuts them

CERTIFICATES = (
    "example.net\ndexample.net\n", "example.net\nd*.net\ncexample.net\n", "a.example.net\nd*.example.net\n",
    "a.b.example.net\nd*.example.net\nd*.b.example.net\n", "example.net\ns_xmpp-server.example.net\n",
    "example.net\nxexample.net\n", "example.net\nxuser@example.net\nxEXAMPLE.net.\n", "example.net\nuexample.net\nmexample.net\n",
    "example.net\ndexample.net\\0.evil.test\nXexample.net\nS_xmpp-server.example.net\n", "192.0.2.1\nd192.0.2.1\nx192.0.2.1\n",
    "[2001:db8::1]\nx[2001:db8::1]\nd[2001:db8::1]\n", "bücher.example\ndxn--bcher-kva.example\nxbücher.example\n",
    "example.net\nd*\nd*.\nd*.*.net\ndexam*.net\ns_xmpp-server.*.net\n",
)
ADDRESSES = (
    "BÜCHER.example", "xn--bcher-kva.example", "192.0.2.1", "[2001:DB8::1]", "a.b.", "a..b", "u@a.b/r", "user@example.net/r/s@t",
    "a。b．c｡d", "שלום.example", "xn--9dbne9b.example", "ﬁ@ﬀ.example/ﬃ", "ß.example", "\u2488.example", "a\u00ad.example",
)
OVERRIDES = (
    "{example.net,192.0.2.7:5269},{*.lab.test,[2001:db8::5]:5269},{*,192.0.2.1}", "{a.b,c.d},{c.d,a.b}", "{*,x}", "{bücher.example,x:1}",
)
MOVES = (  # of dialback_roles: a key is asked about and answered, an answer to us, a key of ours, time
    bytes([0, 0, 1, 0, 2, 3, 0, 1, 0, 1, 0, 0]), bytes([0, 0, 1, 0, 3, 0, 1, 0, 1, 0, 0, 2, 4, 7, 4, 7]),
    bytes([5, 0, 1, 0, 6, 0, 1, 0, 1, 0, 6, 0, 1, 0, 1, 0, 5, 0, 1, 1]), bytes([7, 0, 0, 0, 1, 0, 0, 100, 7, 0, 0, 0, 1, 0, 0, 5]),
)
UNUSUAL = (  # streams, behind a header
    b"<iq>x\r\ny&lt;z&#13;<![CDATA[<&]]>]]&gt;</iq>", b"<a:b xmlns:a='urn:a&amp;b' a:c='1' c='2'><c xmlns=''/></a:b>",
    b"<iq xml:lang='de' a=\"'\" b='\"'>\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80</iq>", b"<stream:stream/>", b"<iq><stream:stream/></iq>",
    b"<p:x p:y='' xmlns:q='urn:p'><q:x q:y=''/></p:x> \n <presence/>", b"<iq>&#x10FFFF;&#0;</iq>", b"<iq>\xc0\x80</iq>", b"<iq>\xed\xa0\x80</iq>",
)


class Seeds:
    def __init__(self, directory):
        self.directory = directory

    def add(self, target, data):
        data = data[:LONGEST]
        directory = os.path.join(self.directory, target)
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, hashlib.sha1(data).hexdigest()), "wb") as file:
            file.write(data)


def sent(dialogue):
    """what each peer sends: {name: [bytes, …]}; a variable stands for itself"""
    dialogue.variables = type("Any", (dict,), {"__missing__": lambda self, key: key, "__contains__": lambda self, key: True})()
    streams = {}
    for line in dialogue.lines:
        found = re.match(r"(\w+) >> ?(.*)", line, re.S)
        if found:
            streams.setdefault(found.group(1), []).append(dialogue.to_bytes(found.group(2)))
    return streams


def add_stream(seeds, pieces):
    seeds.add("xmpp_packet_reader", b"`0" + b"".join(pieces))
    for piece in pieces:
        if piece[:13] == b"<stream:stream" or b"<stream:stream" in piece[:60]:
            seeds.add("stream_header", piece)
        else:
            seeds.add("xmpp_packet_reader", b"a0" + piece)
        if b"dialback" in piece or b"<db:" in piece:
            seeds.add("dialback_element", piece)
        for address in re.findall(rb"(?:from|to)=['\"]([^'\"]*)['\"]", piece):
            seeds.add("jid", address)


def section_lines(settings):
    for name, value in settings:
        section, key = name.rsplit(".", 1)
        yield "[%s]\n%s = %s\n" % (section, key, value)


def add_files(seeds, dialogue):
    settings = dict(dialogue.settings)
    rows, components, upstreams = [], [], []
    for line in dialogue.lines:
        words = line.split()
        if words[0] == "setting":
            settings[words[1]] = words[3] if len(words) > 3 else ""
        elif words[0] == "row":
            rows.append("[%s]\npermission = %s\nremotePort = %s\n" % (words[1], words[2], words[3] if len(words) > 3 else 0))
        elif words[0] == "component":
            components.append("[%s]\nsecret = %s\n" % (words[1], words[2]))
            components += ["permission = %s\n" % word for word in words[3:]]
        elif words[0] == "upstream":
            upstreams.append("[upstream %s]\nhost = 192.0.2.1\n%s\n" % (
                words[1], "\n".join(word.replace("=", " = ") for word in words[2:] if not word.startswith("port"))))
    for line in section_lines(settings.items()):
        seeds.add("config", line.encode())
    main = "".join(section_lines(settings.items())) + "".join(upstreams)
    parts = [main, "[s2s]\nlog.level = info\n", "".join(rows), "".join(components), settings.get("dnsutil.dnsOverride", "")]
    seeds.add("config", "\n%%\n".join(parts).encode())


def add_openfire(seeds):
    """what databases wrote of Openfire's tables: the parts that have rows, and small ones of each kind"""
    openfire = os.path.join(os.path.dirname(HERE), "openfire")
    for number, path in enumerate(sorted(glob.glob(openfire + "/**/*.*", recursive=True))):
        with open(path, "rb") as file:
            data = file.read()
        how = bytes([48 + (9 if path.endswith("script") else 1) + 2 * (number % 2)])
        for at in range(0, len(data), 1500):
            if at == 0 or b"of" in data[at:at + 1500].lower():
                seeds.add("openfire_import", how + data[at:at + 3000])
        for line in data.splitlines(True):
            if b"INSERT" in line:
                seeds.add("openfire_import", how + line)


def add_bounds(seeds, sample):
    """each number at its bounds and beside them, by what the sample file says of it"""
    section = bounds = ""
    for line in sample.splitlines():
        found = re.search(r"whole number from (-?\d+) to (\d+)", line)
        if line.startswith("["):
            section = line
        elif found:
            bounds = found
        elif bounds and "=" in line and not line.startswith("#"):
            for number in (int(bounds.group(1)) - 1, int(bounds.group(1)), int(bounds.group(2)), int(bounds.group(2)) + 1):
                seeds.add("config", ("%s\n%s = %d\n" % (section, line.split()[0], number)).encode())
            bounds = ""
    for number in (-1, 0, 65535, 65536):
        seeds.add("config", ("\n%%%%\n\n%%%%\n[a.example]\nremotePort = %d\npermission = blocked\nsecurity = certificate\n" % number).encode())
    for odd in ("\ufffe", "\u202e", "\x1b", "\U0001f600", "\xe4"):
        seeds.add("config", ("[xmpp.server]\nname = a%sb\n" % odd).encode())
    for length in (900, 901, 1000, 1001):
        name = ".".join(["a" * 49] * 20)[:length]
        seeds.add("config", ("[xmpp.server]\nname = %s\n[s2s]\ncontact.abuse = %s\n" % (name[:50], "u" * length)).encode())
        seeds.add("config", ("[xmpp.component]\ndefaultSecret = %s\n" % ("s" * length)).encode())


def add_certificates(seeds):
    directory = tempfile.mkdtemp()
    try:
        pki.Pki(directory)
        for path in sorted(glob.glob(os.path.join(directory, "*.pem"))):
            with open(path) as file:
                for body in re.findall(r"-----BEGIN CERTIFICATE-----(.*?)-----END", file.read(), re.S):
                    seeds.add("certificate_identity", b"remote.test\n" + base64.b64decode(body))
    finally:
        shutil.rmtree(directory)


REQUESTS = ("status", "sessions example.net --sort=since", "sessions --sort queue -- b\u00fccher.example", "close s2sin-4f",
            "listener move 5299 direct-tls", "set xmpp.server.name \"Ex\\\"ample's \\u00fc\"", "unset s2s.log.level",
            "allow EXAMPLE.net. --port 5280", "policy whitelist", "trace xn--bcher-kva.example --stanzas --seconds=60",
            "audit --last=20", "block \"\"", "get \"\\u0000\"", "\"stat", "listener", "settings retry --changed")


FORMS = ("token=0123456789abcdef0123456789abcdef&domain=example.net&port=5269", "a=1&a=2", "a=%00", "a=%zz", "a=%4", "=x", "a", "a=%C3%BC+%2B&b=", "a=%c0%ae", "&&a=1&",
         "&".join("f%d=%d" % (number, number) for number in range(17)), "n" * 41 + "=1", "a=%ef%bf%be", "a=%ed%a0%80", "a=%7f", "a=%0d%0a%09", "a=\xff")
HOSTS = ("localhost", "localhost:9090", "127.0.0.1:9090", "[::1]:9090", "[::1", "[two.example]", "two.example", "TWO.example:1", "console.example", "evil.example",
         "two.example.evil.test", "127.0.0.1@evil.test", "localhost:x", "xn--bcher-kva.example", "B\u00dcCHER.example", "127.1", "0x7f.1", ":9090", "two.example.")
COOKIES = ("openfire-s2s=0123456789abcdef0123456789abcdef", "a=b; openfire-s2s=x; c=d", "openfire-s2s=x; openfire-s2s=y", "xopenfire-s2s=x", "openfire-s2s", ";;openfire-s2s=;",
           "openfire-s2s-door=x; openfire-s2s=y")
ORIGINS = (("http://localhost:9090", "same-origin", "localhost:9090"), ("null", "same-origin", "localhost"), ("null", "", "localhost"), ("https://two.example", "none", "two.example"),
           ("http://evil.test", "cross-site", "localhost"), ("http://localhost", "same-site", "localhost:9090"), ("HTTP://LOCALHOST", "", "localhost"),
           ("http://localhost.evil.test", "none", "localhost"), ("http://localhost:80", "none", "localhost"))
SHOWN = ("<script>x()</script>", "\"'>&lt;&amp;", "\u202eabc", "a\x01b\x7fc", "\ufffe\uffff", "\r\n\t", "\\x1b \\\\", "]]>", "b\u00fccher \u05d0 \U0001f600", "&#0;&#x202e;")
ARGUMENTS = ("domain=example.net&port=1", "domain=--port%3d1", "domain-or-stream=--sort%3dname", "setting=s2s.log.level&value=--", "setting=--&value=%22a%22", "pattern=*&host=a+b&port=7",
             "policy=WHITELIST", "listener=direct-tls&port=5299", "domain=example.net&stanzas=no&seconds=60", "domain=example.net&from=&limit=", "password=-x", "pattern=--changed",
             "domain=EXAMPLE.net.", "value=&setting=", "domain=%22example.net%22")


GATES = (  # requests that differ from the right ones: what would have to be, and is not
    ("POST", "/permissions/block", "token=$U&domain=x", {}), ("POST", "/permissions/block", "domain=x", {}), ("POST", "/permissions/block", "token=$T", {"Host": "evil.test"}),
    ("POST", "/permissions/block", "token=$T", {"Origin": "http://evil.test"}), ("POST", "/permissions/block", "token=$T", {"Sec-Fetch-Site": "cross-site"}),
    ("POST", "/permissions/block", "token=$T", {"Content-Type": "text/plain"}), ("POST", "/permissions/block", "token=$T", {"Cookie": "-"}),
    ("POST", "/permissions/block", "token=$T&token=$T", {}), ("POST", "/login", "token=$E&user=a", {"Cookie": "openfire-s2s-door=$D"}), ("POST", "/login", "token=$E", {}),
    ("POST", "/login", "token=$T", {"Cookie": "openfire-s2s-door=$D"}), ("PUT", "/", "", {}), ("HEAD", "/audit", "", {"Cookie": "openfire-s2s=$S; openfire-s2s=x"}),
    ("GET", "/", "", {"Host": "evil.test"}), ("GET", "/settings/", "", {}), ("GET", "/permissions/block", "", {}), ("POST", "/settings", "token=$T", {}), ("GET", "/settings", "", {"Cookie": "openfire-s2s=$D"}),
)


def add_request(seeds, method, path, headers, body="token=$T&domain=example.net"):
    """One to the gate, with and without TLS"""
    for secure in "01":
        lines = [method, path, "a=b"] + list(headers.values()) + [body]
        text = "\n".join(lines)
        if secure == "1":
            text = text.replace("openfire-s2s", "__Host-openfire-s2s").replace("http://", "https://")
        seeds.add("web_gate", (secure + text).encode())


def add_web(seeds):
    """Of each part of a request to the web console, and each row of its table"""
    for part, texts in (("f", FORMS), ("h", HOSTS), ("x", SHOWN)):
        for text in texts:
            seeds.add("web_request", (part + text).encode("utf-8", "surrogateescape"))
    for text in COOKIES:
        seeds.add("web_request", ("copenfire-s2s\n" + text).encode())
    for texts in ORIGINS:
        seeds.add("web_request", ("o" + "\n".join(texts)).encode())
    for text in SHOWN:
        seeds.add("web_request", b"j" + json.dumps([text, {text: [text, 1, 1.5, None, True, {}]}]).encode())
    with open(os.path.join(os.path.dirname(os.path.dirname(HERE)), "admin", "web_routes.c")) as file:
        paths = re.findall(r'[({]"(/[^"]*)"', file.read())
    right = {"Host": "localhost:9090", "Cookie": "openfire-s2s=$S", "Origin": "http://localhost:9090", "Sec-Fetch-Site": "same-origin",
             "Content-Type": "application/x-www-form-urlencoded", "X-Live": "-"}
    for path in paths:
        for method in ("GET", "POST"):
            add_request(seeds, method, path, right)
    for method, path, body, wrong in GATES:
        add_request(seeds, method, path, {**right, **wrong}, body)
    for number, path in enumerate(paths):
        for form in ("%s", "%s/", "/.%s", "%s;x", "%s%%2e"):
            seeds.add("web_request", b"r" + (form % path).encode())
        for text in ARGUMENTS:
            seeds.add("web_request", b"w" + bytes([number]) + text.encode())


def add_stories(seeds):
    """Of each sentence that is told, with its actor and clause, a story of one step; and of each file, one of all its steps."""
    for path in sorted(glob.glob(os.path.join(os.path.dirname(os.path.dirname(HERE)), "se*", "*.c"))):
        with open(path) as file:
            calls = re.findall(r'timeline_step\((.*?)\);', file.read(), re.S)
        steps = []
        for call in calls:
            words = re.findall(r'"((?:[^"\\]|\\.)*)"', call)
            if len(words) > 1:
                steps.append({"after_ms": 1.5, "actor": words[0], "clause": words[1], "sentence": words[-1]})
                steps.append({"after_ms": 1.5, "actor": words[0], "clause": words[1], "sentence": words[2 if len(words) > 2 else 1]})
        for each in [steps] + [[step] for step in steps]:
            seeds.add("sequence_diagram", json.dumps({"domain": "b.test", "local": "a.test", "direction": "in", "cause": "none",
                                                      "steps": each}).encode())


def main():
    seeds = Seeds(sys.argv[1])
    shutil.rmtree(seeds.directory, ignore_errors=True)
    for path in sorted(glob.glob(os.path.join(os.path.dirname(HERE), "dialog", "*.dialog"))):
        dialogue = dialog.Dialogue(path, "", False, "")
        for pieces in sent(dialogue).values():
            add_stream(seeds, pieces)
        add_files(seeds, dialogue)
    add_certificates(seeds)
    for text in CERTIFICATES:
        seeds.add("certificate_identity", text.encode())
    for text in ADDRESSES:
        seeds.add("jid", text.encode())
    for text in OVERRIDES:
        seeds.add("config", ("[dnsutil]\ndnsOverride = \"%s\"\n\n%%%%\n\n%%%%\n\n%%%%\n\n%%%%\n%s" % (text, text)).encode())
    seeds.add("config", b"[upstream xn--bcher-kva.example]\nhost = 192.0.2.1\ndomains = a.example, b.example\ntls = required\n")
    for version in ("1.", ".0", "1.0.0", "999999.999999", "1234567.0", "0.1234567", "99999999999999999999.0", "1.0 ", "+1.0"):
        seeds.add("stream_header", ("<stream:stream xmlns:stream='http://etherx.jabber.org/streams' version='%s'>" % version).encode())
    for line in REQUESTS:
        seeds.add("control_request", line.encode())
    for moves in MOVES:
        seeds.add("dialback_roles", moves)
    for number, data in enumerate(UNUSUAL):
        seeds.add("xmpp_packet_reader", b"a" + bytes([48 + number]) + data)
        seeds.add("xmpp_packet_reader", b"q0" + data)  # behind many names
        seeds.add("xmpp_packet_reader", b"i0" + data)  # of a component
    for number in range(30):
        seeds.add("xmpp_packet_reader", b"\xe10" + b"".join(hashlib.sha256(bytes([number, k])).digest() for k in range(number % 5 + 1)))
    for choices in b"0123456789":
        seeds.add("stream_header", b"=" + bytes([choices]) + b"s2s.test\nremote.test\nid<&>'\"\nde")
        seeds.add("dialback_element", b"=" + bytes([choices]) + b"s2s.test\nremote.test\nid<&>'\"\nkey\ntext of an error")
    with open(os.path.join(os.path.dirname(os.path.dirname(HERE)), "openfire-s2s.conf")) as file:
        sample = file.read()
    add_bounds(seeds, sample)
    add_openfire(seeds)
    add_stories(seeds)
    add_web(seeds)
    for at in range(0, len(sample), 3000):
        seeds.add("config", sample[at:at + 3500].encode())


if __name__ == "__main__":
    main()
