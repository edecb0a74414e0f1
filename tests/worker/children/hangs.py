"""Never ends, and starts another process that does not end either."""

import subprocess
import sys
import time

from tests.worker.children.speech import say

other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
say(type="stage", stage="purifying")
say(type="warning", code="pids", message=str(other.pid))
time.sleep(1000)
