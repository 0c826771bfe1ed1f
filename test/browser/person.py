# SPDX-License-Identifier: Apache-2.0
"""person.py - what somebody does with the web console in a browser, and what is looked at there; the cases of console.py are made of it"""
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from two_servers import LIMIT, Stream  # noqa: E402
from webdriver import TAB, WebDriverError  # noqa: E402

PASSWORD = "a rather long password"
PICTURES = os.path.join(ROOT, "build", "browser")
GRAPH_TOP, GRAPH_FOOT = 8, 150  # of what is drawn
GRAPHS = """
return [...document.querySelectorAll('.chart')].map(chart => [
    chart.querySelector('figcaption > b').textContent, chart.querySelector('.axis span:nth-child(2)').textContent.replace('top: ', ''),
    [...chart.querySelectorAll('.key')].map((key, i) => [
        key.firstChild.data.trim(), key.querySelector('b').textContent,
        [...chart.querySelectorAll('polyline')[i].points].map(point => point.y)])]);
"""
with open(os.path.join(HERE, "look.js")) as script:
    LOOK = script.read()


FAILURES = (AssertionError, OSError, ValueError, LookupError, AttributeError, WebDriverError, http.client.HTTPException, subprocess.SubprocessError)


class Skipped(Exception):
    pass


class Person:
    """Runs cases, which are methods of the class that inherits from this one."""

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
        """The one that most cases share, at this page; what is live there is so ten times as fast."""
        if self.main is None:
            self.main = self.enter_as_person(self.browse(haste=10))
        self.main.open(path)
        return self.main

    def picture(self, browser, name):
        browser.screenshot(os.path.join(PICTURES, name + ".png"))

    def press(self, browser, button, around=""):
        """A button by its name; what the page then says of it."""
        browser.leave(lambda: browser.click("%s button[name=%s]" % (around, button)))
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

    @staticmethod
    def press_and_leave(browser):
        browser.leave(browser.find("button[name=logout]").click)
        assert browser.path.startswith("/login"), browser.path

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

    def wait_for_pictures(self, browser):
        browser.run("document.querySelectorAll('img').forEach(each => { each.loading = 'eager' })")
        browser.wait("a picture does not come", lambda: browser.run(
            "return document.images.length > 0 && [...document.images].every(each => each.complete && each.naturalWidth > 0)"))

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

    @staticmethod
    def number_shown(text):
        """Bytes have units of a thousand."""
        number, unit = re.fullmatch(r"([\d.]+)(?: (k|M|G)?B/s)?", text.strip()).groups()
        return float(number) * {None: 1, "k": 1e3, "M": 1e6, "G": 1e9}[unit]

    def graphs(self, browser):
        """Of each graph each line: the value beside its name, the top of the graph, and how high each point is drawn."""
        graphs = {}
        for title, top, lines in browser.run(GRAPHS):
            graphs[title] = {}
            for name, value, points in lines:
                heights = [self.number_shown(top) * (GRAPH_FOOT - y) / (GRAPH_FOOT - GRAPH_TOP) for y in points]
                graphs[title][name] = {"value": self.number_shown(value), "top": self.number_shown(top), "heights": heights}
        return graphs

    def graphs_say_who_is_there(self, browser):
        """The graphs, once that of the sessions has as many as the tool counts now."""
        sessions, graphs = json.loads(self.place.tool("--json", "status"))["sessions"], self.graphs(browser)
        return graphs if graphs["Sessions"]["in"]["value"] == sessions["incoming"] else None

    @staticmethod
    def row_of(browser, domain, table=""):
        """What its row of the table says, or None."""
        return next((each for each in browser.texts(table + " tbody tr") if domain in each), None)

    def override(self, browser, pattern, host, port):
        for field, value in (("pattern", pattern), ("host", host), ("port", port)):
            browser.find("#" + field).type(value)
        self.press(browser, "save-override")

    def fails(self, browser, domain):
        """An attempt to reach it, asked for on the page that explains it, fails; its row in the list."""
        browser.open("/explain?domain=" + domain)
        self.press(browser, "retry")
        assert browser.path == "/failures", browser.path
        return browser.wait("no failure of " + domain, lambda: self.row_of(browser, domain, "#failures"))

    @staticmethod
    def ground_of_picture(browser):
        """How light its corner is, from 0 to 255."""
        return browser.run("const canvas = document.createElement('canvas'), image = document.querySelector('details[open] > .diagram img');"
                           "canvas.width = canvas.height = 4; const paper = canvas.getContext('2d');"
                           "paper.drawImage(image, 0, 0, image.naturalWidth, image.naturalHeight);"
                           "return Math.max(...paper.getImageData(1, 1, 1, 1).data.slice(0, 3))")

    def run(self, name):
        word, why, began = "ok", "", time.monotonic()
        try:
            getattr(self, name)()
        except Skipped as reason:
            word, why = "skipped", str(reason)
        except FAILURES as error:
            word, why = "FAILED", "%s: %s" % (type(error).__name__, error)
        faults = []
        for browser in self.opened:
            try:
                if word == "FAILED":
                    self.picture(browser, "FAILED-%s-%d" % (name, self.opened.index(browser)))
                faults += browser.faults()
            except FAILURES as error:
                faults.append("the browser does not answer: %s" % error)
            if browser is not self.main:
                browser.close()
        self.opened = [each for each in self.opened if each is self.main]
        if faults:
            word, why = "FAILED", "; ".join([why] * (word == "FAILED") + faults)
        print("%s %s (%.1f s)%s" % (word, name, time.monotonic() - began, ": " + why if why else ""), flush=True)
        return word
