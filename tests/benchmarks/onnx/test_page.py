from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from benchmarks.onnx.measuring import Row
from benchmarks.onnx.page import page

ROW = Row(
    family="resnet",
    exporter="dynamo",
    opset=20,
    nodes=40,
    megabytes=0.5,
    convolutions=7,
    products=1,
    norms=6,
    read_seconds=0.12,
    difference=2e-6,
    changed=14,
    tensors=30,
    same_graph=True,
    after=3e-6,
)


def written(**changed: Any) -> str:
    rows = [asdict(ROW) | changed]
    return page({"machine": {"cores": 2}, "versions": {"torch": "2"}, "32 pixels": rows})


def test_the_page_says_what_was_reached() -> None:
    made = written()
    assert (
        "| resnet | dynamo | 20 | 40 | 0.50 | 7 + 1 + 6 | 0.1 s | 2e-06 | 14 of 30 | same | 3e-06 |"
    ) in made
    assert "## 32 pixels" in made
    assert "torch 2. cores: 2" in made
    assert "✗ |" not in made


@pytest.mark.parametrize(
    "changed", [{"difference": 2e-4}, {"after": 2e-4}, {"same_graph": False}], ids=str
)
def test_the_page_marks_what_was_not(changed: dict[str, Any]) -> None:
    assert "✗ |" in written(**changed)
