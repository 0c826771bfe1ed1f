#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""console.py - the web console as a person has it: in Debian's headless Chromium, with a mouse, with keys alone, on a telephone

One server of ours with real remote servers around it, and browsers that each case drives. Whatever a case does: no error and no warning
on the browser's console, no request that fails, no request to anything but the console. Pictures of all that was seen are left
in build/browser/.

As root, the server and the browsers are on a host of their own (a network namespace), and Debian's Prosody is on another, with one
domain whose certificate is good and one whose certificate has expired; without it those cases are counted as skipped. Without
Chromium all are. Prints `ok name`, `FAILED name: why` or `skipped name: why` for each case, then `N passed, N failed, N skipped`.
"""
import argparse
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), "interop")]
import hosts  # noqa: E402
import peers  # noqa: E402
import pki  # noqa: E402
import webdriver  # noqa: E402
from ports import free_ports  # noqa: E402
from two_servers import LIMIT, Server, Stream  # noqa: E402
from webdriver import ENTER, SHIFT, TAB, WebDriverError  # noqa: E402

PASSWORD = "a rather long password"
PICTURES = os.path.join(ROOT, "build", "browser")
PHONE = 390
PAGES = ("/", "/server-to-server", "/sessions", "/sessions/details?domain-or-stream=%(peer)s", "/components", "/failures", "/explain?domain=%(peer)s",
         "/check", "/trace", "/dns-overrides", "/settings", "/settings?changed=yes", "/settings/edit?setting=xmpp.server.tls.policy", "/audit",
         "/counters", "/commands", "/account")

# Every text that is shown: how much it stands out against what is behind it (WCAG 2.2, 1.4.3), where that is too little.
CONTRAST = """
function colour(text) {
    const part = text.match(/[\\d.]+/g).map(Number);
    return [part[0], part[1], part[2], part.length > 3 ? part[3] : 1];
}
function over(front, back) {
    return [0, 1, 2].map(i => front[i] * front[3] + back[i] * (1 - front[3])).concat([1]);
}
function light(c) {
    const f = c.slice(0, 3).map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2];
}
function behind(element) {
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
        layers.push(colour(getComputedStyle(e).backgroundColor));
        if (layers[layers.length - 1][3] === 1)
            break;
    }
    let ground = matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18, 1] : [255, 255, 255, 1];
    while (layers.length)
        ground = over(layers.pop(), ground);
    return ground;
}
const faults = [];
let seen = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node; (node = walker.nextNode());) {
    const element = node.parentElement;
    if (!node.data.trim() || !element.checkVisibility({visibilityProperty: true, opacityProperty: true}) || element.matches(':disabled, option'))
        continue;
    const style = getComputedStyle(element), ground = behind(element);
    const fill = element.namespaceURI.endsWith('svg') ? style.fill : style.color;
    const a = light(over(colour(fill), ground)), b = light(ground);
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && parseInt(style.fontWeight) >= 700);
    seen++;
    if (contrast < (large ? 3 : 4.5))
        faults.push(node.data.trim().slice(0, 40) + ': ' + contrast.toFixed(2));
}
return [seen, faults];
"""


class Skipped(Exception):
    pass


# --- what there is to talk to


class Here:
    """A server of ours on this machine's loopback, with nobody else: for who is not root."""
    address = "127.0.4.1"
    prosody = None

    def __init__(self, directory, binary):
        self.console, self.port = free_ports(1)[0], free_ports(1, self.address)[0]
        self.binary, self.directory = binary, directory
        self.settings = {"xmpp.server.socket.port": str(self.port), "xmpp.server.socket.ssl.active": "false", "adminConsole.port": str(self.console),
                         "adminConsole.securePort": "0", "xmpp.server.certificate.file": "none"}

    def start(self):
        self.server = Server(self.binary, self.directory, "s2s.test", self.address, self.settings)
        self.server.wait_log("serves s2s.test")

    def stop(self):
        self.server.stop()

    def remove(self):
        if self.server.process.poll() is None:
            self.server.process.kill()
            self.server.process.wait()

    def tool(self, *words):
        return subprocess.run([self.binary + "ctl", "-c", self.server.conf, *words], check=True, stdout=subprocess.PIPE, timeout=LIMIT).stdout.decode()


