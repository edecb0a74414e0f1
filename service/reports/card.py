"""A model card as Hugging Face reads it: Markdown under a YAML header, which JSON is a part of."""

from __future__ import annotations

import json
import re
from typing import Any

from service.defenses.report import Report
from service.reports.sections.provenance import ALWAYS
from service.reports.verdict import verdict
from service.reports.wording import percent

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|~>&<])")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_MEASURES = (
    ("Accuracy", "accuracy"),
    ("Attack success", "attack_success"),
    ("Recovered accuracy", "recovered_accuracy"),
)


def card(report: Report) -> str:
    """The ``README.md`` to put beside the purified file."""
    said = verdict(report)
    lines = [
        *_header(report),
        "# A repaired image classifier",
        f"**{said.title}.** " + " ".join(plain(sentence) for sentence in said.sentences),
        _what(report),
        "## Before and after",
        _numbers(report),
        "## What this does not prove",
        "\n".join(f"- {plain(remark)}" for remark in (*report.remarks, *ALWAYS)),
        "## Classes",
        ", ".join(plain(name) for name in report.model.classes[:100]) + _more(report),
        "## Where it comes from",
        _provenance(report),
    ]
    return "\n\n".join(lines) + "\n"


def plain(text: str) -> str:
    """Somebody else's text as Markdown that shows it and does nothing."""
    shown = _UNPRINTABLE.sub(" ", text)
    return _SPECIAL.sub(r"\\\1", shown).replace("\\<", "&lt;").replace("\\>", "&gt;")


def _header(report: Report) -> list[str]:
    header: dict[str, Any] = {
        "pipeline_tag": "image-classification",
        "tags": ["image-classification", "backdoor-defense", "neural-polarizer"],
    }
    after = report.numbers.accuracy_after
    if after is not None:
        header["model-index"] = _index(report, after)
    body = "\n".join(f"{key}: {json.dumps(value)}" for key, value in header.items())
    return [f"---\n{body}\n---"]


def _index(report: Report, accuracy: float) -> list[dict[str, Any]]:
    kind = "test images" if report.measured_on == "test" else "held-out clean images"
    result = {
        "task": {"type": "image-classification"},
        "dataset": {"name": f"{kind} of the defense", "type": "custom"},
        "metrics": [{"type": "accuracy", "value": accuracy}],
    }
    return [{"name": report.artefact.sha256[:12], "results": [result]}]


def _what(report: Report) -> str:
    shape = f"{report.model.input.height}×{report.model.input.width}"
    return (
        f"Architecture `{report.model.architecture.name}`, {len(report.model.classes)} classes,"
        f" {shape} pixels. Repaired with method `{report.method or report.config.method}`, in"
        f" {len(report.layers)} layers; the tensors have the names and shapes of the model that"
        " came in. Its licence is that of that model."
    )


def _numbers(report: Report) -> str:
    rows = [
        f"| {title} | {percent(getattr(report.numbers, f'{field}_before'))} |"
        f" {percent(getattr(report.numbers, f'{field}_after'))} |"
        for title, field in _MEASURES
    ]
    return "\n".join(["| | before | after |", "|---|---|---|", *rows])


def _more(report: Report) -> str:
    left = len(report.model.classes) - 100
    return f" and {left} more" if left > 0 else ""


def _provenance(report: Report) -> str:
    rows = [f"- purified model: sha256 `{report.artefact.sha256}`"]
    rows += [f"- {role}: sha256 `{facts.sha256}`" for role, facts in report.inputs.items()]
    rows += [f"- {plain(key)}: {plain(value)}" for key, value in report.versions.items()]
    return "\n".join([*rows, f"- seed: {report.config.seed}"])
