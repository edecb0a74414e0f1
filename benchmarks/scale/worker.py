"""``python -m benchmarks.scale.worker``: the real worker, whose jobs are those of ``stub.py``."""

from __future__ import annotations

import functools
import sys

from worker import app
from worker.__main__ import main

STUB = (sys.executable, "-P", "-S", "-m", "benchmarks.scale.stub")

if __name__ == "__main__":
    app.Runner = functools.partial(app.Runner, command=STUB)  # type: ignore[assignment,misc]
    sys.exit(main([]))
