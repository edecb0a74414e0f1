"""A child that speaks like the real one and computes nothing, so that hundreds of jobs fit into
minutes. What it does follows from the seed of the request. Jobs with the description of
``tests/worker/samples.py`` are given to the real child.

Imports nothing but a little of the standard library: it must start in a few milliseconds.
"""

import os
import sys
import time

from tests.worker.children.speech import JOB, artefact, report, say

REAL_CLASSES = ["rows", "columns", "squares"]
SLOW, FAILS, HANGS = 1, 2, 3
"""Remainders of the seed by ten; others succeed at once."""


def main() -> None:
    if JOB["description"]["classes"] == REAL_CLASSES:
        os.execv(sys.executable, [sys.executable, "-P", "-m", "worker.child"])
    kind = JOB["config"]["seed"] % 10
    say(type="stage", stage="validating")
    say(type="stage", stage="measuring")
    say(type="measured", numbers={"accuracy_before": 0.9})
    say(type="stage", stage="purifying")
    steps = {SLOW: 10, HANGS: 40}.get(kind, 2)
    for step in range(1, steps + 1):
        time.sleep(0.15 if steps > 2 else 0.02)
        progress = {"fraction": step / steps, "step": step, "steps": steps}
        say(type="progress", **progress, losses={"total": 0.5}, remaining_seconds=1.0)
    if kind == FAILS:
        say(type="failed", code="checkpoint-keys", message="as the seed wanted it")
        return
    say(type="stage", stage="evaluating")
    say(type="measured", numbers={"accuracy_after": 0.8})
    artefact(f"{JOB['defense_id']} {JOB['attempt']}\n".encode() + os.urandom(50_000))
    report()
    say(type="succeeded")


if __name__ == "__main__":
    main()
