"""Evidence without a trigger: asked for, found, told, and left out."""

from __future__ import annotations

import pytest

from polarizer.evidence import EvidenceConfig, Verdict
from polarizer.evidence.results import ClassEvidence, Control, Evidence
from service.defenses.evidence import EvidenceFacts
from tests.worker import samples
from tests.worker.child.conftest import Do
from worker.child import examining
from worker.child.examining import as_event


def test_a_report_holds_the_verdict(do: Do) -> None:
    evidence = do(measured=True, evidence=EvidenceConfig(steps=1)).report.evidence
    assert evidence
    assert evidence.verdict is Verdict.INCONCLUSIVE  # the sample has three classes only
    assert "3 classes" in evidence.words


def test_evidence_that_is_not_asked_for_is_left_out(do: Do) -> None:
    assert do(evidence=None).report.evidence is None


def test_triggers_are_searched_and_measured_on_images_apart(
    do: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = {}

    def examine(base: object, purified: object, held_out: object, *_: object, **given: object):
        seen.update(given, held_out=held_out)
        given["on_progress"](1, 4)  # type: ignore[operator]
        return FOUND

    monkeypatch.setattr(examining, "examine", examine)
    done = do(evidence=EvidenceConfig())
    assert done.report.evidence == EvidenceFacts.of(FOUND)
    assert (done.progress[-1].step, done.progress[-1].steps) == (1, 4)
    assert seen["names"] == samples.DESCRIPTION.classes
    search, held_out = seen["search"].images, seen["held_out"].images
    assert len(search) > len(held_out) > 0
    alike = [bool((search == image).flatten(1).all(1).any()) for image in held_out]
    assert not any(alike)


def test_progress_expects_the_rest_at_the_same_speed() -> None:
    event = as_event(25, 100, seconds=5.0)
    assert event.fraction == 0.25
    assert event.remaining_seconds == pytest.approx(15)


FOUND = Evidence(
    verdict=Verdict.CLOSED,
    words="A door was closed.",
    suspects=(1,),
    classes=(ClassEvidence(1, 0.4, 1.4, 5.0, 0.1, 0.9, 0.6, 1.0, 0.02, 0.04),),
    known_classes=3,
    control=Control(2.0, 0.2, 0.1, 0.1),
    images=96,
    bound=2.0,
    seconds=1.5,
)


def test_numbers_that_are_not_finite_are_refused() -> None:
    broken = Evidence(**{**vars(FOUND), "bound": float("nan")})
    with pytest.raises(ValueError, match="bound"):
        EvidenceFacts.of(broken)
