"""The progress of a defense, drawn on a terminal or told in lines."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, Self

from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from client.command.screen import Screen, percent, shown
from client.flows.defending import UploadProgress
from client.records import Event

SHOWN = {
    "accuracy_before": "accuracy before",
    "accuracy_after": "accuracy after",
    "attack_success_before": "attack success before",
    "attack_success_after": "attack success after",
    "clean_agreement": "clean images the model agrees with",
}
BETWEEN_LINES = 10.0  # seconds between two lines about the same stage


class Reporter(Protocol):
    """Shows what happens; used in a ``with`` block."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def upload(self, progress: UploadProgress) -> None: ...

    def event(self, event: Event) -> None: ...


def reporter(screen: Screen) -> Reporter:
    """Drawn where that is possible, silent for JSON and ``--quiet``, else lines."""
    if screen.draws:
        return Drawn(screen)
    return Silent() if screen.quiet or screen.as_json else Lines(screen)


class Silent:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def upload(self, progress: UploadProgress) -> None:  # noqa: ARG002
        return

    def event(self, event: Event) -> None:  # noqa: ARG002
        return


class Lines(Silent):
    """One line a change: for logs."""

    def __init__(self, screen: Screen, clock: Callable[[], float] = time.monotonic) -> None:
        self._screen = screen
        self._clock = clock
        self._next = 0.0

    def upload(self, progress: UploadProgress) -> None:
        if progress.sent == progress.size:
            self._screen.say(f"uploaded {progress.role} ({in_bytes(progress.size)})")

    def event(self, event: Event) -> None:
        if event.type == "progress" and self._clock() < self._next:
            return
        for line in in_words(event):
            self._screen.say(line)
        self._next = self._clock() + BETWEEN_LINES if event.type == "progress" else 0.0


class Drawn(Silent):
    """Bars: one a file that is sent, one for the defense."""

    def __init__(self, screen: Screen) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[more]}"),
            console=screen.err,
        )
        self._screen = screen
        self._uploads: dict[str, TaskID] = {}
        self._job: TaskID | None = None
        self._stage = "queued"

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def upload(self, progress: UploadProgress) -> None:
        role = progress.role
        if role not in self._uploads:
            self._uploads[role] = self._progress.add_task(f"upload {role}", total=1, more="")
        self._progress.update(
            self._uploads[role],
            total=max(1, progress.size),
            completed=progress.sent or (not progress.size),
            more=in_bytes(progress.size),
        )

    def event(self, event: Event) -> None:
        if self._job is None:
            self._job = self._progress.add_task("queued", total=1.0, more="")
        match event.type:
            case "status" | "stage":
                self._stage = shown(event.data.get("stage") or event.data.get("status"))
                done = 1.0 if event.is_last else 0.0
                self._progress.update(self._job, description=self._stage, completed=done, more="")
            case "progress":
                more = "  ".join(_details(event))
                fraction = event.data.get("fraction", 0.0)
                self._progress.update(self._job, completed=fraction, more=more)
            case _:
                for line in in_words(event):
                    self._screen.say(line)


def in_words(event: Event) -> list[str]:
    """An event as lines; none for what says nothing to people."""
    data = event.data
    match event.type:
        case "status":
            error = data.get("error") or {}
            return [": ".join(filter(None, [data.get("status"), error.get("message")]))]
        case "stage":
            return [str(data.get("stage"))]
        case "progress":
            return ["  " + ", ".join([percent(data.get("fraction")), *_details(event)])]
        case "warning":
            return [f"warning ({data.get('code')}): {data.get('message')}"]
        case "measured":
            numbers = data.get("numbers") or data
            told = ((words, numbers.get(name)) for name, words in SHOWN.items())
            return [f"  {words}: {percent(value)}" for words, value in told if value is not None]
        case _:
            return []


def _details(event: Event) -> list[str]:
    """Step, loss and time left, as far as they are told; ``search`` goes before the repair."""
    data, found = event.data, []
    if data.get("steps"):
        part = "search step" if data.get("part") == "search" else "step"
        found.append(f"{part} {data.get('step')} of {data['steps']}")
    total = (data.get("losses") or {}).get("total")
    if total is not None:
        found.append(f"loss {total:.3f}")
    if data.get("remaining_seconds") is not None:
        found.append(f"{in_time(data['remaining_seconds'])} left")
    return found


def in_bytes(count: float) -> str:
    """``1.4 MB``"""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError  # GB ends it


def in_time(seconds: float) -> str:
    """``1:05`` or ``2:00:30``"""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
