"""Whether this machine can confine: tried by a process that confines itself, not only asked.

A container's own filter, or a kernel that was built without a part, shows itself only so.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from confinement.process import Files, Mode, SandboxError, confine_calls, confine_files
from confinement.process import missing_parts as named_missing
from confinement.rules import Allowance

SECONDS = 60.0
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")


def missing_parts() -> list[str]:
    """What does not work here, in words; empty if the sandbox is whole. Takes a tenth of a
    second."""
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment["PYTHONPATH"] = str(Path(__file__).resolve().parent.parent)
    command = [sys.executable, "-P", "-m", "confinement"]
    try:
        ended = subprocess.run(  # noqa: S603 - the command is ours
            command, env=environment, capture_output=True, timeout=SECONDS, check=False
        )
        return [str(part) for part in json.loads(ended.stdout)]
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return [f"a trial that ends ({type(error).__name__})"]


def tried() -> list[str]:
    """Confines this process, which is of no other use afterwards, and looks at what is left."""
    missing = named_missing()
    if missing:
        return missing
    here = Path(__file__).resolve().parent
    try:
        confine_files(Files(), Allowance(), Mode.REQUIRE)
        confine_calls(Allowance(), Mode.REQUIRE, listened=False)
    except SandboxError as error:
        return [str(error)]
    if not _is_refused(lambda: os.listdir("/")):  # noqa: PTH208 - one call, at once
        missing.append("Landlock that refuses")
    if not _is_refused(lambda: os.symlink("x", here / "x")):  # noqa: PTH211 - likewise
        missing.append("a filter that refuses")
    return missing


def _is_refused(what: Callable[[], object]) -> bool:
    try:
        what()
    except PermissionError:
        return True
    except OSError:
        return False
    return False
