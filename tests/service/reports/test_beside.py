"""The model card and the bill of materials, checked by what others read them with."""

from __future__ import annotations

import json

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from service.defenses.report import Report
from service.reports.bom import bom
from service.reports.card import card, plain
from tests.service.reports import samples

REPORTS = {"everything": samples.everything, "nothing": samples.nothing}


@pytest.mark.parametrize("kind", REPORTS)
def test_the_bill_is_what_the_schema_asks_for(kind: str) -> None:
    text = json.dumps(bom(REPORTS[kind]()))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_the_bill_names_what_it_was_made_from() -> None:
    made = bom(samples.everything())
    model = made["metadata"]["component"]
    assert model["hashes"][0]["content"] == "ab" * 32
    assert model["pedigree"]["ancestors"][0]["name"] == "resnet.safetensors"
    refs = {part["bom-ref"] for part in made["components"]}
    assert refs == {one["ref"] for one in model["modelCard"]["modelParameters"]["datasets"]}
    metrics = model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert {"type": "accuracy", "value": "0.918", "slice": "purified"} in metrics
    assert made == bom(samples.everything())


def header(report: Report) -> dict[str, object]:
    _, text, body = card(report).split("---\n", 2)
    assert body.lstrip().startswith("# ")
    found: dict[str, object] = yaml.safe_load(text)
    return found


def test_the_card_has_a_header_and_the_verdict() -> None:
    found = header(samples.everything())
    assert found["pipeline_tag"] == "image-classification"
    (index,) = found["model-index"]  # type: ignore[misc]
    assert index["results"][0]["metrics"] == [{"type": "accuracy", "value": 0.918}]
    assert "model-index" not in header(samples.nothing())
    text = card(samples.everything())
    assert "**The backdoor no longer opens.**" in text
    assert "| Accuracy | 93.1 % | 91.8 % |" in text
    assert "ab" * 32 in text


def test_hostile_names_do_nothing_in_a_card() -> None:
    bad = ("<script>", "[x](javascript:y)", "a\n---\nlicense: mit", "`b`", "c | d")
    text = card(samples.everything(bad))
    assert "<script>" not in text
    assert "](javascript" not in text
    assert "\n---\nlicense" not in text
    assert plain("`b` | <i>") == "\\`b\\` \\| &lt;i&gt;"
