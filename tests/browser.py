"""Headless Chromium over its DevTools protocol, through a pipe: no driver, no websocket, nothing to install but Chromium."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--hide-scrollbars", "--remote-debugging-pipe"),
)
SECONDS = 60


def chromium() -> str:
    """Path of a Chromium or Chrome; skips the test where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.skip("no chromium on PATH: 'make test-report' installs Debian's, or install it and run the tests again")


class Browser:
    """One page of a browser of its own.

    Attributes
    ----------
    events: every event of the protocol so far, as (method, parameters).
    """

    def __init__(self, width: int = 1400, height: int = 900):
        self.events: list[tuple[str, dict]] = []
        self._count, self._rest, self._session = 0, b"", None
        self._profile = tempfile.mkdtemp()
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()

        def numbered():  # Chromium reads from 3 and writes to 4
            os.dup2(os.dup(theirs_in), 103), os.dup2(os.dup(theirs_out), 104)
            os.dup2(103, 3), os.dup2(104, 4)

        command = [chromium(), *FLAGS, f"--user-data-dir={self._profile}", f"--window-size={width},{height}"]
        self._process = subprocess.Popen(
            command,
            preexec_fn=numbered,
            pass_fds=(3, 4),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in), os.close(theirs_out)
        self._in, self._out = ours_in, ours_out
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.resize(width, height)

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._in), os.close(self._out)
        shutil.rmtree(self._profile, ignore_errors=True)

    def call(self, method: str, **parameters: Any) -> dict:
        """Result of one command."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if self._session and not method.startswith("Target."):
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._count:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def _next(self) -> dict:
        deadline = time.monotonic() + SECONDS
        while b"\0" not in self._rest:
            ready, *_ = select.select([self._in], [], [], max(0, deadline - time.monotonic()))
            part = os.read(self._in, 1 << 20) if ready else b""
            assert part, "chromium does not answer"
            self._rest += part
        text, _, self._rest = self._rest.partition(b"\0")
        answer = json.loads(text)
        if "method" in answer:
            self.events.append((answer["method"], answer.get("params", {})))
        return answer

    def open(self, path: str | Path) -> None:
        """Load a file, and wait until it has."""
        before = len(self.events)
        self.call("Page.navigate", url=Path(path).resolve().as_uri())
        while not any(method == "Page.loadEventFired" for method, _ in self.events[before:]):
            self._next()

    def resize(self, width: int, height: int) -> None:
        """The size of the page in CSS pixels."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def run(self, script: str) -> Any:
        """Value of an expression in the page; a promise is waited for."""
        done = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def press(self, key: str) -> None:
        """Press and release a key."""
        codes = {"ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35}
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=codes[key])

    def screenshot(self, path: str | Path, whole: bool = False) -> None:
        """Write what is seen, or the whole page, as PNG."""
        data = self.call("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
        Path(path).write_bytes(base64.b64decode(data))

    def pdf(self, path: str | Path) -> None:
        """Print the page."""
        Path(path).write_bytes(base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"]))

    @property
    def errors(self) -> list[str]:
        """Exceptions and error messages so far."""
        found = [e["exceptionDetails"]["text"] for m, e in self.events if m == "Runtime.exceptionThrown"]
        found += [str(e["args"]) for m, e in self.events if m == "Runtime.consoleAPICalled" and e["type"] == "error"]
        return found + [
            e["entry"]["text"] for m, e in self.events if m == "Log.entryAdded" and e["entry"]["level"] == "error"
        ]

    @property
    def requests(self) -> list[str]:
        """Addresses asked for, those inside the page (data:, blob:) left out."""
        asked = [e["request"]["url"] for m, e in self.events if m == "Network.requestWillBeSent"]
        return [url for url in asked if not url.startswith(("data:", "blob:"))]
