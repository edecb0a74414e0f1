"""Says everything a child may say, and leaves an artefact and a report."""

from tests.worker.children.speech import JOB, artefact, report, say

say(type="stage", stage="validating")
say(type="warning", code="few-images", message="only 4 images")
say(type="stage", stage="measuring")
say(type="measured", numbers={"accuracy_before": 0.9})
say(type="stage", stage="purifying")
for step in (1, 2):
    say(
        type="progress",
        fraction=step / 2,
        step=step,
        steps=2,
        losses={"total": 0.5},
        remaining_seconds=10.0,
    )
say(type="stage", stage="evaluating")
say(type="measured", numbers={"accuracy_after": 0.8})
artefact(b"purified " + JOB["defense_id"].encode())
report()
say(type="succeeded")
