"""Succeeds, and leaves a process behind that holds its standard output open."""

import subprocess
import sys

from tests.worker.children.speech import artefact, report, say

other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
say(type="warning", code="pids", message=str(other.pid))
artefact(b"purified")
report()
say(type="succeeded")
