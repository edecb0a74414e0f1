from __future__ import annotations

from typing import Any

import pytest

from polarizer.config import PurifyConfig
from polarizer.planning import planned
from polarizer.progress import Checked, Part, Prepared, Progress, StepDone
from polarizer.purification import purify
from tests.polarizer.networks import some_images, tiny_classifier

SHAPE = (3, 32, 32)


@pytest.mark.parametrize(
    "given",
    [
        {"method": "deep", "check_every": 2},
        {"method": "stage", "check_every": 1},
        {"method": "npd", "warmup_steps": 2, "check_every": 0},
        {"method": "r-cnpd", "check_every": 3},
    ],
    ids=lambda given: given["method"],
)
def test_the_plan_is_what_happens(given: dict[str, Any]) -> None:
    config = PurifyConfig(steps=5, batch_size=8, **given)
    events: list[Progress] = []

    purify(tiny_classifier(), some_images(30), config, on_progress=events.append)

    plan = planned(config, (3, 8, 8), 3, 27, 3)
    assert plan[Part.CHECKS].count == sum(isinstance(event, Checked) for event in events)
    steps = plan[Part.WARMUP].count + plan[Part.STEPS].count
    assert steps == sum(isinstance(event, StepDone) for event in events) == 5
    for part in (Part.SEARCH, Part.DOORS):
        happened = sum(isinstance(event, Prepared) and event.part is part for event in events)
        assert happened == (plan[part].count if part in plan else 0)


def test_without_held_out_images_nothing_is_checked() -> None:
    plan = planned(PurifyConfig(batch_size=32), SHAPE, 10, 100, 0)
    assert plan[Part.CHECKS].count == 0


def test_only_deep_prepares_itself() -> None:
    assert Part.SEARCH in planned(PurifyConfig(method="deep", batch_size=32), SHAPE, 10, 100, 10)
    assert Part.SEARCH not in planned(PurifyConfig(method="stage"), SHAPE, 10, 100, 10)


def test_two_classes_have_two_doors() -> None:
    config = PurifyConfig(method="deep", batch_size=32)
    assert planned(config, SHAPE, 2, 100, 10)[Part.DOORS].count == 2
    assert planned(config, SHAPE, 10, 100, 10)[Part.DOORS].count == 3
