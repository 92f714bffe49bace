"""A headless Chromium, spoken to over the pipe of its DevTools protocol: no port, no driver, no library."""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

_PATIENCE_SECONDS = 40.0
_SHIFT = 8
_KEYS = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Enter": 13, "Tab": 9, " ": 32}


class Chromium:
    """One browser with one page.

    Attributes:
        complaints: Errors and warnings of the console, uncaught exceptions and violations of the content
            security policy.
        requests: Addresses that were asked for.
    """

    def __init__(self, program: str, folder: Path) -> None:
        self.downloads = folder / "downloads"
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._number, self._buffer, self._session = 0, b"", ""
        self._chooser: int | None = None
        commands_in, self._commands = os.pipe()
        self._answers, answers_out = os.pipe()
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        options += [f"--user-data-dir={folder / 'profile'}", "--remote-debugging-pipe"]
        # The browser reads file descriptor 3 and writes 4; the shell puts the pipes there.
        script = f'exec "$0" "$@" 3<&{commands_in} 4>&{answers_out}'
        self._process = subprocess.Popen(
            ["bash", "-c", script, program, *options],
            pass_fds=(commands_in, answers_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands_in)
        os.close(answers_out)

    def __enter__(self) -> Chromium:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        folder = str(self.downloads)
        self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=folder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session = ""
        self.call("Browser.close")
        self._process.wait(_PATIENCE_SECONDS)
        os.close(self._commands)
        os.close(self._answers)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and wait for its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session and not method.startswith(("Target.", "Browser.")):
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            answer = self._next(deadline)
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                return dict(answer["result"])
            self._note(answer)

    def open(self, url: str) -> None:
        """Load a page and wait until its script has run."""
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def run(self, script: str) -> Any:
        """The value of an expression, or of the promise that it gives."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, (script, found["exceptionDetails"])
        return found["result"].get("value")

    def wait(self, condition: str) -> None:
        """Until an expression is true."""
        self.until(lambda: self.run(condition), condition)

    def until(self, condition: Callable[[], Any], what: str) -> None:
        """Until a function gives something true."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"never: {what}; {self.complaints}"
            time.sleep(0.05)

    def press(self, key: str, *, shift: bool = False) -> None:
        """A key, as the keyboard sends it."""
        code = _KEYS[key]
        text = {"Enter": "\r", " ": " "}.get(key)
        pressed = {"type": "keyDown" if text else "rawKeyDown", "key": key, "windowsVirtualKeyCode": code}
        pressed["modifiers"] = _SHIFT if shift else 0
        self.call("Input.dispatchKeyEvent", **pressed, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def mouse(self, kind: str, x: float, y: float, **details: Any) -> None:
        """A mouse event: "mousePressed", "mouseMoved", "mouseReleased" or "mouseWheel"."""
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **details)

    def click(self, x: float, y: float) -> None:
        """Press and release the left button."""
        self.mouse("mousePressed", x, y, button="left", clickCount=1)
        self.mouse("mouseReleased", x, y, button="left", clickCount=1)

    def centre(self, selector: str) -> tuple[float, float, float, float]:
        """Centre, width and height of an element, which is scrolled into view."""
        found = self.run(
            f"(() => {{ const e = document.querySelector({selector!r});"
            " e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect();"
            " return [b.x + b.width / 2, b.y + b.height / 2, b.width, b.height]; })()"
        )
        return found[0], found[1], found[2], found[3]

    def choose(self, selector: str, *files: Path) -> None:
        """Give files to a file chooser."""
        node = self.call("Runtime.evaluate", expression=f"document.querySelector({selector!r})")["result"]
        names = [str(file) for file in files]
        self.call("DOM.setFileInputFiles", objectId=node["objectId"], files=names)

    def answer_chooser(self, *files: Path) -> None:
        """Choose files in the file chooser that the page has opened."""
        self.until(lambda: self.run("1") and self._chooser is not None, "a file chooser")
        names = [str(file) for file in files]
        self.call("DOM.setFileInputFiles", backendNodeId=self._chooser, files=names)
        self._chooser = None

    def drop(self, x: float, y: float, *files: Path) -> None:
        """Drag files from the desktop and drop them."""
        data = {"items": [], "files": [str(file) for file in files], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.call("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def forget(self) -> None:
        """Forget complaints and requests so far."""
        self.call("Page.getFrameTree")
        self.complaints.clear()
        self.requests.clear()

    def _next(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "the browser does not answer"
            received = os.read(self._answers, 1 << 20)
            assert received, "the browser has ended"
            self._buffer += received
        message, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(message))

    def _note(self, event: dict[str, Any]) -> None:
        method, told = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.complaints.append(str(told["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
            self.complaints.append(str(told["args"]))
        elif method == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif method == "Page.fileChooserOpened":
            self._chooser = told["backendNodeId"]
