from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from polarizer.config import PUBLISHED_NPD, PurifyConfig


def test_npd_takes_the_published_settings_and_what_is_given() -> None:
    config = PurifyConfig(method="npd", learning_rate=0.05)

    assert config.learning_rate == 0.05
    dumped = config.model_dump()
    assert all(dumped[name] == v for name, v in PUBLISHED_NPD.items() if name != "learning_rate")


@pytest.mark.parametrize(
    "given", [{}, {"method": "npd"}, {"method": "npd", "steps": 300}, {"method": "a-cnpd"}]
)
def test_a_dumped_configuration_is_read_back_as_it_was(given: dict[str, Any]) -> None:
    config = PurifyConfig(**given)

    assert PurifyConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize(
    "given",
    [
        {"layers": []},
        {"layers": ["a", "a"]},
        {"method": "npd", "layers": ["a", "b"]},
        {"method": "r-cnpd", "layers": ["a", "b"]},
        {"method": ["r-cnpd"]},
        {"steps": 0},
        {"steps": 5, "warmup_steps": 5},
        {"learning_rate": 0},
        {"learning_rate": float("nan")},
        {"trigger_norm": -1},
        {"target_weight": float("inf")},
        {"holdout": 0.9},
        {"target_class": 0},
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PurifyConfig(**given)
