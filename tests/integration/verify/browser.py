# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A headless Chromium, spoken to by the DevTools protocol: enough to open a page, ask it things and look at it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import websocket

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# Nothing listens on port 9 (discard): whatever the browser tried to fetch would fail, and be seen to be tried.
_CLOSED = "http://127.0.0.1:9"


def program() -> str | None:
    """The browser on PATH, None where there is none."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


class Tab:
    """One open page. `requests` are the addresses that it asked for, `problems` what its console complained of."""

    def __init__(self, address: str) -> None:
        self._socket = websocket.create_connection(address, timeout=30, suppress_origin=True)
        self._last = 0
        self.events: list[dict[str, Any]] = []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.ask(f"{domain}.enable")
        self.ask("Emulation.setFocusEmulationEnabled", enabled=True)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """What the browser answers to a command."""
        self._last += 1
        self._socket.send(json.dumps({"id": self._last, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == self._last:
                assert "error" not in message, message
                found: dict[str, Any] = message["result"]
                return found
            self.events.append(message)

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression; a promise is waited for."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def open(self, url: str) -> None:
        """Open a page, and wait until it has drawn."""
        self.ask("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && document.documentElement.dataset.drawn !== undefined")

    def until(self, script: str, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not self.run(script):
            assert time.monotonic() < end, f"not within {seconds} s: {script}"
            time.sleep(0.05)

    def shot(self, path: Path, **clip: float) -> None:
        """A picture of the whole page, or of a part of it (x, y, width, height)."""
        more = {"clip": {**clip, "scale": 1}} if clip else {}
        answer = self.ask("Page.captureScreenshot", captureBeyondViewport=True, **more)
        path.write_bytes(base64.b64decode(answer["data"]))

    @property
    def requests(self) -> list[str]:
        return [
            event["params"]["request"]["url"]
            for event in self.events
            if event.get("method") == "Network.requestWillBeSent"
        ]

    @property
    def problems(self) -> list[str]:
        found = [json.dumps(e["params"]) for e in self.events if e.get("method") == "Runtime.exceptionThrown"]
        return found + [json.dumps(e["params"]) for e in self.events if e.get("method") == "Log.entryAdded"]

    def close(self) -> None:
        self._socket.close()


@contextmanager
def tab(profile: Path, width: int = 1360, height: int = 900) -> Iterator[Tab]:
    """A tab of a browser of its own, which goes with it."""
    name = program()
    assert name, "no Chromium on PATH"
    command = [
        name, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--proxy-server={_CLOSED}", "--proxy-bypass-list=<-loopback>", "--remote-debugging-port=0",
        f"--window-size={width},{height}", f"--user-data-dir={profile}", "about:blank",
    ]  # fmt: skip
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True) as process:
        opened: Tab | None = None
        try:
            opened = Tab(_address(process, profile / "DevToolsActivePort"))
            yield opened
        finally:
            if opened is not None:
                with suppress(OSError, websocket.WebSocketException):
                    opened.close()
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _address(process: subprocess.Popen[bytes], file: Path) -> str:
    """Where its first tab listens."""
    end = time.monotonic() + 30
    while not file.exists() or len(file.read_text().split()) < 2:
        assert process.poll() is None, f"the browser ended with {process.returncode}"
        assert time.monotonic() < end, "the browser did not start within 30 s"
        time.sleep(0.05)
    port, path = file.read_text().split()[:2]
    whole = websocket.create_connection(f"ws://127.0.0.1:{port}{path}", timeout=30, suppress_origin=True)
    whole.send(json.dumps({"id": 1, "method": "Target.getTargets"}))
    while True:
        message = json.loads(whole.recv())
        if message.get("id") == 1:
            break
    whole.close()
    target = next(each for each in message["result"]["targetInfos"] if each["type"] == "page")
    return f"ws://127.0.0.1:{port}/devtools/page/{target['targetId']}"
