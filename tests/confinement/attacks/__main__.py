"""Confines itself as a job's process does, then tries everything, and says what came of it as one
JSON object a line: ``python -m tests.confinement.attacks FOLDER``, with a socket as standard input
and a description of what there is to attack in ``TARGETS``.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
from collections.abc import Callable

from confinement import Allowance, Files, Mode, confine_calls, confine_files, landlock
from confinement.reports import give_away
from tests.confinement.attacks import ATTACKS, WORKS
from tests.confinement.attacks.trying import FOLDER


def tried(what: Callable[[], object]) -> str:
    """``done``, or the name of the error."""
    try:
        what()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, type(error).__name__)
    return "done"


def main() -> None:
    files = Files(readable=[FOLDER], writable=[FOLDER / "out", FOLDER / "tmp"])
    stdin = socket.socket(fileno=0)
    known = min(landlock.version(), int(os.environ["LANDLOCK"]))
    landlock.version = lambda: known  # type: ignore[assignment]
    confine_files(files, Allowance(), Mode.REQUIRE)
    listener = confine_calls(Allowance(socket=0), Mode.REQUIRE, listened=True)
    assert listener is not None
    give_away(listener, stdin)
    stdin.detach()
    for name, what in (WORKS | ATTACKS).items():
        sys.stdout.write(json.dumps({"begins": name}) + "\n")
        sys.stdout.flush()
        result = tried(what)
        sys.stdout.write(json.dumps({"name": name, "result": result}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
