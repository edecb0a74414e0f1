"""``deploy/audit``: red for a known weakness, never for a missing network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

AUDIT = Path(__file__).parents[2] / "deploy/audit"
STUB = """#!/bin/sh
while [ "$1" != --output ]; do shift; done
{report}
echo 'connection refused' >&2
exit 1
"""


def _audited(
    folder: Path, packages: list[dict[str, Any]] | None
) -> subprocess.CompletedProcess[str]:
    """What the script says when pip-audit reports these packages; None: nothing."""
    content = json.dumps({"dependencies": packages})
    report = "" if packages is None else f"echo '{content}' > \"$2\""
    stub = folder / "pip-audit"
    stub.write_text(STUB.replace("{report}", report))
    stub.chmod(0o755)
    path = f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["sh", str(AUDIT)],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


GOOD: dict[str, Any] = {"name": "good", "version": "1", "vulns": []}
UNKNOWN: dict[str, Any] = {"name": "ours", "skip_reason": "not there"}
WEAK: dict[str, Any] = {"name": "weak", "version": "2", "vulns": [{"id": "CVE-1"}, {"id": "CVE-2"}]}


@pytest.mark.parametrize(
    ("packages", "status", "said"),
    [
        (None, 0, "not asked"),
        ([GOOD, UNKNOWN], 0, "of 2 pinned packages the index knows 1"),
        ([UNKNOWN], 0, "knows 0"),
        ([GOOD, WEAK], 1, "weak 2: CVE-1, CVE-2"),
    ],
    ids=["no network", "good", "unknown", "weak"],
)
def test_the_audit(
    tmp_path: Path, packages: list[dict[str, Any]] | None, status: int, said: str
) -> None:
    done = _audited(tmp_path, packages)
    assert done.returncode == status, done.stderr
    assert said in done.stdout + done.stderr
