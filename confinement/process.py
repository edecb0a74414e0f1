"""Confines the process that calls this, in two steps: files first, system calls later."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from confinement import capabilities, landlock, seccomp
from confinement.naming import Boundary
from confinement.numbers import this_architecture
from confinement.places import libraries, needed
from confinement.rules import Allowance
from confinement.system import PR_SET_NO_NEW_PRIVS, is_linux, prctl

log = logging.getLogger(__name__)


class Mode(StrEnum):
    """What to do where the kernel lacks a part: refuse to work, or say so and use the rest. ``off``
    uses none."""

    REQUIRE = "require"
    WARN = "warn"
    OFF = "off"


class SandboxError(Exception):
    """The process cannot be confined as required."""


@dataclass(frozen=True)
class Files:
    """What a process may touch beside what a Python with torch reads."""

    readable: Iterable[Path] = ()
    writable: Iterable[Path] = ()


def missing_parts() -> list[str]:
    """What this machine's kernel lacks, in words; empty if nothing."""
    if not is_linux():
        return ["Linux"]
    missing = []
    if this_architecture() is None:
        missing.append("a known architecture (x86_64, aarch64)")
    if not landlock.version():
        missing.append("Landlock (Linux 5.13, named in lsm=)")
    if not seccomp.is_available():
        missing.append("seccomp filters")
    return missing


def confine_files(files: Files, allowance: Allowance, mode: Mode) -> None:
    """The first step: files, capabilities, and privileges to come. To be taken while the process
    has one thread: those that it starts inherit it. Raises SandboxError where ``mode`` requires
    what cannot be had, the filter of the second step too."""
    if mode is Mode.OFF:
        return
    missing = missing_parts()
    if missing and mode is Mode.REQUIRE:
        raise SandboxError(f"the sandbox lacks {', '.join(missing)}")
    for part in missing:
        log.warning("the sandbox lacks %s", part)
    with _as_required(mode):
        if is_linux():
            prctl(PR_SET_NO_NEW_PRIVS, 1)
        if this_architecture() is not None:
            capabilities.drop_all()
        if landlock.version():
            places = [*needed(gpu=allowance.gpu), *_granted(files)]
            landlock.restrict(places, programs=allowance.programs)


def confine_calls(allowance: Allowance, mode: Mode, *, listened: bool) -> int | None:
    """The second step, for all threads that there are: after what we trust was loaded, before
    strangers' bytes are read. Returns what ``seccomp.install`` returns. Raises SandboxError as
    above."""
    if mode is Mode.OFF or not seccomp.is_available():
        return None
    with _as_required(mode):
        return seccomp.install(allowance, listened=listened)
    return None


def boundary(process: int, files: Files, allowance: Allowance) -> Boundary:
    """What ``confine_files`` leaves to that process, as seen by another one."""
    places = [*needed(gpu=allowance.gpu), *_granted(files)]
    return Boundary(
        process,
        trusted=libraries(),
        readable=[path for path, _rights in places],
        writable=[path for path, rights in places if rights & landlock.WRITING],
    )


def _granted(files: Files) -> Iterator[tuple[Path, int]]:
    yield from ((path, landlock.READ) for path in files.readable)
    yield from ((path, landlock.WRITE) for path in files.writable)


@contextmanager
def _as_required(mode: Mode) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if mode is Mode.REQUIRE:
            raise SandboxError(f"the sandbox cannot be built: {error}") from error
        log.warning("the sandbox is not whole: %s", error)
