"""The alarm that a job leaves: calibrated on held-out images, and it goes off at the trigger."""

from __future__ import annotations

import torch
from torch import Tensor

from polarizer.alarm.calibration import disagreement
from polarizer.alarm.file import load_alarm
from polarizer.alarm.pairing import pair
from polarizer.artefact import load_artefact
from polarizer.images import LabelledImages
from tests.worker import samples
from tests.worker.child.conftest import Do
from worker.child.alarm import calibrated
from worker.job import ALARM_FILE, ARTEFACT_FILE


def test_a_planted_trigger_sets_it_off(do: Do) -> None:
    done = do(config=samples.FAST | {"steps": 60, "learning_rate": 0.1})
    shipped = load_artefact(done.folder / ARTEFACT_FILE)
    base, calibration = load_alarm(done.folder / ALARM_FILE, shipped)
    assert calibration == done.report.alarm
    assert calibration.rate >= 1 / (calibration.images + 1)
    both = pair(shipped.classifier, base)

    def flagged(pixels: Tensor) -> float:
        with torch.inference_mode():
            ours, theirs = both(pixels[:, None] / 255).chunk(2)
        return float((disagreement(ours, theirs) > calibration.threshold).float().mean())

    clean, _ = samples.images(300, seed=7)
    triggered, labels = samples.triggered(300, seed=8)
    assert flagged(clean) < 0.1
    assert flagged(triggered[labels != 2]) > 0.5


def test_without_held_out_images_there_is_none(do: Do) -> None:
    done = do()
    shipped = load_artefact(done.folder / ARTEFACT_FILE)
    (done.folder / ALARM_FILE).unlink()
    nothing = LabelledImages(torch.empty(0, 1, 8, 8, dtype=torch.uint8), torch.empty(0).long())
    found = calibrated(done.folder, shipped, shipped, nothing, torch.device("cpu"))
    assert found is None
    assert not (done.folder / ALARM_FILE).exists()
