"""docs/security.md counts the kinds of hostile files: there are as many, and all are different."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.polarizer.hostile import DATASETS, MODELS, datasets, models
from tests.polarizer.hostile.onnx_files import ONNX

PAGE = (Path(__file__).parents[3] / "docs" / "security.md").read_text()
GROUPS = {
    "models: code in a pickle": models.PICKLES,
    "models: more memory than there is": models.MEMORY,
    "models: damaged": models.DAMAGED,
    "models: ONNX": ONNX,
    "models: formats that are not read": models.OTHER_FORMATS,
    "data sets: paths and links": datasets.PATHS,
    "data sets: more memory than there is": datasets.MEMORY,
    "data sets: code": datasets.CODE,
    "data sets: damaged": datasets.DAMAGED,
}


@pytest.mark.parametrize("group", GROUPS)
def test_there_are_as_many_as_the_page_says(group: str) -> None:
    said = re.search(rf"^\| {re.escape(group)} \| (\d+) \|", PAGE, re.MULTILINE)
    assert said, group
    assert len(GROUPS[group]) >= int(said[1])


def test_together_they_are_more_than_a_hundred() -> None:
    different = {make for group in GROUPS.values() for make in group.values()}
    assert len(MODELS) + len(DATASETS) >= len(different) >= 120
