"""Says that it left an alarm, and did not."""

from tests.worker.children.speech import artefact, report, say

artefact(b"purified")
report(alarm={"threshold": 1.5, "images": 99, "flagged": 0, "rate": 0.01})
say(type="succeeded")
