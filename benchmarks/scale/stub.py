"""A job's process that takes a fixed wall time and next to none of the processor, so that two cores
are not the limit; it speaks as the real one does, and leaves an artefact and a report."""

import os
import time

from tests.worker.children.speech import JOB, artefact, report, say

SECONDS = JOB["config"]["seed"] / 1000
"""The request's seed is how many milliseconds its job takes."""


def main() -> None:
    for stage in ("validating", "measuring"):
        say(type="stage", stage=stage)
    say(type="measured", numbers={"accuracy_before": 0.9})
    say(type="stage", stage="purifying")
    time.sleep(SECONDS)
    say(type="stage", stage="evaluating")
    say(type="measured", numbers={"accuracy_after": 0.8})
    artefact(JOB["defense_id"].encode() + os.urandom(50_000))
    report()
    say(type="succeeded")


if __name__ == "__main__":
    main()
