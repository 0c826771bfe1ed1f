# SPDX-License-Identifier: Apache-2.0
"""webdriver.py - Debian's headless Chromium through its driver, by W3C WebDriver (https://www.w3.org/TR/webdriver2/)

Python's standard library only: WebDriver is JSON over HTTP. Beside what the standard has, Chromium's log of the console and of the
network (goog:loggingPrefs, se/log) and its DevTools protocol (goog/cdp/execute): how wide the screen is, whether dark is preferred,
whether scripts run. Each browser has a new empty profile, and says nothing to anybody by itself.
"""
import base64
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.parse

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
LIMIT = 20  # seconds for any one wait
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the standard's name of an element's id
QUIET = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--disable-quic", "--disable-default-apps", "--disable-domain-reliability", "--disable-dev-shm-usage",
         "--no-pings", "--hide-scrollbars", "--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--password-store=basic", "--disable-breakpad",
         "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication,InterestFeedContentSuggestions")
# Debian's Chromium begins with a search engine's page.
BLANK = {"session": {"restore_on_startup": 4, "startup_urls": ["about:blank"]}, "homepage": "about:blank", "homepage_is_newtabpage": False}
TAB, ENTER, SPACE, DOWN, SHIFT = "\ue004", "\ue007", " ", "\ue015", "\ue008"


def is_installed():
    return os.path.exists(CHROMIUM) and os.path.exists(DRIVER)


class WebDriverError(Exception):
    """What the driver refused: its error code, and its sentence."""


class Driver:
    """One chromedriver on a port of its own choice; ends what it started."""

    def __init__(self, directory):
        self.directory = directory
        self.log = open(os.path.join(directory, "chromedriver.log"), "w+")
        self.process = subprocess.Popen([DRIVER, "--port=0", "--log-level=WARNING"], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        env={**os.environ, "HOME": directory, "XDG_CONFIG_HOME": directory, "XDG_CACHE_HOME": directory})
        end, found = time.monotonic() + LIMIT, None
        while found is None:
            assert self.process.poll() is None and time.monotonic() < end, "chromedriver does not start: " + self.read_log()
            found = re.search(r"successfully on port (\d+)", self.read_log())
            time.sleep(0.02)
        self.port = int(found.group(1))
        self.browsers = []

    def read_log(self):
        with open(self.log.name) as log:
            return log.read()

    def open(self, **options):
        self.browsers.append(Browser(self, **options))
        return self.browsers[-1]

    def stop(self):
        for browser in self.browsers:
            browser.close()
        self.process.terminate()
        try:
            self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Element:
    def __init__(self, browser, name):
        self.browser, self.name = browser, name

    def call(self, method, path, body=None):
        return self.browser.call(method, "/element/%s%s" % (self.name, path), body)

    def click(self):
        self.call("POST", "/click", {})

    def type(self, text):
        self.call("POST", "/clear", {})
        self.call("POST", "/value", {"text": text})

    @property
    def text(self):
        return self.call("GET", "/text")

    @property
    def shown(self):
        return self.call("GET", "/displayed")

    def attribute(self, name):
        return self.call("GET", "/attribute/" + name)

    def property(self, name):
        return self.call("GET", "/property/" + name)