class Hosts(Here):
    """The same on a host of its own, and Prosody on another."""
    address = "10.99.0.2"

    def __init__(self, directory, binary):
        self.network = hosts.Network(directory)
        ours, theirs = self.network.add("ours", 2), self.network.add("prosody", 3)
        authority = pki.Pki(os.path.join(directory, "pki"))
        late = {"start": authority.now - pki.LONG_AGO, "end": authority.now - pki.DAY}
        authority.issue("s2s.test", pki.all_forms("s2s.test"))
        for domain, more in zip(peers.Prosody.domains, ({}, late)):
            authority.issue(domain, pki.all_forms(domain), **more)
        self.prosody = peers.Prosody(theirs, directory, "external", authority)
        self.network.serve_names({"s2s.test": ours, **dict.fromkeys(peers.Prosody.domains, theirs)}, public={"ours": self.address})
        self.prosody.start()
        enter(ours.namespace)
        super().__init__(directory, binary)
        self.port = 5269
        self.settings.update({"xmpp.server.socket.port": "5269", "xmpp.server.certificate.file": os.path.join(authority.directory, "s2s.test.pem"),
                              "xmpp.server.certificate.trust": os.path.join(authority.directory, "ca.pem"), "s2s.dns.server": "10.99.0.1"})

    def start(self):
        self.server = Server(self.binary, self.directory, "s2s.test", self.address, self.settings, "-P", "prosody.test")
        self.server.wait_log("pong from prosody.test in")

    def stop(self):
        self.prosody.stop()
        super().stop()

    def remove(self):
        super().remove()
        self.network.remove()


