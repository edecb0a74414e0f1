"""Much noise between valid words, and then what a good child leaves."""

import os
import sys

from tests.worker.children.speech import artefact, report, say

say(type="stage", stage="purifying")
sys.stdout.flush()
os.write(1, b"\xff\xfe\x00 not text\n{]\n[1, 2]\n")
os.write(1, b"x" * 1_000_000 + b"\n")
say(type="stage", stage="storing")
say(type="stage", stage="validating")
say(type="status", status="succeeded")
say(type="measured", numbers={"accuracy_after": 40})
for number in range(500):
    say(type="warning", code="noise", message=f"warning {number}")
artefact(b"purified")
report()
say(type="succeeded")
