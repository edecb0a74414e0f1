"""Leaves an alarm beside its artefact."""

from pathlib import Path

from tests.worker.children.speech import artefact, report, say

artefact(b"purified")
Path("out/alarm.safetensors").write_bytes(b"as it was")
report(alarm={"threshold": 1.5, "images": 99, "flagged": 0, "rate": 0.01})
say(type="succeeded")
