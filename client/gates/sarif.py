"""Gates as SARIF 2.1.0, which code-scanning pages show: a rule a gate, a result each."""

from __future__ import annotations

import re
from typing import Any

from client.configuration import our_version
from client.gates.checking import Gate, Verdict

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
VERSION = "2.1.0"


def as_sarif(verdict: Verdict) -> dict[str, Any]:
    """Failed gates are errors, passed ones of kind ``pass``."""
    driver = {
        "name": "polarizer",
        "version": our_version(),
        "rules": [_rule(index, gate) for index, gate in enumerate(verdict.gates)],
    }
    run = {
        "tool": {"driver": driver},
        "artifacts": [
            {"location": {"uri": as_uri(verdict.subject)}, "hashes": {"sha-256": verdict.sha256}}
        ],
        "results": [_result(index, gate, verdict) for index, gate in enumerate(verdict.gates)],
        "columnKind": "unicodeCodePoints",
    }
    return {"$schema": SCHEMA, "version": VERSION, "runs": [run]}


def _rule(index: int, gate: Gate) -> dict[str, Any]:
    return {
        "id": rule_id(index, gate),
        "shortDescription": {"text": f"required: {gate.condition}"},
        "fullDescription": {
            "text": f"The report of a repaired classifier must satisfy: {gate.condition}"
        },
        "defaultConfiguration": {"level": "error"},
    }


def _result(index: int, gate: Gate, verdict: Verdict) -> dict[str, Any]:
    return {
        "ruleId": rule_id(index, gate),
        "ruleIndex": index,
        "kind": "pass" if gate.passed else "fail",
        "level": "none" if gate.passed else "error",
        "message": {"text": f"required: {gate.condition}; found: {gate.reason}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": as_uri(verdict.subject), "index": 0},
                    "region": {"startLine": 1},
                }
            }
        ],
        "partialFingerprints": {"gate/v1": f"{rule_id(index, gate)}:{gate.condition}"},
    }


def rule_id(index: int, gate: Gate) -> str:
    """After the values that it reads, so that it stays the same when a limit is moved."""
    names = "-".join(gate.values) or "condition"
    return f"gate-{index + 1}-{re.sub(r'[^a-z0-9-]+', '-', names.lower())}"


def as_uri(subject: str) -> str:
    """A report on disk is a relative path, a defense a URN."""
    if subject.startswith("def_"):
        return f"urn:polarizer:defense:{subject}"
    return re.sub(r"[^A-Za-z0-9._~/:#=-]", "_", subject.replace("\\", "/"))
