"""Headless Chromium for tests of pages, driven through two pipes: nothing but Python's standard library.

    with Browser(folder) as browser:
        page = browser.open("page.html", width=400, dark=True)
        page.click("button.next")
        page.wait("document.querySelectorAll('.card').length == 3")
        assert page.run("document.title") == "Report" and page.complaints == []

Protocol: https://chromedevtools.github.io/devtools-protocol/. The browser sees files alone: no name of a host resolves.
"""

import base64
import collections
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import time

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38,
        "ArrowRight": 39, "ArrowDown": 40}


def program():
    """Path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def require_browser():
    """Ends a test where there is no Chromium, so that ctest reports it as skipped."""
    if not program():
        print("skipped: no Chromium; install Debian's chromium-headless-shell")
        sys.exit(0)


class Browser:
    """One process with a profile of its own in `folder`; what pages save goes to `folder`/downloads."""

    def __init__(self, folder, timeout=30):
        self.timeout = timeout
        self.downloads = pathlib.Path(folder).resolve() / "downloads"
        self.downloads.mkdir(parents=True, exist_ok=True)
        profile = self.downloads.with_name("profile")
        to_child, self._to = os.pipe()
        self._from, from_child = os.pipe()

        def place():  # where --remote-debugging-pipe expects them
            ends = os.dup(to_child), os.dup(from_child)
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        # Pages are the test's own, and containers often forbid what the sandbox is made of.
        self._process = subprocess.Popen(
            [program(), "--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-dev-shm-usage",
             "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={profile}"],
            preexec_fn=place, pass_fds=(3, 4), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"HOME": str(profile), "XDG_CONFIG_HOME": str(profile), "XDG_CACHE_HOME": str(profile)})
        os.close(to_child)
        os.close(from_child)
        self._buffer = b""
        self._last = 0
        self._answers = {}
        self._pages = {}
        self.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(self.downloads))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        os.close(self._to)
        os.close(self._from)

    def open(self, path, fragment="", width=1200, height=900, dark=False, scripts=True, phone=False):
        """A page opened from disk in a tab of its own, behind its load event. `fragment` goes behind a #."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.send(domain + ".enable")
        page.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        page.send("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        page.send("Emulation.setScriptExecutionDisabled", value=not scripts)
        page.send("Emulation.setFocusEmulationEnabled", enabled=True)
        page.go(pathlib.Path(path).resolve().as_uri() + ("#" + fragment if fragment else ""))
        return page

    def send(self, method, session=None, **parameters):
        """A command's result. Raises RuntimeError for an error, TimeoutError."""
        number = self.post(method, session, **parameters)
        end = time.monotonic() + self.timeout
        while number not in self._answers:
            self.listen(end)
        answer = self._answers.pop(number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def post(self, method, session=None, **parameters):
        """Sends a command without waiting for what it gives; returns the answer's number."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._to, data):]
        return self._last

    def listen(self, end):
        """Takes what has come, waiting until time `end` for something. Raises TimeoutError."""
        if not select.select([self._from], [], [], max(0, end - time.monotonic()))[0]:
            raise TimeoutError(f"Chromium said nothing for {self.timeout} s")
        data = os.read(self._from, 1 << 20)
        if not data:
            raise RuntimeError(f"Chromium ended with {self._process.wait()}")
        *messages, self._buffer = (self._buffer + data).split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                self._answers[message["id"]] = message
            elif page := self._pages.get(message.get("sessionId")):
                page.heard(message["method"], message["params"])


class Page:
    """A tab. `complaints`: errors and warnings of the console, exceptions that nobody caught, what could not be loaded.
    `requests`: addresses that were asked for, without data: and blob:."""

    def __init__(self, browser, session):
        self.browser, self.session = browser, session
        self.complaints, self.requests = [], []
        self._events = collections.Counter()

    def send(self, method, **parameters):
        return self.browser.send(method, self.session, **parameters)

    def heard(self, method, what):
        self._events[method] += 1
        if method == "Runtime.exceptionThrown":
            details = what["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and what["type"] in ("error", "warning", "assert"):
            self.complaints.append(" ".join(str(a.get("value", a.get("description"))) for a in what["args"]))
        elif method == "Log.entryAdded" and what["entry"]["level"] in ("error", "warning"):
            self.complaints.append(what["entry"]["text"] + " " + what["entry"].get("url", ""))
        elif method == "Network.requestWillBeSent" and not what["request"]["url"].startswith(("data:", "blob:")):
            self.requests.append(what["request"]["url"])
        elif method == "Page.javascriptDialogOpening":
            self.complaints.append(f"a dialog: {what['message']}")
            self.browser.post("Page.handleJavaScriptDialog", self.session, accept=True)

    def go(self, url):
        """Opens another address in this tab, behind its load event."""
        loaded = self._events["Page.loadEventFired"]
        failure = self.send("Page.navigate", url=url).get("errorText")
        if failure:
            raise RuntimeError(f"{url}: {failure}")
        self._until(lambda: self._events["Page.loadEventFired"] > loaded, "the page did not load")

    def run(self, expression):
        """Value of a JavaScript expression, which may be a promise. Raises RuntimeError with what it throws."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RuntimeError(f"{expression}: {details.get('exception', {}).get('description', details['text'])}")
        return answer["result"].get("value")

    def wait(self, expression, seconds=10):
        """Until the expression is true; returns its value. Raises TimeoutError."""
        end = time.monotonic() + seconds
        while not (value := self.run(expression)):
            if time.monotonic() > end:
                raise TimeoutError(f"not true within {seconds} s: {expression}")
            time.sleep(0.02)
        return value

    def click(self, selector):
        """The mouse's press and release in the middle of the first element of this selector, scrolled into view. Raises
        RuntimeError where there is none, or where another element covers it."""
        x, y = self.run(f"""(() => {{
            const element = document.querySelector({json.dumps(selector)});
            if (!element) throw Error("no such element");
            element.scrollIntoView({{block: "center", behavior: "instant"}});
            const box = element.getClientRects()[0], x = box.x + box.width / 2, y = box.y + box.height / 2;
            const there = document.elementFromPoint(x, y);
            if (!element.contains(there) && !there?.contains(element)) throw Error("covered by " + there?.outerHTML);
            return [x, y]; }})()""")
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key, shift=False):
        """A key by its name (KEYS), or a character."""
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        what = {"key": key, "windowsVirtualKeyCode": KEYS.get(key, ord(key[0].upper())), "modifiers": 8 if shift else 0}
        self.send("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **what)
        self.send("Input.dispatchKeyEvent", type="keyUp", **what)

    def type(self, text):
        self.send("Input.insertText", text=text)

    def back(self):
        """As the browser's button does."""
        history = self.send("Page.getNavigationHistory")
        self.send("Page.navigateToHistoryEntry", entryId=history["entries"][history["currentIndex"] - 1]["id"])

    def html(self):
        """The page's body, which can be had without scripts, too."""
        root = self.send("DOM.getDocument")["root"]["nodeId"]
        body = self.send("DOM.querySelector", nodeId=root, selector="body")["nodeId"]
        return self.send("DOM.getOuterHTML", nodeId=body)["outerHTML"]

    def screenshot(self, path, whole=False):
        """A PNG of what is in the window, or of the whole page."""
        png = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(png))

    def _until(self, done, otherwise):
        end = time.monotonic() + self.browser.timeout
        while not done():
            if time.monotonic() > end:
                raise TimeoutError(otherwise)
            self.browser.listen(end)
