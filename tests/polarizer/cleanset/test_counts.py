from __future__ import annotations

import pytest
import torch

from polarizer.cleanset.counts import count_findings
from polarizer.cleanset.report import Severity


def codes(*counts: int) -> set[str]:
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    return {
        finding.code for finding in count_findings(labels, [f"c{i}" for i in range(len(counts))])
    }


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((50, 50, 50), set()),
        ((30, 30, 30), {"few-images"}),
        ((60, 60, 0), {"missing-classes"}),
        ((60, 60, 4), {"few-of-class", "imbalanced"}),
        ((100, 100, 10), {"imbalanced"}),
        ((100, 100, 11), set()),
        ((2, 2, 2), {"few-images", "few-of-class"}),
    ],
)
def test_what_is_too_few(counts: tuple[int, ...], expected: set[str]) -> None:
    assert codes(*counts) == expected


def test_many_missing_classes_are_serious_and_named() -> None:
    (finding,) = count_findings(torch.zeros(200, dtype=torch.int64), ["cat", "dog", "owl"])

    assert finding.severity is Severity.SERIOUS
    assert "dog, owl" in finding.message
