"""Named steps of the service at which a process dies, falls asleep or finds its disk full.

The code under test holds no hooks. A process that is started by ``under.py`` has the functions
below wrapped, which costs what is shipped nothing; seen from outside, most of these steps are
microseconds long. A step that is renamed fails a test (``test_points.py``).

An order is a file in the control folder, named like the step. The first process that reaches the
step takes the file away and obeys: ``kill``, ``stop``, or ``full`` (ENOSPC).
"""

from __future__ import annotations

import errno
import functools
import importlib
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Action = Literal["kill", "stop", "full"]
Who = Literal["api", "worker", "migrate"]


@dataclass(frozen=True)
class Point:
    """``where`` is ``module:attribute``; ``within`` is after the first item of what it yields."""

    name: str
    who: Who
    where: str
    when: Literal["before", "after", "within"]


POINTS = (
    Point("upload-arriving", "api", "service.uploads.spool:SpoolFile._write", "before"),
    Point("upload-arrived", "api", "service.blobs:Blobs.keep", "before"),
    Point("blob-row-without-bytes", "api", "service.storage.s3:S3Store.put", "before"),
    Point("bytes-without-live-row", "api", "service.storage.s3:S3Store.put", "after"),
    Point("blob-without-upload", "api", "service.blobs:Blobs.keep", "after"),
    Point("key-claimed", "api", "service.defenses.idempotency:claim", "after"),
    Point("defense-committed", "api", "service.queue:Queue.wake_all", "before"),
    Point("message-sent", "api", "service.queue:Queue.wake_all", "after"),
    Point("downloading", "api", "service.storage.s3:S3Store.read", "within"),
    Point("cancel-committed", "api", "service.defenses.service:cancel", "after"),
    Point("row-deleted-bytes-not", "api", "service.storage.s3:S3Store.delete", "before"),
    Point("forgotten", "api", "service.defenses.service:forget", "after"),
    Point("reaping", "api", "service.defenses.lifecycle:take_from_lost_worker", "after"),
    Point("reaped-not-woken", "api", "service.defenses.lifecycle:take_unwoken", "after"),
    Point("claimed", "worker", "worker.runner:Runner._claim", "after"),
    Point("claiming", "worker", "service.defenses.lifecycle:claim_next", "after"),
    Point("renewing", "worker", "service.defenses.lifecycle:renew", "after"),
    Point("fetching", "worker", "service.storage.s3:S3Store.read", "within"),
    Point("fetched", "worker", "worker.attempt:fetch_inputs", "after"),
    Point("writing-events", "worker", "service.defenses.lifecycle:report", "after"),
    Point("child-ended", "worker", "worker.attempt:supervise", "after"),
    Point("artefact-taken", "worker", "worker.attempt:take_artefact", "after"),
    Point("result-row-without-bytes", "worker", "service.storage.s3:S3Store.put", "before"),
    Point("result-bytes-without-row", "worker", "service.storage.s3:S3Store.put", "after"),
    Point("result-stored", "worker", "worker.attempt:Attempt._store", "after"),
    Point("succeeding", "worker", "service.defenses.lifecycle:succeed", "after"),
    Point("outcome-written", "worker", "worker.runner:Runner._write", "after"),
    Point("settled", "worker", "worker.runner:Runner._settle", "after"),
)


def install(who: Who, control: Path) -> None:
    """Wraps every step of this kind of process. Raises AttributeError for one that is gone."""
    for point in POINTS:
        if point.who == who:
            owner, name = resolve(point.where)
            setattr(owner, name, _wrapped(getattr(owner, name), point, control))


def resolve(where: str) -> tuple[Any, str]:
    """What holds the function, and its name there."""
    module, path = where.split(":")
    *outer, name = path.split(".")
    owner: Any = importlib.import_module(module)
    for part in outer:
        owner = getattr(owner, part)
    getattr(owner, name)
    return owner, name


def _wrapped(function: Callable[..., Any], point: Point, control: Path) -> Callable[..., Any]:
    order = control / point.name

    @functools.wraps(function)
    def wrapper(*args: Any, **named: Any) -> Any:
        if point.when == "before":
            obey(order)
        result = function(*args, **named)
        if point.when == "after":
            obey(order)
        return _within(result, order) if point.when == "within" else result

    return wrapper


def _within(items: Iterator[Any], order: Path) -> Iterator[Any]:
    for item in items:
        yield item
        obey(order)


def obey(order: Path) -> None:
    """Does what the order says, if there is one; once."""
    taken = taken_path(order, os.getpid())
    try:
        order.rename(taken)
    except FileNotFoundError:
        return
    match taken.read_text():
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def taken_path(order: Path, pid: int) -> Path:
    return order.with_name(f"{order.name}.taken-by-{pid}")


def arm(control: Path, name: str, action: Action) -> None:
    """Gives the order."""
    draft = control / f"{name}.draft"
    draft.write_text(action)
    draft.rename(control / name)


def taker(control: Path, name: str) -> int | None:
    """The process that obeyed; None as long as nobody has."""
    for taken in control.glob(f"{name}.taken-by-*"):
        return int(taken.name.rsplit("-", 1)[1])
    return None


def disarm(control: Path, name: str) -> None:
    """Takes an order back, and forgets who obeyed it."""
    for path in (control / name, *control.glob(f"{name}.taken-by-*")):
        path.unlink(missing_ok=True)
