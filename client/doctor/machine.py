"""This machine: Python, packages, room on disk, configuration."""

from __future__ import annotations

import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from client.command.modules import PACKAGE
from client.command.progress import in_bytes
from client.configuration import Configuration, config_path, our_version
from client.doctor.findings import Finding, note, ok, warning, wrong
from client.errors import ConfigurationError

OLDEST_PYTHON = (3, 11)
LITTLE_ROOM = 2 << 30
_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*([^;]*?)\s*(?:;(.*))?$")
_EXTRA = re.compile(r"extra\s*==\s*[\"']([^\"']+)[\"']")
_PINNED = re.compile(r"==\s*([\w.]+)")


def check_machine() -> Iterator[Finding]:
    """Everything that needs nobody else."""
    yield python(sys.version_info[:3])
    yield ok("polarizer", f"version {our_version()}")
    yield from packages(requires_of(), None)
    yield from packages(requires_of(), "service")
    yield from packages(requires_of(), "worker")
    for name, folder in (("temporary files", tempfile.gettempdir()), ("this folder", ".")):
        yield room(name, shutil.disk_usage(folder).free, folder)
    yield configuration()


def python(found: tuple[int, ...]) -> Finding:
    """Whether the interpreter is new enough."""
    words = f"{'.'.join(map(str, found))}, {sys.executable}"
    if found[:2] >= OLDEST_PYTHON:
        return ok("python", words)
    wanted = ".".join(map(str, OLDEST_PYTHON))
    return wrong("python", words, f"use Python {wanted} or newer")


def requires_of() -> list[str]:
    """Requirements of our package; none in a checkout that was not installed."""
    try:
        return requires(PACKAGE) or []
    except PackageNotFoundError:
        return []


def packages(requirements: list[str], extra: str | None) -> Iterator[Finding]:
    """What is missing of an extra (None: what the command needs), or pinned to another version."""
    name = f"packages of [{extra}]" if extra else "packages"
    missing, other, count = [], [], 0
    for requirement in requirements:
        found = _REQUIREMENT.match(requirement)
        marker = _EXTRA.search(found[3] or "") if found else None
        if found is None or (marker[1] if marker else None) != extra:
            continue
        count += 1
        installed = _version(found[1])
        pinned = _PINNED.search(found[2])
        if installed is None:
            missing.append(found[1])
        elif pinned and installed.split("+")[0] != pinned[1]:
            other.append(f"{found[1]} {installed} instead of {pinned[1]}")
    wanted = f"pip install '{PACKAGE}[{extra}]'" if extra else f"pip install {PACKAGE}"
    if other:
        yield warning(name, ", ".join(other), wanted)
    if missing:
        words = f"not installed: {', '.join(missing)}"
        yield (
            note(name, words, f"only for running it here: {wanted}")
            if extra
            else wrong(name, words, wanted)
        )
    elif count and not other:
        yield ok(name, f"{count} are there")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def room(name: str, free: int, folder: str) -> Finding:
    """Whether models and images will fit."""
    words = f"{in_bytes(free)} free in {Path(folder).resolve()}"
    if free >= LITTLE_ROOM:
        return ok(name, words)
    return warning(name, words, "make room: a job needs several times its model's size")


def configuration() -> Finding:
    """Whether it can be used, where it comes from, and whether others can read a key in it."""
    try:
        found = Configuration.load()
        path = config_path()
    except ConfigurationError as error:
        return wrong("configuration", str(error), "correct it")
    words = f"{found.url} ({found.origins.get('url', 'the default')})"
    if found.api_key is None:
        return ok("configuration", f"{words}, no key")
    origin = found.origins["api_key"]
    if origin == str(path) and stat.S_IMODE(path.stat().st_mode) & 0o077:
        return warning("configuration", f"others can read the key in {path}", f"chmod 600 {path}")
    return ok("configuration", f"{words}, a key ({origin})")
