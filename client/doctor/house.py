"""What is installed here beside the command: torch, the sandbox, and what a service of this machine
would use. Each is asked by a process of its own, so that nothing of it is loaded here."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any

from client.command.modules import command_of, environment, is_there
from client.doctor.findings import Finding, note, ok, warning, wrong

SECONDS = 120.0
ABOUT_TORCH = (
    "import json, torch; print(json.dumps({'version': torch.__version__,"
    " 'built_for': torch.version.cuda, 'usable': torch.cuda.is_available(),"
    " 'threads': torch.get_num_threads()}))"
)
DEPLOYED = ("POLARIZER_DATABASE_URL", "POLARIZER_BROKER_URL", "POLARIZER_STORE_URL")


def check_house() -> Iterator[Finding]:
    """Nothing about parts that are not installed, but that they are not."""
    yield (
        torch()
        if is_there("torch")
        else note("torch", "not installed", "only for repairs and services on this machine")
    )
    if is_there("confinement"):
        yield sandbox()
    if is_there("service") and is_there("fastapi"):
        yield from parts()


def torch() -> Finding:
    """Whether it loads, and whether it finds the graphics card that it was built for."""
    interpreter = command_of("x")[0]
    found = _asked([interpreter, "-P", "-c", ABOUT_TORCH])
    if not isinstance(found, dict):
        return wrong("torch", f"does not load: {found}", "install it again")
    words = f"{found['version']}, {found['threads']} threads"
    if found["usable"]:
        return ok("torch", f"{words}, CUDA {found['built_for']}")
    if found["built_for"]:
        return warning(
            "torch",
            f"{words}, built for CUDA {found['built_for']}, which finds no graphics card",
            "look at nvidia-smi; or install the CPU build, which is smaller",
        )
    return ok("torch", f"{words}, CPU only")


def sandbox() -> Finding:
    """Whether this machine can confine what reads strangers' files."""
    found = _asked(command_of("confinement"), also=(1,))
    if not isinstance(found, list):
        return wrong("sandbox", f"cannot be tried: {found}", "install the package again")
    if not found:
        return ok("sandbox", "whole")
    return warning(
        "sandbox",
        f"missing: {', '.join(map(str, found))}",
        "a Linux kernel from 5.13 with Landlock and seccomp; in a container, allow both",
    )


def parts() -> Iterator[Finding]:
    """Database, store and broker of a service that is deployed from here."""
    named = [name for name in DEPLOYED if os.environ.get(name)]
    if not named:
        yield note("service here", "not set up", "`polarizer serve` needs nothing to be set up")
        return
    found = _asked(command_of("service", "check"), also=(1,))
    if not isinstance(found, dict):
        yield wrong("service here", str(found), "correct the POLARIZER_* variables")
        return
    for name, state in found.items():
        if state == "ok":
            yield ok(f"{name} here", "answers")
        else:
            told = f"see docs/operations.md; set: {', '.join(named)}"
            yield wrong(f"{name} here", str(state), told)


def _asked(command: Sequence[str], also: Sequence[int] = ()) -> Any:  # noqa: ANN401 - JSON
    """What a program says as JSON, or its last line of complaint as a text."""
    try:
        done = subprocess.run(  # noqa: S603 - the commands are ours
            list(command),
            env=environment(),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    if done.returncode not in (0, *also):
        return lines[-1] if lines else f"exit status {done.returncode}"
    try:
        return json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        return lines[-1] if lines else "it said nothing"
