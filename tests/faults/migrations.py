"""Migrations that die at every step: afterwards the database is what it was, or what it should
be; the service refuses what is not; another try succeeds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from alembic.script import ScriptDirectory

from service.database import Database, SchemaError, _alembic_config
from tests.faults.parts import ROOT
from tests.faults.promises import Violation

KILLED = -9


def revisions() -> list[str]:
    """All, the oldest first."""
    script = ScriptDirectory.from_config(_alembic_config(None))
    return [step.revision for step in reversed(list(script.walk_revisions()))]


def killed_migration(url: str, data: Path, revision: str, when: str) -> list[Violation]:
    """Migrates an empty database, dies before or after this revision's step, tries again."""
    subject = f"migration killed {when} {revision}"
    died = _migrate(url, data, f"{when} {revision}")
    if died != KILLED:
        return [Violation("the fault happens", subject, f"it ended with {died}")]
    found = []
    if _is_current(url):
        found.append(Violation("a migration is whole or not at all", subject, "half of it"))
    if revision == revisions()[-1] and _api_starts(url, data):  # the others would tell the same
        found.append(Violation("an old schema is refused", subject, "the API started"))
    if _migrate(url, data, "") != 0 or not _is_current(url):
        found.append(Violation("a migration can be repeated", subject, "it cannot"))
    return found


def _migrate(url: str, data: Path, dies: str) -> int:
    command = [sys.executable, "-m", "tests.faults.dying_migration", dies]
    environment = {"POLARIZER_DATABASE_URL": url, "POLARIZER_DATA_DIR": str(data)}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, check=False
    ).returncode


def _is_current(url: str) -> bool:
    database = Database(url)
    try:
        database.require_current_schema()
    except SchemaError:
        return False
    finally:
        database.dispose()
    return True


def _api_starts(url: str, data: Path) -> bool:
    environment = {"POLARIZER_DATABASE_URL": url, "POLARIZER_DATA_DIR": str(data)}
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "service", "api", "--port", "0"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            timeout=180,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return True
    return ended.returncode != 1 or b"python -m service migrate" not in ended.stderr