class Browser:
    """One browser with one window. `origin`: the only place that it may talk to; everything else is a failure, as is an error on its
    console or a request that fails, unless it is expected (see `expecting`). `haste`: how much sooner than they say the timers of pages
    run, so that no test has to wait for what it has not to prove."""

    def __init__(self, driver, origin, width=1200, height=900, scripts=True, haste=1):
        self.origin, self.expected = origin, []
        self.profile = tempfile.mkdtemp(dir=driver.directory)
        self.connection = http.client.HTTPConnection("127.0.0.1", driver.port, timeout=3 * LIMIT)
        self.session = None
        answer = self.request("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            "timeouts": {"pageLoad": 1000 * LIMIT, "script": 1000 * LIMIT, "implicit": 0},
            "goog:chromeOptions": {"binary": CHROMIUM, "args": [*QUIET, "--user-data-dir=" + self.profile],
                                    "prefs": BLANK}}}})
        self.session, self.process = answer["sessionId"], answer["capabilities"]["goog:processID"]
        self.resize(width, height)
        if not scripts:
            self.cdp("Emulation.setScriptExecutionDisabled", value=True)
        if haste != 1:
            self.cdp("Page.addScriptToEvaluateOnNewDocument", source="const slow = setTimeout; window.setTimeout = "
                     "(act, after, ...more) => slow(act, after / %d, ...more);" % haste)
        self.events = []  # of the network, and of the console, as far as they were fetched

    # --- the wire

    def request(self, method, path, body=None):
        self.connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
        response = self.connection.getresponse()
        value = json.loads(response.read())["value"]
        if response.status != 200:
            raise WebDriverError("%s: %s" % (value["error"], value["message"].splitlines()[0]))
        return value

    def call(self, method, path, body=None):
        return self.request(method, "/session/%s%s" % (self.session, path), body)

    def cdp(self, command, **parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def close(self):
        try:
            if self.session is not None:
                self.call("DELETE", "")
        except (OSError, http.client.HTTPException, WebDriverError):
            try:  # the driver does not do it
                os.kill(self.process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.session = None
        self.connection.close()
        shutil.rmtree(self.profile, ignore_errors=True)

    # --- pages

    def open(self, path):
        """A page of ours; returns its title."""
        self.call("POST", "/url", {"url": urllib.parse.urljoin(self.origin, path)})
        return self.title

    def back(self):
        self.call("POST", "/back", {})

    @property
    def title(self):
        return self.call("GET", "/title")

    @property
    def path(self):
        """Where it is, without the origin."""
        address = self.call("GET", "/url")
        assert address.startswith(self.origin), "it is at " + address
        return address[len(self.origin):] or "/"

    @property
    def text(self):
        """All that can be seen."""
        return self.find("body").text

    def run(self, script, *arguments):
        """A function's body; what it returns."""
        return self.call("POST", "/execute/sync", {"script": script, "args": [
            {ELEMENT: each.name} if isinstance(each, Element) else each for each in arguments]})

    def find_all(self, selector):
        return [Element(self, each[ELEMENT]) for each in self.call("POST", "/elements", {"using": "css selector", "value": selector})]

    def find(self, selector):
        """The first that there is; waits for it."""
        return self.wait("no %s" % selector, lambda: self.find_all(selector))[0]

    def texts(self, selector):
        """Of all that there are: what they say. At one moment, while parts of the page may be replaced."""
        return self.run("return [...document.querySelectorAll(arguments[0])].map(each => each.innerText)", selector)

    def click(self, selector):
        """The first that there is; what was replaced before it was reached is looked for again."""
        self.wait("no %s to click" % selector, lambda: self.find(selector).click() or True)

    def active(self):
        """What has the focus."""
        return Element(self, self.call("GET", "/element/active")[ELEMENT])

    def wait(self, what, condition, limit=LIMIT):
        """Until it is true of something; that. A page that goes away meanwhile is no matter."""
        end = time.monotonic() + limit
        while True:
            try:
                found = condition()
                if found:
                    return found
            except WebDriverError as error:
                if "stale" not in str(error) and "no such element" not in str(error) and "aborted" not in str(error):
                    raise
            assert time.monotonic() < end, "%s at %s:\n%s" % (what, self.path, self.text[:3000])
            time.sleep(0.03)

    def leave(self, act):
        """What `act` does leads to another page: waits until that is there."""
        self.run("document.documentElement.setAttribute('data-left', '')")
        act()
        self.wait("it stays on this page", lambda: self.run(
            "return !document.documentElement.hasAttribute('data-left') && document.readyState === 'complete'"))

    def wait_text(self, words):
        """Until the page says that (a pattern)."""
        return self.wait("never '%s'" % words, lambda: re.search(words, self.text))

    def press(self, *keys):
        """Keys, one after the other, as from a keyboard; of several in a tuple all but the last are held."""
        actions = []
        for key in keys:
            chord = key if isinstance(key, tuple) else (key,)
            actions += [{"type": "keyDown", "value": each} for each in chord]
            actions += [{"type": "keyUp", "value": each} for each in reversed(chord)]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def type(self, text):
        """As from a keyboard, where the focus is."""
        self.press(*text)

    # --- how it looks

    def resize(self, width, height):
        """The window, as a telephone or a screen has it."""
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)

    def prefer(self, scheme):
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def screenshot(self, path):
        """The whole page, as far as it can be scrolled."""
        size = self.cdp("Page.getLayoutMetrics")["cssContentSize"]
        shown = self.cdp("Page.captureScreenshot", captureBeyondViewport=True, clip={
            "x": 0, "y": 0, "width": max(size["width"], 1), "height": min(max(size["height"], 1), 8000), "scale": 1})
        with open(path, "wb") as file:
            file.write(base64.b64decode(shown["data"]))

    # --- what it said and did meanwhile

    def expecting(self, path, status):
        """From now on the answer to this path may have this status, once."""
        self.expected.append((path, status))

    def take_expected(self, address, status):
        for each in self.expected:
            if address == self.origin + each[0] and status == each[1]:
                self.expected.remove(each)
                return True
        return False

    def requests(self):
        """Every request up to now: (address, status, reason), status None when it failed."""
        for entry in self.call("POST", "/se/log", {"type": "performance"}):
            self.events.append(json.loads(entry["message"])["message"])
        addresses, found = {}, []
        for event in self.events:
            parameters = event["params"]
            key = parameters.get("requestId")
            if event["method"] == "Network.webSocketCreated":
                addresses[key] = parameters["url"]
            elif event["method"] == "Network.requestWillBeSent":
                if "redirectResponse" in parameters:
                    found.append((addresses[key], parameters["redirectResponse"]["status"], ""))
                addresses[key] = parameters["request"]["url"]
            elif event["method"] == "Network.responseReceived":
                found.append((parameters["response"]["url"], parameters["response"]["status"], ""))
            elif event["method"] == "Network.loadingFailed" and not parameters.get("canceled"):
                found.append((addresses.get(key, "?"), None, parameters.get("blockedReason") or parameters["errorText"]))
        return found, set(addresses.values())

    def faults(self):
        """Since the last time: what went wrong, as sentences."""
        answers, asked = self.requests()
        faults = ["a request to %s" % address for address in sorted(asked)
                  if not address.startswith((self.origin + "/", "data:", "about:", "chrome:"))]
        excused = set()
        for address, status, reason in answers:
            if status is not None and status < 400:
                continue
            if self.take_expected(address, status):
                excused.add(address)
            else:
                faults.append("the request for %s failed: %s" % (address, status or reason))
        for entry in self.call("POST", "/se/log", {"type": "browser"}):
            if entry["level"] in ("SEVERE", "WARNING") and not any(entry["message"].startswith(address + " ") for address in excused):
                faults.append("on the console: " + entry["message"])
        self.events = []
        return faults
