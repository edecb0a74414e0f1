"""What a report shows beside its numbers, and that it agrees with them."""

from __future__ import annotations

import pytest
import torch

from polarizer.evidence.config import EvidenceConfig
from polarizer.progress import StepDone
from service.defenses.details import MAX_PICTURES, MAX_POINTS, MAX_SIDE
from service.defenses.evidence import EvidenceFacts
from service.reports import page
from tests.service.reports import samples as reports
from tests.worker import samples
from tests.worker.child.conftest import Do
from worker.child import details

LABELS = torch.tensor([0, 0, 1, 3])
BEFORE = torch.tensor([0, 1, 1, 3])
AFTER = torch.tensor([0, 0, 1, 0])


def test_classes_are_counted() -> None:
    found = details.by_class(LABELS, BEFORE, AFTER)
    counted = [(one.label, one.images, one.right_before, one.right_after) for one in found]
    assert counted == [(0, 2, 1, 2), (1, 1, 1, 1), (3, 1, 1, 0)]


def test_confusion_counts_every_image_once() -> None:
    found = details.confusion(LABELS, BEFORE, AFTER, 4)
    assert found
    assert found.before[0] == (1, 1, 0, 0)
    assert found.after[3] == (1, 0, 0, 0)
    assert sum(map(sum, found.before)) == len(LABELS)
    assert details.confusion(LABELS, BEFORE, AFTER, 21) is None
    nothing = LABELS[:0]
    assert details.confusion(nothing, nothing, nothing, 4) is None


@pytest.mark.parametrize("steps", [0, 1, 2, 199, 200, 201, 1001])
def test_a_curve_has_its_ends_and_few_points(steps: int) -> None:
    done = [StepDone(i + 1, steps, 1.0, 0.5, float("nan"), 0, 0, 1.0) for i in range(steps)]
    found = details.losses(done)
    numbers = [point.step for point in found]
    assert numbers == sorted(set(numbers))
    assert len(found) == min(steps, len(found)) <= MAX_POINTS
    if steps:
        assert (numbers[0], numbers[-1]) == (1, steps)
        assert "consistency" not in found[0].losses


def test_movement_is_relative() -> None:
    before = {"a": torch.ones(4), "b": torch.ones(2), "n": torch.tensor(3), "gone": torch.ones(1)}
    after = {"a": 1.5 * torch.ones(4), "b": torch.ones(2), "n": torch.tensor(4)}
    found = {one.name: one.moved for one in details.movement(before, after)}
    assert found == {"a": pytest.approx(0.5), "b": 0.0}


def test_suspects_are_pictured_first_and_grey_is_nothing() -> None:
    found = EvidenceFacts.model_validate(reports.evidence(30) | {"suspects": [7]})
    trigger = torch.zeros(3, 8, 10)
    trigger[0, 7, 9] = -0.2
    pictures = details.surrogates(found, dict.fromkeys(range(30), trigger))
    assert len(pictures) == MAX_PICTURES
    assert [one.label for one in pictures[:2]] == [7, 0]
    assert (pictures[0].height, pictures[0].width) == (8, 10)
    assert set(pictures[0].raw[:-3]) == {128}
    assert pictures[0].raw[-3:] == bytes([0, 128, 128])


@pytest.mark.parametrize("shape", [(1, 8, 8), (4, 8, 8), (3, 224, 100), (3, 1024, 4)])
def test_any_trigger_can_be_pictured(shape: tuple[int, ...]) -> None:
    found = EvidenceFacts.model_validate(reports.evidence(5))
    (picture,) = details.surrogates(found, {1: torch.rand(shape)})
    assert max(picture.height, picture.width) <= MAX_SIDE
    assert len(set(picture.raw)) > 1


def test_a_job_leaves_a_report_to_look_at(do: Do) -> None:
    done = do(measured=True, config=samples.FAST | {"method": "stage"}, evidence=EvidenceConfig())
    assert done.failure is None
    report = done.report
    images = sum(one.images for one in report.by_class)
    right = sum(one.right_after for one in report.by_class)
    assert report.numbers.accuracy_after == pytest.approx(right / images)
    assert report.confusion
    assert sum(row[i] for i, row in enumerate(report.confusion.after)) == right
    assert [point.step for point in report.losses] == list(range(1, report.steps + 1))
    assert list(report.timings) == ["validating", "measuring", "purifying", "evaluating"]
    assert report.timings["purifying"] >= report.purify_seconds
    moved = {one.name for one in report.movement if one.moved}
    assert moved
    assert all(
        name.removesuffix(".weight").removesuffix(".bias") in report.layers for name in moved
    )
    assert "Accuracy of each class" in page(report)
