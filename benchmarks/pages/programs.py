"""What must be installed here."""

from __future__ import annotations

from tests.service.pages.chromium import installed


def chromium() -> str:
    """The browser's path. Raises SystemExit where there is none."""
    program = installed()
    if program is None:
        raise SystemExit("no Chromium is installed; on Debian: apt-get install chromium")
    return program
