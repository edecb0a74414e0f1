from __future__ import annotations

from typing import Any

import pytest
import torch

import polarizer.purification
from polarizer.config import Method, PurifyConfig
from polarizer.escalation import Plan
from polarizer.progress import Checked, Progress, Started, StepDone
from polarizer.purification import Purification, purify
from tests.polarizer.networks import some_images, tiny_classifier

AUTO = PurifyConfig(method="auto", steps=4, batch_size=8, check_every=2, seed=3, holdout=0.2)


def repaired(monkeypatch: pytest.MonkeyPatch, against: str | None, **given: Any) -> Purification:
    monkeypatch.setattr(polarizer.purification, "reason_to_go_deep", lambda *_, **__: against)
    return purify(tiny_classifier(), some_images(60), AUTO, **given)


def test_what_is_said_goes_to_the_mild_repair_and_what_both_share_to_both() -> None:
    plan = Plan.of(AUTO)

    assert plan.mild == AUTO.model_copy(update={"method": Method.STAGE})
    assert plan.deep == PurifyConfig(method="deep", seed=3, holdout=0.2, steps=4, batch_size=8)


def test_a_repair_that_held_is_the_mild_one(monkeypatch: pytest.MonkeyPatch) -> None:
    result = repaired(monkeypatch, None)

    alone = purify(tiny_classifier(), some_images(60), Plan.of(AUTO).mild)
    states = result.classifier.state_dict(), alone.classifier.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert result.config.method is Method.STAGE
    assert result.escalation is None


def test_otherwise_the_deep_one_starts_anew_from_the_base(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = repaired(monkeypatch, "a door is open")

    assert result.config.method is Method.DEEP
    assert result.escalation == "a door is open"
    assert result.layers == ("entry", "down", "depthwise", "head")
    assert result.steps == 4 + 4


@pytest.mark.parametrize("against", [None, "it is open"])
def test_progress_never_goes_back(monkeypatch: pytest.MonkeyPatch, against: str | None) -> None:
    events: list[Progress] = []

    repaired(monkeypatch, against, on_progress=events.append)

    done = [event.step for event in events if isinstance(event, StepDone | Checked)]
    assert done == sorted(done)
    assert {event.steps for event in events if isinstance(event, Started | StepDone)} == {8}


def test_the_examination_is_asked_with_clean_images_alone() -> None:
    result = purify(tiny_classifier(), some_images(60), AUTO)

    assert result.config.method in (Method.STAGE, Method.DEEP)
