"""Files by the hundred thousand: changed, read, and every outcome but ours is a finding.

What a parser says guides what comes next: a file that is answered in a way that was not heard
before (another error, another wording) is kept and changed further, so that the files get past one
check after the other. That takes no instrumented interpreter, because our parsers say why.
"""

from __future__ import annotations

import re
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import FrameType

from pydantic import ValidationError

from tests.fuzz.targets import Target

SECONDS = 10.0
"""Of processor time that one file may take."""
ROOM = 768 * 2**20
"""Bytes that reading may take, beside what the process has."""
MOST_KEPT = 300
LARGEST = 256 * 1024
"""Bytes of a file that is changed further: larger ones teach nothing and take long."""

_WORDS = re.compile(r"[0-9]+|'[^']*'|\"[^\"]*\"|\([^)]*\)|0x[0-9a-f]+")


class HangError(BaseException):
    """A file took too long; no handler of ordinary errors may swallow this."""


@dataclass(frozen=True)
class Finding:
    """A file that was answered by something else than an error of ours."""

    target: str
    error: str
    where: str
    content: bytes


@dataclass
class Summary:
    """What a run did, by target; ``answers`` counts the different ones."""

    files: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    slowest: dict[str, float] = field(default_factory=dict)


class Fuzzer:
    """Draws targets by their share, files by change; the same seed does the same."""

    def __init__(self, targets: Mapping[str, Target], folder: Path, seed: int) -> None:
        self._targets = targets
        self._rng = Random(seed)
        self._path = folder / "file"
        self._kept = {name: target.seeds() for name, target in targets.items()}
        self._heard: set[tuple[str, str]] = set()
        self.summary = Summary()

    def run(self, files: int, seconds: float = float("inf")) -> Summary:
        """As many files, or as many as fit into so many seconds."""
        end = time.monotonic() + seconds
        names = list(self._targets)
        shares = [self._targets[name].share for name in names]
        for name in names:  # what is valid is read
            for content in self._kept[name]:
                self._try(name, content)
        for name in self._rng.choices(names, shares, k=files):
            if time.monotonic() > end:
                break
            kept = self._kept[name]
            content = self._targets[name].mutate(self._rng, self._rng.choice(kept))
            if self._try(name, content) and len(content) <= LARGEST:
                kept.append(content)
                del kept[: max(0, len(kept) - MOST_KEPT)]
        return self.summary

    def _try(self, name: str, content: bytes) -> bool:
        """Whether it was answered as nothing before it."""
        self._path.write_bytes(content)
        started = time.process_time()
        answer = self._answer(name, content)
        took = time.process_time() - started
        summary = self.summary
        summary.files[name] += 1
        summary.slowest[name] = max(summary.slowest.get(name, 0.0), took)
        if (name, answer) in self._heard:
            return False
        self._heard.add((name, answer))
        summary.answers[name] += 1
        return True

    def _answer(self, name: str, content: bytes) -> str:
        target = self._targets[name]
        try:
            with timed():
                target.read(content, self._path)
        except target.errors as error:
            if not _is_readable(error):
                self._find(name, error, content)
            return f"{type(error).__name__}: {_WORDS.sub('', str(error)[:300])}"
        except (Exception, HangError) as error:  # noqa: BLE001 - the findings
            self._find(name, error, content)
            return type(error).__name__
        self.summary.accepted[name] += 1
        return "accepted"

    def _find(self, name: str, error: BaseException, content: bytes) -> None:
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.name}:{last.lineno}"
        told = f"{type(error).__name__}: {str(error)[:300]}"
        found = self.summary.findings
        if not any(other.target == name and other.where == where for other in found):
            found.append(Finding(name, told, where, content))


def _is_readable(error: Exception) -> bool:
    """One line for people; pydantic's errors become other lines on their way out."""
    text = str(error)
    return isinstance(error, ValidationError) or (text.isprintable() and 0 < len(text) < 2000)


@contextmanager
def bounded() -> Iterator[None]:
    """Within it, reading fails when it takes more memory than ``ROOM``."""
    if sys.platform != "linux":
        yield
        return
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + ROOM, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@contextmanager
def timed(seconds: float = SECONDS) -> Iterator[None]:
    """Within it, HangError is raised when so much processor time has passed."""

    def hang(_number: int, _frame: FrameType | None) -> None:
        raise HangError(f"more than {seconds} seconds")

    before = signal.signal(signal.SIGPROF, hang)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
