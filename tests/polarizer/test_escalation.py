from __future__ import annotations

from typing import Any

import pytest
import torch

import polarizer.purification
from polarizer.config import Method, PurifyConfig
from polarizer.escalation import MILD, between
from polarizer.progress import Checked, Progress, Started, StepDone
from polarizer.purification import Purification, purify
from tests.polarizer.networks import some_images, tiny_classifier

AUTO = PurifyConfig(method="auto", steps=4, batch_size=8, check_every=2, seed=3, holdout=0.2)


def repaired(monkeypatch: pytest.MonkeyPatch, against: str | None, **given: Any) -> Purification:
    monkeypatch.setattr(polarizer.purification, "reason_for_all", lambda *_, **__: against)
    return purify(tiny_classifier(), some_images(60), AUTO, **given)


def deep(strength: float) -> Purification:
    config = AUTO.model_copy(update={"method": Method.DEEP, "strength": strength})
    return purify(tiny_classifier(), some_images(60), config)


def test_a_door_that_a_part_closes_gets_that_part(monkeypatch: pytest.MonkeyPatch) -> None:
    result = repaired(monkeypatch, None)

    assert_same(result, deep(MILD))
    assert (result.config.method, result.config.strength) == (Method.DEEP, MILD)
    assert result.escalation is None


def test_otherwise_it_keeps_what_deep_does(monkeypatch: pytest.MonkeyPatch) -> None:
    result = repaired(monkeypatch, "a door is open")

    assert_same(result, deep(AUTO.strength))
    assert (result.config.method, result.config.strength) == (Method.DEEP, AUTO.strength)
    assert result.escalation == "a door is open"


def test_who_asks_for_little_is_not_examined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polarizer.purification, "reason_for_all", lambda *_, **__: 1 / 0)

    weak = AUTO.model_copy(update={"strength": 0.25})
    result = purify(tiny_classifier(), some_images(60), weak)

    assert result.config.strength == 0.25


@pytest.mark.parametrize("strength", [0.0, 0.25, 1.0])
def test_between_is_on_the_line(strength: float) -> None:
    base, end = tiny_classifier(), deep(1).classifier

    found = between(base, end, strength).state_dict()

    for name, value in base.state_dict().items():
        expected = value + strength * (end.state_dict()[name] - value)
        assert torch.allclose(found[name].double(), expected.double(), atol=1e-6), name


def assert_same(one: Purification, other: Purification) -> None:
    states = one.classifier.state_dict(), other.classifier.state_dict()
    for name, value in states[0].items():
        assert torch.allclose(value.double(), states[1][name].double(), atol=1e-6), name


@pytest.mark.parametrize("against", [None, "it is open"])
def test_progress_never_goes_back(monkeypatch: pytest.MonkeyPatch, against: str | None) -> None:
    events: list[Progress] = []

    repaired(monkeypatch, against, on_progress=events.append)

    done = [event.step for event in events if isinstance(event, StepDone | Checked)]
    assert done == sorted(done)
    assert {event.steps for event in events if isinstance(event, Started | StepDone)} == {4}


def test_the_examination_is_asked_with_clean_images_alone() -> None:
    result = purify(tiny_classifier(), some_images(60), AUTO)

    assert result.config.method is Method.DEEP
