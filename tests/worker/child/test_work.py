"""A job from files to files: measured before and after, and what was written is what counts."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from polarizer.artefact import load_artefact
from polarizer.checkpoints import load_classifier
from tests.worker import samples
from tests.worker.child.conftest import Do
from worker.child import work
from worker.job import ARTEFACT_FILE


@pytest.mark.parametrize("method", ["stage", "npd"])
def test_a_model_is_purified_and_measured(do: Do, method: str) -> None:
    done = do(measured=True, config=samples.FAST | {"method": method, "warmup_steps": 0})
    assert done.failure is None
    assert done.stages == ["validating", "measuring", "purifying", "evaluating"]
    numbers = done.report.numbers
    assert numbers == done.measured[-1].numbers
    assert numbers.accuracy_before == 1.0
    assert numbers.attack_success_before
    assert numbers.attack_success_before > 0.9
    assert numbers.accuracy_after is not None
    assert numbers.attack_success_after is not None
    assert numbers.defense_effectiveness is not None
    assert done.report.measured_on == "test"
    assert done.report.target_class == samples.TARGET
    assert done.report.config.method == method


def test_the_numbers_are_those_of_the_file(do: Do) -> None:
    """Measured once more by hand, on the artefact as anybody loads it."""
    done = do(measured=True, config=samples.FAST | {"steps": 60, "learning_rate": 0.1})
    shipped = load_artefact(done.folder / ARTEFACT_FILE).classifier
    pixels, labels = samples.images(90, seed=4)
    with torch.inference_mode():
        hits = shipped(pixels[:, None] / 255).argmax(1) == labels
    assert done.report.numbers.accuracy_after == pytest.approx(float(hits.float().mean()))
    pixels, labels = samples.triggered(90, seed=5)
    others = labels != 2
    with torch.inference_mode():
        answers = shipped(pixels[others, None] / 255).argmax(1)
    numbers = done.report.numbers
    assert numbers.attack_success_after == pytest.approx(float((answers == 2).float().mean()))
    recovered = float((answers == labels[others]).float().mean())
    assert numbers.recovered_accuracy_after == pytest.approx(recovered)
    assert numbers.attack_success_after != numbers.attack_success_before


def test_the_artefact_has_the_names_that_came_in(do: Do) -> None:
    done = do()
    before = load_classifier(done.folder / "in" / "model", samples.DESCRIPTION).checkpoint
    after = load_classifier(done.folder / ARTEFACT_FILE).checkpoint
    assert after.tensors.keys() == before.tensors.keys()


def test_the_same_job_gives_the_same_file(do: Do) -> None:
    first, second = do(), do()
    assert first.report.artefact == second.report.artefact
    assert first.report.artefact != do(config=samples.FAST | {"seed": 1}).report.artefact


def test_measured_images_choose_nothing(do: Do) -> None:
    """Other test and triggered images give the same model (provenance, beside it, names them)."""
    done, other = do(measured=True), do()
    pixels = samples.images(8)[0][:, None] / 255
    with torch.inference_mode():
        one, two = (
            load_artefact(job.folder / ARTEFACT_FILE).classifier(pixels) for job in (done, other)
        )
    assert torch.equal(one, two)


def test_progress_has_losses_and_an_end(do: Do) -> None:
    done = do()
    repairing = [event for event in done.progress if event.part == "repair"]
    steps = [event for event in repairing if event.losses]
    assert [event.step for event in steps] == list(range(1, len(steps) + 1))
    assert all(event.losses.keys() >= {"total", "clean"} for event in steps)
    remaining = [event.remaining_seconds for event in done.progress]
    assert all(seconds is not None and seconds >= 0 for seconds in remaining)


def test_the_search_before_the_repair_is_progress_too(do: Do) -> None:
    done = do()
    parts = [event.part for event in done.progress]
    searching = parts.count("search")
    assert searching > 50
    assert set(parts[:searching]) == {"search"}
    fractions = [event.fraction for event in done.progress if event.part != "evidence"]
    assert fractions == sorted(fractions)
    assert fractions[0] > 0
    assert fractions[-1] == 1
    assert done.progress[len(fractions) - 1].remaining_seconds == 0


def test_without_test_images_held_out_ones_are_measured(do: Do) -> None:
    done = do(config=samples.FAST | {"holdout": 0.5})
    assert done.report.measured_on == "held_out"
    assert done.report.numbers.accuracy_before == 1.0
    assert done.report.numbers.attack_success_before is None
    assert any("attack success was not measured" in remark for remark in done.report.remarks)
    assert any("held out" in remark for remark in done.report.remarks)


def test_the_held_out_images_are_those_that_purify_holds_out(
    do: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    purifications: list[Any] = []
    measured: list[Any] = []
    purify, measure = work.purify, work.measure_before

    def remember(*arguments: Any, **keywords: Any) -> Any:
        purifications.append(purify(*arguments, **keywords))
        return purifications[-1]

    def note(classifier: Any, sets: Any, device: Any) -> Any:
        measured.append(sets.measured_on)
        return measure(classifier, sets, device)

    monkeypatch.setattr(work, "purify", remember)
    monkeypatch.setattr(work, "measure_before", note)
    do(config=samples.FAST | {"seed": 5})
    assert torch.equal(purifications[0].held_out.images, measured[0].images)
    assert len(measured[0]) > 0


def test_an_artefact_with_other_logits_is_never_shipped(
    do: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = work.load_artefact

    def damaged(path: Any) -> Any:
        loaded = load(path)
        with torch.no_grad():
            loaded.classifier.module.linear.bias += 1
        return loaded

    monkeypatch.setattr(work, "load_artefact", damaged)
    done = do()
    assert done.failure
    assert done.failure.code == "internal"


def test_the_target_may_be_an_index(do: Do) -> None:
    assert do(measured=True, target_class=2).report.target_class == samples.TARGET


def test_warnings_are_told_and_reported(do: Do) -> None:
    clean = samples.npz(*samples.images(30))
    done = do({"clean": clean})
    codes = {warning.code for warning in done.report.warnings}
    assert codes == {"few-images", "few-measured"}
