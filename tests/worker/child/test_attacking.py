"""Attack tests run on request, after the purification, and fail early where they cannot."""

from __future__ import annotations

from typing import get_args

import pytest

from service.defenses.report import Numbers
from service.defenses.winback import AttackTest, ReactivationFacts, RetuningFacts
from tests.worker import samples
from tests.worker.child.conftest import Do
from worker.child import attacking

ALL: tuple[AttackTest, ...] = get_args(AttackTest)


@pytest.fixture(autouse=True)
def small_budgets(monkeypatch: pytest.MonkeyPatch) -> None:
    reactivation = attacking.ReactivationBudget(epochs=2, steps=2, queries=200)
    monkeypatch.setattr(attacking, "REACTIVATION", reactivation)
    monkeypatch.setattr(attacking, "RETUNING", attacking.RetuningBudget(epochs=1))


def test_every_test_is_reported_for_the_purified_and_the_base_model(do: Do) -> None:
    done = do(measured=True, attack_tests=ALL)

    tests = done.report.attack_tests
    assert [test.test for test in tests] == list(ALL)
    white, black, retuning = tests
    assert isinstance(white, ReactivationFacts)
    assert (white.gradient_steps, white.queries) == (4, 0)
    assert isinstance(black, ReactivationFacts)
    assert (black.gradient_steps, black.queries) == (0, 200)
    assert isinstance(retuning, RetuningFacts)
    for test in tests:
        assert test.base.asr_before > 0.9
    assert done.report.numbers.won_back == max(test.purified.won_back for test in tests)
    assert done.report.numbers == done.measured[-1].numbers


def test_the_attacks_change_nothing_of_the_result(do: Do) -> None:
    plain, attacked = do(measured=True), do(measured=True, attack_tests=ALL)

    assert plain.report.artefact == attacked.report.artefact
    without = Numbers.model_validate(
        attacked.report.numbers.model_dump(exclude={"won_back"}, exclude_none=True)
    )
    assert plain.report.numbers == without
    assert plain.report.attack_tests == ()


@pytest.mark.parametrize(
    ("role", "test"), [("triggered", "retuning"), ("test", "black-box-reactivation")]
)
def test_too_few_images_fail_before_the_purification(do: Do, role: str, test: str) -> None:
    pixels, labels = samples.triggered(90) if role == "triggered" else samples.images(90)
    few = (labels == 2).nonzero()[:, 0].tolist() + [0]
    files = {role: samples.npz(pixels[few], labels[few])}

    done = do(files, measured=True, attack_tests=[test])

    assert done.failure is not None
    assert done.failure.code == "dataset-images"
    assert done.stages == ["validating"]
