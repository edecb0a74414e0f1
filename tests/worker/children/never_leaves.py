"""Says that it is done and goes on running."""

import time

from tests.worker.children.speech import artefact, report, say

artefact(b"purified")
report()
say(type="succeeded")
time.sleep(1000)
