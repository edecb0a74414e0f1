"""Pages of documentation as programs: their blocks of code, and a way to run them word for word."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SECONDS = 1700.0

PATIENCE = {
    "POLARIZER_TIMEOUT": "600",
    "POLARIZER_ENGINE_TIMEOUT_SECONDS": "600",
    "POLARIZER_LEASE_SECONDS": "600",
}
"""A slow machine is no reason to fail."""

_FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```[ \t]*$", re.DOTALL | re.MULTILINE)
_SERVER = re.compile(r"(make|polarizer|\S+/polarizer) serve\s*(#.*)?")

needs_bash = pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")

# A service takes any free port here; addresses on pages are led there. What a story leaves running
# is stopped with it.
_BEGINNING = """
set -euo pipefail -o allexport
trap 'trap "" TERM; kill -TERM 0; wait' EXIT
await_service() {
    until grep -q 'listens on' service.log; do
        kill -0 "$1" || { cat service.log >&2; return 1; }
        sleep 0.1
    done
    POLARIZER_URL=$(sed -n 's/.*listens on //p' service.log)
    printf 'connect-to = "127.0.0.1:8000:%s"\\n' "${POLARIZER_URL#http://}" >>"$CURL_HOME/.curlrc"
}
"""


@dataclass(frozen=True)
class Block:
    """Fenced code of a page; ``where`` is the page and the line of the fence."""

    language: str
    text: str
    where: str

    @property
    def serves(self) -> bool:
        """Whether it starts a service, in a terminal of its own."""
        return _SERVER.fullmatch(self.text.strip()) is not None


def blocks(page: Path, *languages: str) -> list[Block]:
    """Those in one of the languages, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(match[1], match[2], f"{page.name}:{text.count(chr(10), 0, match.start()) + 1}")
        for match in _FENCE.finditer(text)
        if match[1] in languages
    ]


def ids(found: Sequence[Block]) -> list[str]:
    """For pytest: the same in every process."""
    pages = [block.where.partition(":")[0] for block in found]
    return [f"{page}-{pages[:index].count(page)}" for index, page in enumerate(pages)]


def story(found: Sequence[Block]) -> str:
    """One program of a page's shell and Python blocks, in order; they share their variables."""
    return _BEGINNING + "".join(map(_step, found))


def _step(block: Block) -> str:
    said = f"printf '%s\\n' '--- {block.where}' >&2\n"
    if block.language == "python":
        return f"{said}python - <<'END_OF_BLOCK'\n{block.text}END_OF_BLOCK\n"
    if not block.serves:
        return said + block.text
    command = block.text.partition("#")[0].strip()
    return f"{said}: >service.log\n{command} >service.log 2>&1 &\nawait_service $!\n"


def run(program: str, folder: Path, environment: Mapping[str, str]) -> str:
    """What a program for bash writes to standard output; fails the test with everything that it
    said, when it fails. Nothing of it is left running."""
    process = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", program],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        said, complained = process.communicate(timeout=SECONDS)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    log = folder / "service.log"
    served = log.read_text(errors="replace")[-3000:] if log.exists() else ""
    assert process.returncode == 0, f"{process.returncode}\n{said}\n{complained}\n{served}"
    return said


def environment(folder: Path, **changes: str) -> dict[str, str]:
    """That of somebody who has just got the source: ``polarizer`` and ``python`` are on the path,
    nothing is configured, and services do not meet those of others."""
    tools = tools_in(folder / "bin")
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("POLARIZER_", "MAKE", "MFLAGS"))
    }
    return inherited | {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "XDG_CONFIG_HOME": str(folder / "configuration"),
        "CURL_HOME": str(curl_home(folder)),
        "POLARIZER_PORT": "0",
        "POLARIZER_DEVICE": "cpu",
        "POLARIZER_SHUTDOWN_SECONDS": "1",
        **PATIENCE,
        **changes,
    }


def tools_in(folder: Path) -> Path:
    """A folder with ``python`` and ``polarizer``, which are those of the tests."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, command in (("python", ""), ("python3", ""), ("polarizer", " -m client")):
        tool = folder / name
        tool.write_text(f'#!/bin/sh\nexec "{sys.executable}"{command} "$@"\n')
        tool.chmod(0o755)
    return folder


def curl_home(folder: Path) -> Path:
    """Where curl finds that a refusal is a failure."""
    (folder / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
    return folder
