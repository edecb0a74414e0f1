"""What can be done to the parts. Each fault strikes, lasts, and is taken away again; it says
whether it happened (a step that nobody came by in time did not)."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import psutil

from tests.faults.parts import Part, resume, suspended
from tests.faults.points import POINTS, Point, arm, disarm, taker
from tests.faults.stack import LEASE_SECONDS, Stack
from tests.faults.wires import Mode
from tests.servers import Server

STEP_SECONDS = 12.0
"""How long an armed step waits for somebody to come by."""

END_SECONDS = 15.0
"""A part that was told to stop must be gone by then: 5 for its jobs, the rest for slow machines."""


class FaultError(Exception):
    """A part did not do what it must while a fault was on."""


@dataclass(frozen=True)
class Fault:
    """``strike`` returns when everything runs again; True if it happened."""

    name: str
    strike: Callable[[Stack, random.Random], bool]


def all_faults() -> list[Fault]:
    """Every kind, once."""
    return [*_of_parts(), *_at_steps(), *_of_wires(), *_of_servers(), *_of_disks()]


# Parts


def _of_parts() -> Iterator[Fault]:
    for kind in ("api", "worker"):
        yield Fault(f"{kind} killed", partial(_crash, kind))
        yield Fault(f"{kind} stopped", partial(_suspend, kind))
        yield Fault(f"{kind} told to end", partial(_end, kind))


def _pick(stack: Stack, kind: str, chance: random.Random) -> Part:
    return chance.choice([part for part in stack.parts.values() if part.kind == kind])


def _crash(kind: str, stack: Stack, chance: random.Random) -> bool:
    part = _pick(stack, kind, chance)
    part.crash()
    part.start()
    return True


def _suspend(kind: str, stack: Stack, chance: random.Random) -> bool:
    part = _pick(stack, kind, chance)
    part.suspend()
    time.sleep(LEASE_SECONDS * chance.uniform(1.2, 1.8))
    part.resume()
    return True


def _end(kind: str, stack: Stack, chance: random.Random) -> bool:
    part = _pick(stack, kind, chance)
    status, seconds = part.end()
    part.start()
    if status != 0 or seconds > END_SECONDS:
        raise FaultError(f"{part.name} ended with {status} after {seconds:.1f} s")
    return True


# Steps


def _at_steps() -> Iterator[Fault]:
    for point in POINTS:
        yield Fault(f"killed at {point.name}", partial(_at_step, point, "kill"))
    for name in ("claimed", "succeeding", "result-stored", "renewing", "defense-committed"):
        point = next(point for point in POINTS if point.name == name)
        yield Fault(f"stopped at {name}", partial(_at_step, point, "stop"))
    for name in ("fetched", "artefact-taken", "result-row-without-bytes"):
        point = next(point for point in POINTS if point.name == name)
        yield Fault(f"disk full at {name}", partial(_at_step, point, "full"))


def _at_step(point: Point, action: str, stack: Stack, chance: random.Random) -> bool:
    arm(stack.control, point.name, action)
    try:
        if point.name in ("reaping", "reaped-not-woken"):
            _crash_at_work(stack)  # so that there is something to reap
        pid = _await_taker(stack, point)
        for part in stack.parts.values():
            if pid is not None and part.pid == pid:
                _undo(part, action, chance)
        return pid is not None
    finally:
        disarm(stack.control, point.name)
        _start_all(stack)


def _crash_at_work(stack: Stack) -> None:
    """Kills the first worker that is seen to have a child."""
    deadline = time.monotonic() + STEP_SECONDS
    while time.monotonic() < deadline:
        for worker in stack.workers:
            if psutil.Process(worker.pid).children():
                worker.crash()
                return
        time.sleep(0.02)


def _await_taker(stack: Stack, point: Point) -> int | None:
    deadline = time.monotonic() + STEP_SECONDS
    while time.monotonic() < deadline:
        if (pid := taker(stack.control, point.name)) is not None:
            return pid
        time.sleep(0.05)
    return None


def _undo(part: Part, action: str, chance: random.Random) -> None:
    if action == "kill":
        part.await_end()
    elif action == "stop":
        time.sleep(LEASE_SECONDS * chance.uniform(1.2, 1.8))
        part.resume()


def _start_all(stack: Stack) -> None:
    for part in stack.parts.values():
        if not part.running:
            part.kill()  # whatever it left
        part.start()


# Wires


def _of_wires() -> Iterator[Fault]:
    for kind in ("api", "worker"):
        for server in ("database", "broker", "store"):
            modes = [Mode.REFUSED, Mode.HANGING, Mode.SLOW]
            modes += [Mode.ERRORS, Mode.TORN] if server == "store" else []
            wire = f"{kind}-{server}"
            for mode in modes:
                yield Fault(f"{wire} {mode}", partial(_disturb, wire, mode))
            yield Fault(f"{wire} cut", partial(_cut, wire))


def _disturb(wire: str, mode: Mode, stack: Stack, chance: random.Random) -> bool:
    longest = 10.0 if mode is Mode.HANGING else 4.0
    stack.wires[wire].set(mode)
    time.sleep(chance.uniform(1.5, longest))
    stack.wires[wire].set(Mode.OPEN)
    return True


def _cut(wire: str, stack: Stack, _chance: random.Random) -> bool:
    for _ in range(3):
        stack.wires[wire].cut()
        time.sleep(0.4)
    return True


# Servers


def _of_servers() -> Iterator[Fault]:
    for name in ("postgres", "redis", "s3"):
        yield Fault(f"{name} killed", partial(_kill_server, name))
        yield Fault(f"{name} stopped", partial(_suspend_server, name))
    yield Fault("postgres restarted", _restart_database)
    yield Fault("redis restarted empty", _empty_broker)


def _server(stack: Stack, name: str) -> Server:
    server: Server = getattr(stack, name)
    return server


def _kill_server(name: str, stack: Stack, chance: random.Random) -> bool:
    _server(stack, name).kill()
    time.sleep(chance.uniform(0, 3))
    _server(stack, name).start()
    return True


def _suspend_server(name: str, stack: Stack, chance: random.Random) -> bool:
    family = suspended(_server(stack, name))
    time.sleep(chance.uniform(2, 8))
    resume(family)
    return True


def _restart_database(stack: Stack, _chance: random.Random) -> bool:
    """In order, but without waiting for those who are connected."""
    assert stack.postgres.pid
    os.kill(stack.postgres.pid, signal.SIGINT)
    psutil.Process(stack.postgres.pid).wait(30)
    stack.postgres.kill()
    stack.postgres.start()
    return True


def _empty_broker(stack: Stack, _chance: random.Random) -> bool:
    stack.redis.empty()
    stack.redis.kill()
    stack.redis.start()
    stack.redis.empty()
    return True


# Disks


def _of_disks() -> Iterator[Fault]:
    for kind in ("api", "worker"):
        yield Fault(f"{kind} disk full", partial(_fill, kind))


def _fill(kind: str, stack: Stack, chance: random.Random) -> bool:
    """Only where every part has a small file system of its own."""
    part = _pick(stack, kind, chance)
    if not part.folder.is_mount():
        return False
    ballast = part.folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):  # ENOSPC: that is the aim
        while True:
            file.write(bytes(1 << 16))
    time.sleep(chance.uniform(1.5, 4))
    ballast.unlink()
    return True
