"""Requests from the OpenAPI document, by schemathesis: valid and invalid ones, each answer checked
against the document."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.fuzz.site import IDS, fuzzed_site, server_errors

ROOT = Path(__file__).parents[2]
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
)
"""Not ``positive_data_acceptance``: what fits the document may still name an upload that is not
there. Not ``negative_data_rejection``: a few calls take more than the document says ("yes" for a
boolean, a body that they ignore)."""


def run(
    folder: Path, *, seed: int, examples: int, phases: str = "fuzzing", seconds: int | None = None
) -> dict[str, Any]:
    """A summary: how many requests, which statuses, what was found."""
    report = folder / "report.json"
    with fuzzed_site(folder) as (url, ids, log):
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json"),
            *("--max-examples", str(examples), "--seed", str(seed), "--phases", phases),
            *("--checks", ",".join(CHECKS), "--continue-on-failure", "--no-shrink", "--no-color"),
            *("--request-timeout", "30", "--suppress-health-check", "all", "--warnings", "off"),
            *("--report", "ndjson", "--report-ndjson-path", str(report)),
            *(("--max-time", str(seconds)) if seconds else ()),
        ]
        environment = os.environ | {
            IDS: json.dumps(ids),
            "SCHEMATHESIS_HOOKS": "tests.fuzz.request_hooks",
            "PYTHONPATH": str(ROOT),
        }
        done = subprocess.run(
            command, env=environment, cwd=folder, capture_output=True, text=True, check=False
        )
        (folder / "schemathesis.txt").write_text(done.stdout + done.stderr)
    return _summary(report, log, done)


def _summary(report: Path, log: Path, done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    statuses: Counter[int] = Counter()
    findings: Counter[str] = Counter()
    operations: set[str] = set()
    for line in report.read_text().splitlines():
        finished = json.loads(line).get("ScenarioFinished")
        if finished is not None:
            recorder = finished["recorder"]
            operations.add(recorder["label"])
            statuses.update(_statuses(recorder))
            findings.update(_failed(recorder))
    return {
        "requests": statuses.total(),
        "operations": len(operations),
        "statuses": {str(status): statuses[status] for status in sorted(statuses)},
        "server_errors": sum(count for status, count in statuses.items() if status >= 500),
        "unanswered": statuses[0],
        "logged_errors": [str(line.get("event")) for line in server_errors(log)][:20],
        "findings": dict(sorted(findings.items())),
        "ended_in_order": done.returncode in (0, 1) and bool(statuses),
    }


def _statuses(recorder: dict[str, Any]) -> Iterator[int]:
    """0 for a request that got no answer."""
    for interaction in recorder.get("interactions", {}).values():
        yield (interaction["response"] or {}).get("status_code", 0)


def _failed(recorder: dict[str, Any]) -> Iterator[str]:
    for checks in recorder.get("checks", {}).values():
        for check in checks:
            if check["status"] != "success":
                yield f"{recorder['label']}: {check['name']}"
