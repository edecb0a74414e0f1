"""docs/operations.md names every setting with its default."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from service.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs/operations.md").read_text()
ROWS = dict(re.findall(r"^\| `POLARIZER_(\w+)` \| (?:`([^`]+)` )?\| \S", PAGE, re.MULTILINE))


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("POLARIZER_"):
            monkeypatch.delenv(name)


def test_every_setting_is_documented_and_nothing_else() -> None:
    assert ROWS.keys() == {name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_documented_default_is_the_default(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    documented = ROWS[name.upper()]
    if documented:
        monkeypatch.setenv(f"POLARIZER_{name}".upper(), documented)
        assert getattr(Settings(), name) == Settings.model_fields[name].default
    else:
        assert Settings.model_fields[name].default in (None, "", ())