def enter(namespace):
    """From now on this thread, and what it starts, is on that host."""
    fd = os.open("/run/netns/" + namespace, os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(fd, 0x40000000) != 0:  # CLONE_NEWNET
        raise OSError(ctypes.get_errno(), "setns")
    os.close(fd)


# --- the cases


class Cases:
    def __init__(self, place, driver):
        self.place, self.driver = place, driver
        self.origin = "http://127.0.0.1:%d" % place.console
        self.opened = []
        self.main = None  # logged in, for the cases that want nothing special

    def browse(self, **options):
        browser = self.driver.open(origin=self.origin, **options)
        self.opened.append(browser)
        return browser

    def enter_as_person(self, browser):
        browser.open("/login")
        browser.find("#password").type(PASSWORD)
        browser.leave(browser.find("button[name=login]").click)
        assert browser.path == "/", "not logged in: " + browser.text
        return browser

    def page(self, path):
        """The one that most cases share, at this page."""
        if self.main is None:
            self.main = self.enter_as_person(self.browse())
        self.main.open(path)
        return self.main

    def picture(self, browser, name):
        browser.screenshot(os.path.join(PICTURES, name + ".png"))

    def press(self, browser, button, around=""):
        """A button by its name; what the page then says of it."""
        browser.leave(browser.find("%s button[name=%s]" % (around, button)).click)
        return browser.find("[role=status], [role=alert]").text

    def visitor(self, name):
        """A stream of another server that has not proved itself yet."""
        return Stream(self.place.server, self.place.port, sender=name)

    def connects(self, port):
        try:
            socket.create_connection((self.place.address, port), LIMIT).close()
            return True
        except ConnectionRefusedError:
            return False

    # --- log-in

    def a_log_in_is_refused_granted_and_ended(self):
        browser = self.browse()
        browser.open("/settings")
        assert browser.path.startswith("/login"), browser.path
        self.picture(browser, "login")
        browser.find("#password").type("another password")
        browser.expecting("/login", 403)
        self.press(browser, "login")
        assert browser.path == "/login", browser.path
        self.enter_as_person(browser)
        assert "Overview" in browser.find("h1").text
        self.press_and_leave(browser)
        browser.open("/sessions")
        assert browser.path.startswith("/login"), "logged out, and still at " + browser.path
        browser.back()
        assert "Sessions" not in browser.title, "a page that was seen before comes back"

    @staticmethod
    def press_and_leave(browser):
        browser.leave(browser.find("button[name=logout]").click)
        assert browser.path.startswith("/login"), browser.path

    def keys_alone_will_do(self):
        browser = self.browse()
        browser.open("/login")
        browser.run("document.activeElement.blur()")
        self.tab_to(browser, "password")
        browser.type(PASSWORD)
        browser.leave(lambda: browser.press(ENTER))
        assert browser.path == "/", "not logged in: " + browser.text
        browser.open("/server-to-server")
        browser.press(TAB)  # past the navigation
        assert browser.active().attribute("class") == "skip", browser.active().text
        browser.press(ENTER)
        browser.wait("the link to the contents leads nowhere", lambda: browser.path.endswith("#content"))
        self.tab_to(browser, "block-domain")
        browser.type("by-keys.test")
        browser.leave(lambda: browser.press(ENTER))
        browser.find("[role=status]")
        assert [each for each in browser.find_all("tr") if "by-keys.test" in each.text], "not in the list"
        self.tab_until(browser, lambda: "by-keys.test" in browser.active().text and browser.active().attribute("name") == "remove")
        browser.press((SHIFT, TAB), TAB)
        browser.leave(lambda: browser.press(" "))
        assert "by-keys.test" not in "".join(each.text for each in browser.find_all("tbody")), "still there"

    def tab_to(self, browser, identifier):
        self.tab_until(browser, lambda: browser.active().attribute("id") == identifier)

    @staticmethod
    def tab_until(browser, reached):
        """By Tab alone; whatever has the focus shows it."""
        for _ in range(120):
            browser.press(TAB)
            look = browser.run("const e = document.activeElement, s = getComputedStyle(e);"
                               "return [e.outerHTML.slice(0, 100), e === document.body || e.matches('main') || "
                               "(s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0) || s.boxShadow !== 'none']")
            assert look[1], "no sign of the focus on " + look[0]
            if reached():
                return
        raise AssertionError("Tab never leads there; last it was at " + look[0])

    # --- what it looks like

    def every_page_is_whole_in_light_and_dark_wide_and_narrow(self):
        browser = self.page("/")
        visitor = self.visitor("seen.test")
        peer = "prosody.test" if self.place.prosody else "seen.test"
        faults = []
        try:
            for path in PAGES:
                path = path % {"peer": peer}
                for scheme, width in (("light", 1200), ("dark", PHONE)):
                    browser.prefer(scheme)
                    browser.resize(width, 844)
                    browser.open(path)
                    browser.find("h1")
                    name = "%s-%s-%d" % (path.strip("/").split("?")[0].replace("/", "-") or "overview", scheme, width)
                    self.picture(browser, name)
                    seen, low = browser.run(CONTRAST)
                    wide = browser.run("return document.documentElement.scrollWidth")
                    faults += ["%s: %s" % (name, each) for each in low[:5]]
                    if wide > width:
                        faults.append("%s is %d wide" % (name, wide))
                    if seen < 10:
                        faults.append("%s has %d texts" % (name, seen))
        finally:
            visitor.close()
            browser.prefer("light")
            browser.resize(1200, 900)
        assert not faults, "\n".join(faults)

    def a_telephone_has_its_menu(self):
        browser = self.enter_as_person(self.browse(width=PHONE, height=844))
        link = browser.find("nav a[href='/sessions']")
        assert not link.shown, "the navigation stands in the way"
        browser.find("a.menu").click()
        browser.wait("the menu does not open", lambda: link.shown)
        self.picture(browser, "menu-%d" % PHONE)
        link.click()
        browser.wait("it leads nowhere", lambda: browser.path.startswith("/sessions"))

    def what_changes_is_seen_without_loading_again(self):
        browser = self.page("/sessions")
        browser.run("window.same = true")
        visitor = self.visitor("live.test")
        browser.wait_text("live.test")
        visitor.send("</stream:stream>")
        visitor.close()
        browser.wait("it stays", lambda: "live.test" not in browser.text)
        assert browser.run("return window.same") is True, "the page was loaded again"

    # --- what it does

    def the_listener_is_switched_off_and_on(self):
        browser = self.page("/server-to-server")
        assert self.connects(self.place.port)
        self.press(browser, "disable", "form[action='/listeners/disable']")
        self.picture(browser, "listener-off")
        assert not self.connects(self.place.port), "it still listens"
        assert "closed" in browser.find("section h2").text, browser.find("section h2").text
        self.press(browser, "enable", "form[action='/listeners/enable']")
        assert self.connects(self.place.port), "it does not listen again"

    def the_port_is_moved(self):
        browser, other = self.page("/server-to-server"), free_ports(1, self.place.address)[0]
        visitor = self.visitor("stays.test")
        browser.find("#port-server").type(str(other))
        self.press(browser, "move", "form:has(#port-server)")
        assert self.connects(other) and not self.connects(self.place.port)
        self.picture(browser, "port-moved")
        taken = socket.create_server((self.place.address, 0))
        browser.find("#port-server").type(str(taken.getsockname()[1]))
        assert self.press(browser, "move", "form:has(#port-server)"), "nothing is said of a port that is taken"
        assert browser.find_all("[role=alert]"), "a port that is taken is no error"
        assert self.connects(other), "it has left its port for one that is taken"
        taken.close()
        browser.find("#port-server").type(str(self.place.port))
        self.press(browser, "move", "form:has(#port-server)")
        assert self.connects(self.place.port) and not self.connects(other)
        visitor.send("</stream:stream>")
        assert visitor.read_to_end().endswith("</stream:stream>"), "its stream was lost"
        visitor.close()

    def a_domain_is_blocked_and_its_session_closes(self):
        name = "prosody.test" if self.place.prosody else "blocked.test"
        visitor = None if self.place.prosody else self.visitor(name)
        watcher = self.page("/sessions")
        watcher.wait_text(name)
        browser = self.enter_as_person(self.browse())
        browser.open("/server-to-server")
        browser.find("#block-domain").type(name)
        self.press(browser, "block")
        watcher.wait("its session stays", lambda: name not in watcher.find("#sessions").text)
        self.picture(browser, "blocked")
        if visitor is not None:
            assert visitor.read_to_end().endswith("</stream:stream>")
        assert name in self.place.tool("permissions"), "it is not blocked for the server"
        browser.open("/audit")
        browser.wait_text("block[^/]*" + name.replace(".", r"\."))
        browser.open("/server-to-server")
        remove = [each for each in browser.find_all("button[name=remove]") if name in each.text]
        browser.leave(remove[0].click)
        assert "blocked" not in self.place.tool("--json", "permissions"), "still blocked"

    def a_setting_is_changed_and_taken_back(self):
        browser = self.page("/settings/edit?setting=s2s.retry.first")
        browser.find("[name=value]").type("4321")
        self.press(browser, "save")
        assert "4321" in self.place.tool("get", "s2s.retry.first")
        browser.open("/settings/edit?setting=s2s.retry.first")
        browser.find("[name=value]").type("never")
        self.press(browser, "save")
        assert browser.find_all("[role=alert]"), "nonsense was taken"
        browser.open("/settings/edit?setting=s2s.retry.first")
        self.press(browser, "unset")
        assert "4321" not in self.place.tool("get", "s2s.retry.first")

    def what_others_write_stays_text(self):
        browser = self.page("/")
        self.place.tool("block", "evil.test")
        stream = Stream.__new__(Stream)
        stream.socket, stream.received = socket.create_connection((self.place.address, self.place.port), LIMIT), b""
        stream.socket.settimeout(LIMIT)
        stream.send("<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' "
                    "from='evil.test' to='s2s.test' version='1.0' id=\"&lt;img src=x onerror='window.pwned=1'>&lt;script>pwned=1&lt;/script>\">")
        stream.read_to_end()
        stream.close()
        for path in ("/failures", "/explain?domain=evil.test", "/sessions", "/audit"):
            browser.open(path)
            browser.run("document.querySelectorAll('details').forEach(each => { each.open = true })")
            assert browser.run("return [window.pwned, document.querySelectorAll('img[src=x]').length]") == [None, 0], path
        browser.open("/explain?domain=evil.test")
        browser.run("document.querySelectorAll('details').forEach(each => { each.open = true })")
        assert "<script>" in browser.text, "it is not shown at all"
        self.wait_for_pictures(browser)
        browser.open(browser.find(".diagram a").attribute("href"))
        assert browser.run("return [window.pwned, document.querySelectorAll('script').length]") == [None, 0]
        self.place.tool("remove", "evil.test")

    def wait_for_pictures(self, browser):
        browser.run("document.querySelectorAll('img').forEach(each => { each.loading = 'eager' })")
        browser.wait("a picture does not come", lambda: browser.run(
            "return document.images.length > 0 && [...document.images].every(each => each.complete && each.naturalWidth > 0)"))

    # --- with a real server at the other end

    def need_prosody(self):
        if self.place.prosody is None:
            raise Skipped("it wants Prosody, network namespaces and root")

    def test(self, browser, domain):
        """The connection test of a domain: its last sentence."""
        browser.open("/check")
        browser.find("#domain").type(domain)
        browser.find("button[name=check]").click()
        browser.wait("it never ends", lambda: browser.find_all("p.said.good, p.said.bad, p.said.warn"), 3 * LIMIT)
        return browser.find("p.said.good, p.said.bad, p.said.warn")

    def a_connection_test_succeeds(self):
        self.need_prosody()
        browser = self.page("/check")
        said = self.test(browser, "prosody.test")
        assert "good" in said.attribute("class") and "prosody.test" in said.text, said.text
        steps = browser.find("ol.steps").text
        for word in ("dns", "connect", "tls", "certificate", "sasl", "ping"):
            assert word in steps, "no %s in %s" % (word, steps)
        self.picture(browser, "check-good")

    def a_connection_test_finds_what_is_broken(self):
        self.need_prosody()
        browser = self.page("/check")
        said = self.test(browser, "prosody2.test")
        assert "bad" in said.attribute("class") and "certificate has expired" in said.text, said.text
        self.picture(browser, "check-broken")
        browser.find("a[href^='/explain']").click()
        browser.wait("no explanation", lambda: "prosody2.test" in browser.find("h1").text)

    def a_handshake_is_read_in_its_diagram(self):
        self.need_prosody()
        browser = self.page("/explain?domain=prosody.test")
        browser.find("details.record summary").click()
        self.wait_for_pictures(browser)
        self.picture(browser, "explain-with-diagram")
        grounds = [self.ground_of_picture(browser, scheme) for scheme in ("light", "dark")]
        assert grounds[0] > 200 and grounds[1] < 60, "it is not dark where all is dark: %s" % grounds
        path = browser.find(".diagram a").attribute("href")
        browser.open(path)
        assert "prosody.test" in browser.find("title").property("textContent")
        words = [each.property("textContent") for each in browser.find_all("text")]
        for word in ("this server", "other server", "<stream:stream>", "<starttls/>", "<proceed/>", "TLS handshake", "certificate check",
                     '<auth mechanism="EXTERNAL">', "<success/>", "It went well"):
            assert word in words, "no '%s' in %s" % (word, words)
        self.picture(browser, "diagram")
        browser.resize(PHONE, 844)
        browser.open(path)
        share = browser.run("return document.documentElement.getBoundingClientRect().width / innerWidth")
        browser.resize(1200, 900)
        assert 0.9 < share <= 1, "on a telephone it takes %.2f of the width" % share

    @staticmethod
    def ground_of_picture(browser, scheme):
        """How light its corner is, from 0 to 255."""
        browser.prefer(scheme)
        return browser.run("const canvas = document.createElement('canvas'), image = document.querySelector('.diagram img');"
                           "canvas.width = canvas.height = 4; const paper = canvas.getContext('2d');"
                           "paper.drawImage(image, 0, 0, image.naturalWidth, image.naturalHeight);"
                           "return Math.max(...paper.getImageData(1, 1, 1, 1).data.slice(0, 3))")

    def scripts_are_not_needed(self):
        browser = self.enter_as_person(self.browse(scripts=False))
        browser.open("/server-to-server")
        browser.find("#allow-domain").type("plain-html.test")
        self.press(browser, "allow")
        assert "plain-html.test" in self.place.tool("permissions")
        remove = [each for each in browser.find_all("button[name=remove]") if "plain-html.test" in each.text]
        browser.leave(remove[0].click)
        assert "plain-html.test" not in self.place.tool("permissions"), "it stays"
        for path in PAGES:
            browser.open(path % {"peer": "prosody.test"})
            assert browser.find("h1").text and browser.run("return typeof window.consoleRuns") == "undefined"
        if self.place.prosody:
            said = self.test(browser, "prosody.test")
            assert "good" in said.attribute("class"), said.text
        self.picture(browser, "without-scripts")
        self.press_and_leave(browser)

    # --- all of it

    def run(self, name):
        word, why = "ok", ""
        try:
            getattr(self, name)()
        except Skipped as reason:
            word, why = "skipped", str(reason)
        except (AssertionError, OSError, ValueError, KeyError, IndexError, WebDriverError, subprocess.SubprocessError) as error:
            word, why = "FAILED", "%s: %s" % (type(error).__name__, error)
        faults = []
        for browser in self.opened:
            if word == "FAILED":
                self.picture(browser, "FAILED-%s-%d" % (name, self.opened.index(browser)))
            faults += browser.faults()
            if browser is not self.main:
                browser.close()
        self.opened = [each for each in self.opened if each is self.main]
        if faults:
            word, why = "FAILED", "; ".join([why] * (word == "FAILED") + faults)
        print("%s %s%s" % (word, name, ": " + why if why else ""), flush=True)
        return word


HELPERS = ("browse", "enter_as_person", "page", "picture", "press", "visitor", "connects", "press_and_leave", "tab_to", "tab_until", "wait_for_pictures",
           "need_prosody", "test", "ground_of_picture", "run")
NAMES = [name for name in vars(Cases) if not name.startswith("_") and name not in HELPERS]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="./openfire-s2s")
    parser.add_argument("--only", default="")
    parser.add_argument("--keep", action="store_true", help="leave the directory")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    names = [name for name in NAMES if options.only in name]
    if not webdriver.is_installed():
        print("skipped all: chromium and chromium-driver are not installed\n0 passed, 0 failed, %d skipped" % len(names))
        return 0
    shutil.rmtree(PICTURES, ignore_errors=True)
    os.makedirs(PICTURES)
    directory, place, driver = tempfile.mkdtemp(), None, None
    has_peers = os.getuid() == 0 and os.path.exists(peers.Prosody.program) and shutil.which("dnsmasq") and hosts.are_possible()
    try:
        began = time.monotonic()
        place = (Hosts if has_peers else Here)(directory, os.path.abspath(options.binary))
        place.start()
        place.tool("console", "password", PASSWORD)
        driver = webdriver.Driver(directory)
        print("# all is up after %.1f s" % (time.monotonic() - began))
        cases = Cases(place, driver)
        results = [cases.run(name) for name in names]
        place.stop()
    finally:
        if driver is not None:
            driver.stop()
        if place is not None:
            place.remove()
        if options.keep:
            print(directory)
        else:
            shutil.rmtree(directory, ignore_errors=True)
    print("%d passed, %d failed, %d skipped" % tuple(results.count(word) for word in ("ok", "FAILED", "skipped")))
    return 1 if "FAILED" in results else 0


if __name__ == "__main__":
    sys.exit(main())
