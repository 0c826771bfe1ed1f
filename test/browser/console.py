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
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import webdriver  # noqa: E402
import wrong_pages  # noqa: E402
from person import LOOK, PASSWORD, PICTURES, Person  # noqa: E402
from places import Here, Hosts  # noqa: E402
from ports import free_ports  # noqa: E402
from two_servers import LIMIT, Stream  # noqa: E402
from webdriver import ENTER, SHIFT, TAB  # noqa: E402

PHONE = 390
WENT_WELL = "details.record:has(> summary .state.good)"
PAGES = {  # what their pictures are called
    "/": "overview", "/server-to-server": "server-to-server", "/sessions": "sessions",
    "/sessions/details?domain-or-stream=%(peer)s": "session-details", "/components": "components", "/failures": "failures",
    "/explain?domain=%(peer)s": "explain", "/explain?domain=refused.test": "explain-failure", "/check": "check", "/trace": "trace",
    "/dns-overrides": "dns-overrides", "/settings": "settings", "/settings?changed=yes": "settings-changed",
    "/settings?pattern=nothing-of-that-name": "settings-none", "/settings/edit?setting=xmpp.server.tls.policy": "setting", "/audit": "audit",
    "/counters": "counters", "/commands": "commands", "/account": "account"}


class Cases(Person):
    # --- the tests themselves

    def what_goes_wrong_in_a_browser_is_noticed(self):
        with wrong_pages.Server() as server:
            browser = self.driver.open(origin=server.names["origin"])  # not among those that must have no faults
            browser.open("/good")
            assert not browser.faults(), "a good page is said to be wrong"
            for path, (_, sentence) in wrong_pages.PAGES.items():
                sentence, told = sentence % server.names, []
                browser.open(path)
                browser.wait("of %s it is never said '%s'" % (path, sentence), lambda: told.extend(browser.faults()) or any(
                    re.search(sentence, each) for each in told))
            browser.open("/good")
            browser.expecting("/none.png", 404)
            browser.open("/misses")
            assert not browser.faults(), "what was expected is called a fault"
            browser.open("/misses")
            assert browser.faults(), "what was expected once may happen twice"
            browser.close()

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

    # --- what it looks like

    def every_page_is_whole_in_light_and_dark_wide_and_narrow(self):
        browser, tool = self.page("/"), self.place.tool
        closed = str(free_ports(1, self.place.address)[0])
        undo = [("remove", "allowed.test"), ("remove", "blocked.test"), ("override", "remove", "refused.test"), ("unset", "s2s.retry.first")]
        for words in (("allow", "allowed.test", "--port=5299"), ("block", "blocked.test"),
                      ("override", "set", "refused.test", self.place.address, "--port=" + closed), ("set", "s2s.retry.first", "4321"),
                      ("retry", "refused.test")):
            tool(*words)
        self.visitor("left-without-proof.test").close()
        faults, visitor = [], self.visitor("seen.test")
        for name in ("refused.test", "left-without-proof.test"):
            browser.wait("the attempt did not fail", lambda: name in tool("failures"))
        try:
            for path, name in PAGES.items():
                for scheme, width in (("light", 1200), ("dark", PHONE)):
                    browser.prefer(scheme)
                    browser.resize(width, 844)
                    browser.open(path % {"peer": self.place.peer})
                    browser.find("h1")
                    self.picture(browser, "%s-%s-%d" % (name, scheme, width))
                    seen, found = browser.run(LOOK)
                    wide = browser.run("return document.documentElement.scrollWidth")
                    if wide > width:
                        found.append("it is %d wide" % wide)
                    if seen < 10:
                        found.append("it has %d texts" % seen)
                    faults += ["%s, %s, %d: %s" % (path, scheme, width, each) for each in found[:5]]
        finally:
            visitor.close()
            for words in undo:
                tool(*words)
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
        browser = self.enter_as_person(self.browse())
        browser.open("/sessions")
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

    def graphs_move_with_the_traffic(self):
        browser = self.page("/")
        browser.run("window.same = true")
        before = browser.wait("the graph does not know who is there", lambda: self.graphs_say_who_is_there(browser))
        assert list(before) == ["Sessions", "Stanzas per second", "Bytes per second"], list(before)
        visitor = self.visitor("graph.test")
        more = browser.wait("it does not know the visitor", lambda: self.graphs_say_who_is_there(browser))
        assert more["Sessions"]["in"]["value"] == before["Sessions"]["in"]["value"] + 1, "%s, and before %s" % (more, before)
        for _ in range(300):
            visitor.send("<db:verify from='graph.test' to='s2s.test' id='x'>no</db:verify>")
        self.place.tool("retry", self.place.peer)  # a ping and its answer
        for title, least in (("Bytes per second", 5000), ("Stanzas per second", 1)):
            for direction in ("in", "out"):
                browser.wait("no %s are drawn, %s" % (title.lower(), direction), lambda: len([
                    each for each in self.graphs(browser)[title][direction]["heights"] if each >= least]) > len([
                        each for each in before[title][direction]["heights"] if each >= least]))
        self.picture(browser, "graphs")
        visitor.close()
        after = browser.wait("the session stays", lambda: self.graphs_say_who_is_there(browser))
        for title, lines in after.items():
            for name, line in lines.items():
                assert len(line["heights"]) > len(before[title][name]["heights"]), "%s, %s: no more points" % (title, name)
                assert abs(line["heights"][-1] - line["value"]) <= 0.02 * line["top"] + 1, "%s, %s: drawn is not what is said: %s" % (title, name, line)
        assert browser.run("return window.same") is True, "the page was loaded again"

    def a_server_is_asked_what_it_runs(self):
        browser = self.page("/sessions/details?domain-or-stream=" + self.place.peer)
        said = self.press(browser, "software", "#streams")
        assert re.search(re.escape(self.place.peer) + r" runs Prosody \S+", said), said
        assert re.search(r"Software\s+Prosody ", browser.find("#streams").text), browser.find("#streams").text
        self.picture(browser, "session-software")

    def a_domain_is_blocked_and_its_session_closes(self):
        name = self.place.peer
        watcher = self.page("/sessions")
        watcher.wait_text(name)
        browser = self.enter_as_person(self.browse())
        browser.open("/server-to-server")
        browser.find("#block-domain").type(name)
        self.press(browser, "block")
        watcher.wait("its session stays", lambda: name not in watcher.find("#sessions").text)
        self.picture(browser, "blocked")
        assert name in self.place.tool("permissions"), "it is not blocked for the server"
        browser.open("/audit")
        browser.wait_text("block[^/]*" + name.replace(".", r"\."))
        browser.open("/server-to-server")
        remove = [each for each in browser.find_all("button[name=remove]") if name in each.text]
        browser.leave(remove[0].click)
        assert "blocked" not in self.place.tool("--json", "permissions"), "still blocked"

    def a_failed_attempt_is_listed_tried_again_and_blocked(self):
        browser, tool = self.page("/failures"), self.place.tool
        tool("override", "set", "nobody.test", self.place.address, "--port=%d" % free_ports(1, self.place.address)[0])
        row = self.fails(browser, "nobody.test")
        for words in ("we to them", "connection refused"):
            assert words in row.lower(), row
        assert "2 times" not in row, row
        self.press(browser, "retry", "#failures tr:has(a[href*='nobody.test'])")
        browser.wait("it was not tried again", lambda: "2 times" in self.row_of(browser, "nobody.test", "#failures"))
        self.picture(browser, "failures-one")
        browser.leave(lambda: browser.click("#failures a[href*='nobody.test']"))
        assert "refused" in browser.find("p.said.bad").text.lower(), browser.find("p.said.bad").text
        assert browser.find_all("details.record[open] .diagram img"), "the last failure is not shown at once"
        self.wait_for_pictures(browser)
        self.picture(browser, "explain-refused")
        browser.open("/failures")
        said = self.press(browser, "block", "#failures tr:has(a[href*='nobody.test'])")
        assert "nobody.test may not connect" in said, said
        assert "nobody.test" in tool("permissions")
        tool("remove", "nobody.test")
        tool("override", "remove", "nobody.test")

    def a_dns_override_leads_elsewhere_until_it_is_removed(self):
        browser, address = self.page("/dns-overrides"), self.place.address
        before = browser.texts("tbody tr th")
        with socket.create_server((address, 0)) as elsewhere:
            elsewhere.settimeout(LIMIT)
            port = str(elsewhere.getsockname()[1])
            self.override(browser, "moved.test", address, port)
            assert port in self.row_of(browser, "moved.test")
            self.picture(browser, "dns-override")
            browser.open("/explain?domain=moved.test")
            self.press(browser, "retry")
            stream, _ = elsewhere.accept()
            stream.settimeout(LIMIT)
            asked = b""
            while b"to='moved.test'" not in asked and b'to="moved.test"' not in asked:
                data = stream.recv(4096)
                assert data, "somebody came who did not want moved.test: %r" % asked
                asked += data
            stream.close()
        browser.open("/dns-overrides")
        for pattern, host in (("a{b}.test", address), ("fine.test", "{x}"), ("fine.test,y", address)):
            self.override(browser, pattern, host, "5269")
            assert browser.find_all("[role=alert]"), "%s, %s: nonsense was taken" % (pattern, host)
            assert sorted(browser.texts("tbody tr th")) == sorted([*before, "moved.test"]), browser.find("tbody").text
        self.override(browser, "moved.test", address, "5299")
        assert "5299" in self.row_of(browser, "moved.test"), browser.find("tbody").text
        assert sorted(browser.texts("tbody tr th")) == sorted([*before, "moved.test"]), "changed, it stands there twice"
        self.press(browser, "remove", "tr:has(input[value='moved.test'])")
        assert "moved.test" not in browser.find("tbody").text and "moved.test" not in self.place.tool("overrides")
        browser.open("/audit")
        said = browser.find("tbody tr").text
        for words in ("admin", "override remove", "moved.test", "5299"):
            assert words in said, "the audit log does not say '%s': %s" % (words, said)

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

    # --- with a real server at the other end

    def a_connection_test_succeeds(self):
        self.need_prosody()
        browser = self.page("/check")
        said = self.test(browser, "prosody.test")
        assert "good" in said.attribute("class") and "prosody.test" in said.text, said.text
        steps = browser.find("ol.steps").text
        for word in ("dns", "connect", "tls", "certificate", "sasl", "ping"):
            assert word in steps, "no %s in %s" % (word, steps)
        self.picture(browser, "check-good")

    def a_connection_test_is_watched_and_ended(self):
        browser = self.page("/check")
        with socket.create_server((self.place.address, 0)) as silent:  # the kernel accepts, and nobody ever answers
            self.place.tool("override", "set", "silent.test", self.place.address, "--port=%d" % silent.getsockname()[1])
            browser.find("#domain").type("silent.test")
            browser.leave(browser.find("button[name=check]").click)
            assert browser.path.startswith("/check/progress?job="), browser.path
            browser.run("window.same = true")
            browser.wait("the connection is not shown", lambda: "connected" in browser.find("ol.steps").text)
            browser.wait("it has ended already", lambda: browser.find("p.said .busy").shown)
            assert browser.run("return window.same") is True, "the page was loaded again"
            self.picture(browser, "check-runs")
            self.press(browser, "end")
            browser.wait("it goes on", lambda: not browser.find_all("p.said .busy"))
            assert not browser.find_all("button[name=end]"), browser.text
        self.place.tool("override", "remove", "silent.test")

    def a_connection_test_finds_what_is_broken(self):
        self.need_prosody()
        browser = self.page("/check")
        said = self.test(browser, "prosody2.test")
        assert "bad" in said.attribute("class") and "certificate has expired" in said.text, said.text
        self.picture(browser, "check-broken")
        browser.find("a[href^='/explain']").click()
        browser.wait("no explanation", lambda: "prosody2.test" in browser.find("h1").text)

    def a_failed_attempt_goes_well_the_next_time(self):
        self.need_prosody()
        browser, tool, address = self.page("/failures"), self.place.tool, self.place.address
        tool("override", "set", "prosody.test", address, "--port=%d" % free_ports(1, address)[0])
        tool("close", "prosody.test")
        self.fails(browser, "prosody.test")
        tool("override", "remove", "prosody.test")
        self.press(browser, "retry", "#failures tr:has(a[href*='prosody.test'])")
        browser.run("window.same = true")
        browser.wait("it still stands there", lambda: self.row_of(browser, "prosody.test", "#failures") is None)
        assert browser.run("return window.same") is True, "the page was loaded again"
        browser.open("/failures?all=yes")
        assert "went well since" in self.row_of(browser, "prosody.test", "#failures"), browser.text
        browser.open("/sessions")
        assert self.row_of(browser, "prosody.test"), browser.text

    def a_handshake_is_read_in_its_diagram(self):
        self.need_prosody()
        browser = self.page("/explain?domain=prosody.test")
        assert not browser.find_all("details.record[open]"), "a failure is shown as news, though it went well since"
        browser.find(WENT_WELL + " > summary").click()
        self.wait_for_pictures(browser)
        self.picture(browser, "explain-with-diagram")
        browser.prefer("dark")
        browser.wait("it is not dark where all is dark", lambda: self.ground_of_picture(browser) < 60)
        browser.prefer("light")
        browser.wait("it is not light where all is light", lambda: self.ground_of_picture(browser) > 200)
        path = browser.find(WENT_WELL + " .diagram a").attribute("href")
        browser.open(path)
        assert "prosody.test" in browser.find("title").property("textContent")
        words = [each.property("textContent") for each in browser.find_all("text")]
        for word in ("this server", "other server", "<stream:stream>", "<starttls/>", "<proceed/>", "TLS handshake", "certificate check",
                     '<auth mechanism="EXTERNAL">', "<success/>", "It went well"):
            assert word in words, "no '%s' in %s" % (word, words)
        browser.prefer("dark")
        ground = browser.run("return getComputedStyle(document.documentElement).backgroundColor")
        assert max(int(each) for each in re.findall(r"\d+", ground)[:3]) < 60, "it stands on " + ground
        self.picture(browser, "diagram-dark")
        browser.prefer("light")
        self.picture(browser, "diagram")
        browser.resize(PHONE, 844)
        browser.open(path)
        share = browser.run("return document.documentElement.getBoundingClientRect().width / innerWidth")
        browser.resize(1200, 900)
        assert 0.9 < share <= 1, "on a telephone it takes %.2f of the width" % share

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
            browser.open(path % {"peer": self.place.peer})
            assert browser.find("h1").text and browser.run("return typeof window.consoleRuns") == "undefined"
        if self.place.prosody:
            said = self.test(browser, "prosody.test")
            assert "good" in said.attribute("class"), said.text
        self.picture(browser, "without-scripts")
        self.press_and_leave(browser)

    # --- the end; nothing can come behind it

    def the_server_is_ended_and_a_page_says_that_it_is_old(self):
        watcher = self.enter_as_person(self.driver.open(origin=self.origin, haste=10))  # what fails there is looked at below
        watcher.open("/sessions")
        browser = self.page("/")
        browser.click("details:has([name=stop]) summary")
        browser.click("form[action='/server/stop'] [name=confirm]")
        browser.leave(lambda: browser.click("button[name=stop]"))
        assert browser.find("h1").text == "The server ends", browser.text
        assert self.place.server.process.wait(LIMIT) == 0
        watcher.wait_text("The server does not answer. What is shown here is old.")
        self.picture(watcher, "server-is-away")
        assert watcher.find("#sessions").shown, "what was shown is gone"
        faults = watcher.faults()
        assert faults and all("/sessions" in each and "net::ERR_" in each for each in faults), faults
        watcher.close()

NAMES = [name for name in vars(Cases) if not name.startswith("_")]


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
    try:
        began = time.monotonic()
        place = (Hosts if Hosts.are_possible() else Here)(directory, os.path.abspath(options.binary))
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
