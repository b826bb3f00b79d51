"""Debian's chromium over the DevTools protocol, through a pipe: real sizes, media, keys and timing.

`chrome.py` looks at a page from within a frame; this drives the browser itself, without a package.
"""

import contextlib
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chrome import FLAGS

SECONDS = 90
"""An answer that takes longer is a fault."""


class Browser:
    """One chromium for many pages."""

    def __init__(self, chromium: str, profile: Path) -> None:
        down, self._write = os.pipe()
        self._read, up = os.pipe()
        flags = [flag for flag in FLAGS if "logging" not in flag and "--v=" not in flag]
        flags += [f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank"]
        # The browser reads file descriptor 3 and writes 4.
        shell = f'exec "$0" "$@" 3<&{down} 4>&{up} </dev/null >/dev/null 2>&1'
        command = ["/bin/bash", "-c", shell, chromium, *flags]
        self._process = subprocess.Popen(command, pass_fds=(down, up))
        os.close(down)
        os.close(up)
        self._count = 0
        self._rest = b""
        self._events: list[dict[str, Any]] = []

    def close(self) -> None:
        """End the browser that was started here."""
        with contextlib.suppress(OSError, AssertionError):
            self.call("Browser.close")
        os.close(self._write)
        os.close(self._read)
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """One command and its answer; events that come before it are kept."""
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode("utf-8") + b"\0")
        deadline = time.monotonic() + SECONDS
        while True:
            found = self._next(deadline)
            if found.get("id") == self._count:
                assert "error" not in found, (method, found["error"])
                return found["result"]
            self._events.append(found)

    def wait(self, method: str, session: str) -> dict[str, Any]:
        """The next event of that name."""
        deadline = time.monotonic() + SECONDS
        while True:
            for event in self._events:
                if (event.get("method"), event.get("sessionId")) == (method, session):
                    self._events.remove(event)
                    return event["params"]
            self._events.append(self._next(deadline))

    def events(self, session: str, *methods: str) -> list[dict[str, Any]]:
        """All events of these names so far."""
        return [e for e in self._events if e.get("sessionId") == session and e["method"] in methods]

    def _next(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "chromium does not answer"
            part = os.read(self._read, 1 << 20)
            assert part, "chromium ended"
            self._rest += part
        raw, _, self._rest = self._rest.partition(b"\0")
        return json.loads(raw)

    @contextlib.contextmanager
    def page(
        self, path: Path, *, width: int = 1280, height: int = 800, **media: str
    ) -> Iterator["Tab"]:
        """A page that is open and loaded; `media` are features such as prefers_color_scheme."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = Tab(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            tab.call(f"{domain}.enable")
        tab.resize(width, height)
        features = [{"name": k.replace("_", "-"), "value": v} for k, v in media.items()]
        tab.call("Emulation.setEmulatedMedia", features=features)
        tab.call("Page.navigate", url=path.as_uri())
        self.wait("Page.loadEventFired", session)
        try:
            yield tab
        finally:
            self.call("Target.closeTarget", targetId=target)
            self._events = [e for e in self._events if e.get("sessionId") != session]


class Tab:
    """One open page."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the protocol."""
        return self._browser.call(method, self._session, **params)

    def resize(self, width: int, height: int = 800) -> None:
        """The window as the page sees it."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def run(self, script: str) -> Any:
        """The value of an expression; promises are awaited. The page's policy does not bind it."""
        given = {"awaitPromise": True, "returnByValue": True}
        found = self.call("Runtime.evaluate", expression=script, **given)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def press(self, key: str, *, shift: bool = False) -> None:
        """A real key stroke."""
        codes = {"Tab": 9, "Enter": 13, "ArrowRight": 39, "ArrowLeft": 37, " ": 32}
        text = {"Enter": "\r", " ": " "}.get(key)
        same = {"key": key, "windowsVirtualKeyCode": codes[key], "modifiers": 8 * shift}
        down = same | ({"text": text} if text else {})
        self.call("Input.dispatchKeyEvent", type="keyDown", **down)
        self.call("Input.dispatchKeyEvent", type="keyUp", **same)

    def console(self) -> list[str]:
        """Whatever the page wrote, threw, or was refused."""
        names = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [json.dumps(e["params"])[:500] for e in self._browser.events(self._session, *names)]

    def requests(self) -> list[str]:
        """Addresses asked for, but the page's own and the empty icon."""
        sent = self._browser.events(self._session, "Network.requestWillBeSent")
        urls = [event["params"]["request"]["url"] for event in sent]
        return [url for url in urls[1:] if url != "data:,"]
