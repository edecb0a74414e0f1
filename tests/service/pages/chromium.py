"""Chromium without a window, driven by its DevTools protocol over two pipes: no package needed."""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
SECONDS = 240.0
POLL_SECONDS = 0.05
KEYS = {"Tab": (9, ""), "Enter": (13, "\r"), " ": (32, " ")}
"""By name: its number, and what it writes."""

# Chromium reads commands from descriptor 3 and writes to 4.
_LAUNCH = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
os.dup2(ends[0], 3), os.dup2(ends[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


def installed() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


class BrowserError(Exception):
    """The browser refused, or what was waited for did not come."""


class Pipe:
    """Commands out, answers and events in. What a page complains of goes to ``listeners``, by the
    session that watches it."""

    def __init__(self, commands: int, answers: int) -> None:
        self.listeners: dict[str, list[str]] = {}
        self._commands, self._answers = commands, answers
        self._numbers = itertools.count(1)
        self._rest = b""

    def ask(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """The result of one command."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + SECONDS
        while True:
            answer = self._receive(deadline)
            if answer.get("id") == number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result

    def _receive(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            if not select.select([self._answers], [], [], max(deadline - time.monotonic(), 0))[0]:
                raise BrowserError("the browser does not answer")
            piece = os.read(self._answers, 1 << 16)
            if not piece:
                raise BrowserError("the browser has ended")
            self._rest += piece
        whole, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(whole)
        complaint = _complaint(message.get("method"), message.get("params", {}))
        if complaint is not None:
            self.listeners.get(message.get("sessionId", ""), []).append(complaint)
        return message


def _complaint(method: str | None, params: dict[str, Any]) -> str | None:
    if method == "Runtime.exceptionThrown":
        details = params["exceptionDetails"]
        said: str = details.get("exception", {}).get("description", details["text"])
        return said
    if method == "Runtime.consoleAPICalled":
        return str([one.get("value") for one in params["args"]])
    if method == "Log.entryAdded":
        entry = params["entry"]
        return f"{entry['text']} {entry.get('url', '')}"
    return None


class Browser:
    """One page. ``complaints`` is what it wrote to its console and what it blocked."""

    def __init__(self, pipe: Pipe, target: str) -> None:
        self._pipe, self._target = pipe, target
        attached = pipe.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session: str = attached["sessionId"]
        self.complaints = pipe.listeners.setdefault(self._session, [])
        for domain in ("Page", "Runtime", "Log", "DOM"):
            self.ask(f"{domain}.enable")
        self.ask("Emulation.setFocusEmulationEnabled", enabled=True)

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of one command of the DevTools protocol."""
        return self._pipe.ask(method, self._session, **params)

    @contextmanager
    def another(self, opening: Callable[[], object]) -> Iterator[Browser]:
        """The page that ``opening`` opens, for as long as it is looked at."""
        before = self._pages()
        opening()
        deadline = time.monotonic() + SECONDS
        while not (opened := self._pages() - before):
            if time.monotonic() > deadline:
                raise BrowserError("no page was opened")
            time.sleep(POLL_SECONDS)
        target = opened.pop()
        try:
            yield Browser(self._pipe, target)
        finally:
            self._pipe.ask("Target.closeTarget", targetId=target)

    def _pages(self) -> set[str]:
        found = self._pipe.ask("Target.getTargets")["targetInfos"]
        return {one["targetId"] for one in found if one["type"] == "page"}

    def forgive(self, status: int) -> None:
        """Drops what the browser itself tells of answers with this status."""
        told = f"status of {status} "
        self.complaints[:] = [one for one in self.complaints if told not in one]

    def look(self, expression: str, *, world: int | None = None) -> Any:
        """The value of a JavaScript expression; promises are awaited. ``world``: another one than
        the page's own."""
        answer = self.ask(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
            userGesture=True,
            **({} if world is None else {"contextId": world}),
        )
        if "exceptionDetails" in answer:
            raise BrowserError(json.dumps(answer["exceptionDetails"])[:2000])
        return answer["result"].get("value")

    def wait(self, expression: str) -> Any:
        """The value, once it is a true one."""
        deadline = time.monotonic() + SECONDS
        while True:
            found = self.look(expression)
            if found:
                return found
            if time.monotonic() > deadline:
                shown = self.look("document.body.innerText")
                raise BrowserError(f"not so: {expression}\n{shown}\n{self.complaints}")
            time.sleep(POLL_SECONDS)

    def wait_for_text(self, text: str) -> None:
        """Until it stands in the main part of the page."""
        self.wait(f"document.querySelector('main').innerText.includes({json.dumps(text)})")

    def open(self, url: str) -> None:
        self.ask("Page.navigate", url=url)
        self.wait(f"location.href.startsWith({json.dumps(url.partition('#')[0])})")
        self.wait("document.readyState === 'complete'")

    def go(self, place: str) -> None:
        """To another place of the same page: ``/defenses``."""
        self.look(f"void (location.hash = {json.dumps('#' + place)})")

    def click(self, text: str) -> None:
        """A button or link by what stands on it."""
        found = f"""[...document.querySelectorAll('button, a, summary, label')]
            .find((one) => one.textContent.trim() === {json.dumps(text)} && !one.disabled)"""
        self.wait(f"Boolean({found})")
        self.look(f"{found}.click()")

    def press(self, key: str, *, shift: bool = False) -> None:
        """A key, by its name: ``Tab``, ``Enter``, `` ``."""
        code, text = KEYS[key]
        pressed = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        self.ask("Input.dispatchKeyEvent", type="keyDown", text=text, **pressed)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **pressed)

    def choose(self, label: str, *files: Path) -> None:
        """Files for the input with this label."""
        chosen = f"""[...document.querySelectorAll('label')]
            .find((one) => one.textContent.trim() === {json.dumps(label)}).control"""
        found = self.ask("Runtime.evaluate", expression=chosen)["result"]["objectId"]
        self.ask("DOM.setFileInputFiles", objectId=found, files=[str(file) for file in files])

    def choose_option(self, label: str, value: str) -> None:
        """An option of the select with this label, by its value."""
        self.type(label, value)

    def type(self, label: str, text: str) -> None:
        """Writes into the field with this label."""
        self.look(
            f"""(() => {{
            const field = [...document.querySelectorAll('label')]
                .find((one) => one.textContent.trim() === {json.dumps(label)}).control;
            field.value = {json.dumps(text)};
            for (const kind of ['input', 'change'])
                field.dispatchEvent(new Event(kind, {{bubbles: true}}));
            }})()"""
        )

    def copied(self) -> str:
        """What lies on the clipboard."""
        return str(self.look("navigator.clipboard.readText()"))

    def size(self, width: int, height: int = 900, *, dark: bool = False) -> None:
        """In CSS pixels."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}  # no colours between colours
        self.ask("Emulation.setEmulatedMedia", features=[scheme, still])

    def seen(self) -> bytes:
        """What is in the window, as PNG; once it has been painted."""
        painted = "requestAnimationFrame(() => requestAnimationFrame(() => done()))"
        self.look(f"new Promise((done) => {painted})")
        return base64.b64decode(self.ask("Page.captureScreenshot")["data"])

    def whole(self) -> bytes:
        """The whole page as PNG."""
        answer = self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(answer["data"])


@contextmanager
def browser(program: str, folder: Path) -> Iterator[Browser]:
    """A fresh browser with its profile in ``folder``; its processes are gone afterwards."""
    theirs_in, commands = os.pipe()
    answers, theirs_out = os.pipe()
    flags = [
        "--headless=new",
        "--no-sandbox",  # tests may run as root
        "--remote-debugging-pipe",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        f"--user-data-dir={folder / 'profile'}",
    ]
    process = subprocess.Popen(
        [sys.executable, "-c", _LAUNCH, str(theirs_in), str(theirs_out), program, *flags],
        pass_fds=(theirs_in, theirs_out),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "HOME": str(folder)},
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        pipe = Pipe(commands, answers)
        permissions = ["clipboardReadWrite", "clipboardSanitizedWrite"]
        pipe.ask("Browser.grantPermissions", permissions=permissions)
        yield Browser(pipe, pipe.ask("Target.createTarget", url="about:blank")["targetId"])
    finally:
        os.close(commands)
        os.close(answers)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
