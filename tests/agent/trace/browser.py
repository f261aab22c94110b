"""A real Chromium, driven through chromedriver by the W3C's WebDriver protocol: JSON over HTTP."""

from __future__ import annotations

import base64
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx

DRIVER, CHROMIUM = shutil.which("chromedriver"), shutil.which("chromium") or shutil.which("google-chrome")
_KEYS = {"Escape": "\ue00c", "Enter": "\ue007", "ArrowDown": "\ue015"}


class Browser:
    """A window of Chromium without a screen."""

    def __init__(self, profile: Path) -> None:
        assert DRIVER is not None
        assert CHROMIUM is not None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._driver = subprocess.Popen(
            [DRIVER, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False)
        arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            f"--user-data-dir={profile}",
        ]
        options = {"args": arguments, "binary": CHROMIUM}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self._session = ""
        self._session = self._begin({"capabilities": {"alwaysMatch": wanted}})

    def _begin(self, wanted: dict[str, Any]) -> str:
        for attempt in range(100):
            try:
                return str(self._post("/session", wanted)["sessionId"])
            except httpx.TransportError:
                assert attempt < 99, "chromedriver does not answer"
                time.sleep(0.1)
        raise AssertionError

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self._client.post(path if not self._session else f"/session/{self._session}{path}", json=body)
        value = answer.json()["value"]
        assert answer.is_success, value
        return value

    def close(self) -> None:
        """End the window and its driver."""
        self._client.delete(f"/session/{self._session}")
        self._driver.terminate()
        self._driver.wait(10)
        self._client.close()

    def open(self, url: str) -> None:
        """Go to a page."""
        self._post("/url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script returns, the body of a function."""
        return self._post("/execute/sync", {"script": script, "args": list(arguments)})

    def text(self, selector: str = "main") -> str:
        """What a reader sees of an element."""
        return str(self.run("return document.querySelector(arguments[0])?.innerText || ''", selector))

    def count(self, selector: str) -> int:
        """How many elements there are."""
        return int(self.run("return document.querySelectorAll(arguments[0]).length", selector))

    def press(self, *keys: str) -> None:
        """Press keys one after another."""
        strokes = [_KEYS.get(key, key) for key in keys]
        actions = [{"type": kind, "value": stroke} for stroke in strokes for kind in ("keyDown", "keyUp")]
        self._post("/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def wait(self, script: str, *arguments: Any) -> None:
        """Wait until a script returns something true."""
        for _ in range(200):
            if self.run(script, *arguments):
                return
            time.sleep(0.05)
        raise AssertionError(f"never came true: {script}")

    def command(self, name: str, **parameters: Any) -> Any:
        """A command of Chromium's own protocol."""
        return self._post("/goog/cdp/execute", {"cmd": name, "params": parameters})

    def size(self, width: int, height: int = 900) -> None:
        """The window in CSS pixels."""
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def scheme(self, value: str) -> None:
        """`light` or `dark`, as the system prefers it."""
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": value}])

    def problems(self) -> list[str]:
        """What the page complained of since it was asked last: errors, and what its policy refused."""
        return [entry["message"] for entry in self._post("/se/log", {"type": "browser"}) if entry["level"] == "SEVERE"]

    def screenshot(self, path: Path) -> None:
        """The whole page as a picture."""
        height = self.run("return document.documentElement.scrollHeight")
        width = self.run("return innerWidth")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        picture = self.command("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(picture))

    def print(self) -> bytes:
        """The page as it is printed, in PDF."""
        return base64.b64decode(self.command("Page.printToPDF", printBackground=True)["data"])
