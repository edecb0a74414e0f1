"""``python -m confinement``: tries the sandbox and prints what is missing, as a JSON list. Exits 0
if nothing is."""

from __future__ import annotations

import json
import sys

from confinement.trial import tried

if __name__ == "__main__":
    missing = tried()
    sys.stdout.write(json.dumps(missing) + "\n")
    sys.stdout.flush()
    sys.exit(1 if missing else 0)
