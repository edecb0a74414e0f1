"""Leaves folders that cannot be entered, or are deeper than recursion goes."""

import os
from pathlib import Path

from tests.worker.children.speech import artefact, report, say

artefact(b"purified")
report()
Path("tmp/closed").mkdir()
Path("tmp/closed/file").touch()
Path("tmp/closed").chmod(0)
os.chdir("tmp")
for _ in range(1100):
    Path("d").mkdir()
    os.chdir("d")
say(type="succeeded")
