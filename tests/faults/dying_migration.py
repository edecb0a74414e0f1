"""``python -m tests.faults.dying_migration "before 0002"``: migrates, and kills itself there."""

from __future__ import annotations

import os
import signal
import sys

from alembic.script.base import Script

from service.__main__ import cli


def main(dies: str) -> None:
    loaded = Script.__init__

    def load(script: Script, module: object, *args: object, **named: object) -> None:
        loaded(script, module, *args, **named)
        upgrade = script.module.upgrade

        def step(*given: object, **more: object) -> None:
            if dies == f"before {script.revision}":
                os.kill(os.getpid(), signal.SIGKILL)
            upgrade(*given, **more)
            if dies == f"after {script.revision}":
                os.kill(os.getpid(), signal.SIGKILL)

        script.module.upgrade = step

    Script.__init__ = load
    cli(["migrate"])


if __name__ == "__main__":
    main(sys.argv[1])
