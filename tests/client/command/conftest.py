"""The command, run in this process or in a terminal."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from client.command.app import main

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on standard output."""
        found: dict[str, Any] = json.loads(self.out)
        assert found["schema_version"] == 1
        return found

    @property
    def data(self) -> Any:
        return self.document["data"]


Run = Callable[..., Done]


@pytest.fixture
def run(
    capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Runs the command in an empty folder."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)

    def run(*arguments: object, **environment: str) -> Done:
        capfdbinary.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                main([str(one) for one in arguments])
        said = capfdbinary.readouterr()
        code = ended.value.code
        return Done(int(code or 0), said.out.decode(), said.err.decode())  # type: ignore[arg-type]

    return run


@pytest.fixture
def at(url: str, run: Run) -> Run:
    """The same, and the service is known."""

    def there(*arguments: object, **environment: str) -> Done:
        return run(*arguments, **{"POLARIZER_URL": url} | environment)

    return there


@dataclass
class Terminal:
    """A command in a terminal of 100 columns."""

    process: subprocess.Popen[bytes]
    end: int
    seen: bytearray = field(default_factory=bytearray)

    @property
    def text(self) -> str:
        return self.seen.decode(errors="replace")

    def type(self, keys: str) -> None:
        os.write(self.end, keys.encode())

    def wait_for(self, text: str, *, seconds: float = 120) -> None:
        """Reads until the text is on the screen."""
        deadline = time.monotonic() + seconds
        while text not in self.text:
            assert time.monotonic() < deadline, self.text
            assert self._read(1) or self.process.poll() is None, self.text

    def wait(self) -> int:
        """Reads to the end; the exit code."""
        while self._read(60):
            pass
        return self.process.wait(60)

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self.end], [], [], seconds)
        if not ready:
            return False
        portion = b""
        with suppress(OSError):  # Linux says so when the other end is closed
            portion = os.read(self.end, 1 << 16)
        self.seen += portion
        return bool(portion)


@contextmanager
def terminal(*arguments: object, **environment: str) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "client", *map(str, arguments)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        cwd=ROOT,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"} | environment,
        preexec_fn=_take_terminal,
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(ours)


def heed_interrupts() -> None:
    """Whoever started the tests in the background made them deaf to SIGINT, and us with them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _take_terminal() -> None:
    """So that Ctrl-C, typed there, becomes a signal."""
    heed_interrupts()
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
