"""Points its artefact at a file that is not its own."""

from pathlib import Path

from tests.worker.children.speech import report, say

Path("out/model.safetensors").symlink_to("/etc/passwd")
report()
say(type="succeeded")
