"""As by a service manager that tells every process of a worker."""

import os
import signal

from tests.worker.children.speech import say

say(type="stage", stage="validating")
os.kill(os.getpid(), signal.SIGTERM)
