"""``python -m tests.faults.under api|worker|migrate``: the real program, with the steps of
``points.py`` wrapped, its clock moved by FAULTS_CLOCK seconds, and quick jobs."""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path

from tests.faults import clocks

LIGHT_CHILD = (sys.executable, "-P", "-S", "-m", "tests.faults.light_child")


def main(who: str) -> None:
    clocks.shift(float(os.environ.get("FAULTS_CLOCK", "0")))
    from tests.faults import points  # everything that tells the time is imported from here on

    points.install(who, Path(os.environ["FAULTS_CONTROL"]))
    if who == "worker":
        _work()
    from service.__main__ import cli

    cli([who])


def _work() -> None:
    from worker import app
    from worker.__main__ import main

    app.Runner = functools.partial(app.Runner, command=LIGHT_CHILD)
    sys.exit(main([]))


if __name__ == "__main__":
    main(sys.argv[1])
