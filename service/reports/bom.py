"""A bill of materials of the purified model (CycloneDX 1.6, ``machine-learning-model``)."""

from __future__ import annotations

import uuid
from typing import Any

from service.defenses.report import InputFacts, Report
from service.reports.sections.provenance import ALWAYS

_NAMESPACE = uuid.UUID("5a2a3b0e-6f3d-5c0e-9a53-0f6f2f0b7f5e")
_BEFORE, _AFTER = "as it came", "purified"


def bom(report: Report) -> dict[str, Any]:
    """The document; the same for the same report."""
    identity = uuid.uuid5(_NAMESPACE, f"{report.defense_id} {report.artefact.sha256}")
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{identity}",
        "version": 1,
        "metadata": {"tools": {"components": _tools(report)}, "component": _model(report)},
        "components": [
            _data(role, facts) for role, facts in report.inputs.items() if role != "model"
        ],
    }


def _tools(report: Report) -> list[dict[str, Any]]:
    return [
        {"type": "application", "name": name, "version": version}
        for name, version in report.versions.items()
    ]


def _model(report: Report) -> dict[str, Any]:
    model: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": f"{report.model.architecture.name}, purified",
        "version": report.artefact.sha256[:12],
        "hashes": _hashes(report.artefact.sha256),
        "modelCard": _card(report),
    }
    came = report.inputs.get("model")
    if came is not None:
        ancestor = {
            "type": "machine-learning-model",
            "name": came.filename or "the model as it came",
            "hashes": _hashes(came.sha256),
        }
        model["pedigree"] = {"ancestors": [ancestor]}
    return model


def _card(report: Report) -> dict[str, Any]:
    spec = report.model.input
    shape = f"float32, N × {spec.channels} × {spec.height} × {spec.width}"
    return {
        "modelParameters": {
            "task": "image-classification",
            "modelArchitecture": report.model.architecture.name,
            "datasets": [{"ref": role} for role in report.inputs if role != "model"],
            "inputs": [{"format": shape}],
            "outputs": [{"format": f"float32, N × {len(report.model.classes)}"}],
        },
        "quantitativeAnalysis": {"performanceMetrics": _metrics(report)},
        "considerations": {"technicalLimitations": [*report.remarks, *ALWAYS]},
        "properties": [
            {"name": "neural-polarizer:defense", "value": report.defense_id},
            {"name": "neural-polarizer:seed", "value": str(report.config.seed)},
            {"name": "neural-polarizer:config", "value": report.config.model_dump_json()},
        ],
    }


def _metrics(report: Report) -> list[dict[str, str]]:
    pairs = (("_before", _BEFORE), ("_after", _AFTER))
    return [
        {"type": name.removesuffix(ending), "value": str(value), "slice": side}
        for name, value in report.numbers.model_dump(exclude_none=True).items()
        for ending, side in pairs
        if name.endswith(ending)
    ]


def _data(role: str, facts: InputFacts) -> dict[str, Any]:
    return {
        "type": "data",
        "bom-ref": role,
        "name": facts.filename or f"{role} images",
        "hashes": _hashes(facts.sha256),
        "data": [{"type": "dataset", "name": f"{role} images"}],
    }


def _hashes(sha256: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": sha256}]
