"""What is wrong with the clean images is told while the job is still measuring."""

from __future__ import annotations

from tests.worker import samples
from tests.worker.child.conftest import Do
from worker.child.measuring import Numbers
from worker.events import MeasuredEvent, StageEvent, WarningEvent


def test_a_good_set_has_numbers_and_no_finding(do: Do) -> None:
    done = do()

    clean_set = done.report.clean_set
    assert clean_set is not None
    assert not [finding for finding in clean_set.findings if finding.severity != "note"]
    assert done.report.numbers.clean_agreement == clean_set.agreement == 1
    assert done.report.numbers.wrong_labels == done.report.numbers.near_duplicates == 0


def test_wrong_labels_are_told_before_the_purification_begins(do: Do) -> None:
    pixels, labels = samples.images(150)
    labels[:45] = (labels[:45] + 1) % 3

    done = do({"clean": samples.npz(pixels, labels)})

    told = done.voice.said[: done.voice.said.index(StageEvent(stage="purifying"))]
    warnings = [event.code for event in told if isinstance(event, WarningEvent)]
    (numbers, whole) = [event.numbers for event in told if isinstance(event, MeasuredEvent)]
    assert {"wrong-labels", "class-disagrees", "permuted-labels"} & set(warnings)
    assert numbers.clean_agreement is not None
    assert numbers.clean_agreement < 0.75
    assert whole.merged(numbers) == whole
    assert isinstance(numbers, Numbers)
    assert {item.code for item in done.report.warnings} >= set(warnings)


def test_test_images_that_are_clean_ones_too(do: Do) -> None:
    clean = samples.npz(*samples.images(150))

    done = do({"clean": clean, "test": clean})

    assert "test-overlap" in {warning.code for warning in done.report.warnings}
