"""The alarm of a purified model: calibrated on clean images, written beside the artefact."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from polarizer.alarm.calibration import calibrate
from polarizer.alarm.facts import Calibration
from polarizer.alarm.file import save_alarm
from polarizer.checkpoints import LoadedModel
from polarizer.classifier import Classifier
from polarizer.images import LabelledImages
from worker.job import ALARM_FILE

BATCH = 128


def calibrated(
    folder: Path,
    source: LoadedModel,
    shipped: LoadedModel,
    held_out: LabelledImages,
    device: torch.device,
) -> Calibration | None:
    """Writes the alarm's file into ``folder``; nothing at all when no image was held out.

    ``held_out``: clean images that trained nothing. They chose the checkpoint, so new images may be
    flagged a little more often than the calibration says.
    """
    if not len(held_out):
        return None
    purified, base = (_logits(each.classifier, held_out, device) for each in (shipped, source))
    calibration = calibrate(purified, base)
    save_alarm(folder / ALARM_FILE, source.classifier, shipped.classifier, calibration)
    return calibration


@torch.inference_mode()
def _logits(classifier: Classifier, images: LabelledImages, device: torch.device) -> Tensor:
    classifier = classifier.to(device)
    parts = [
        classifier(images.pixels(slice(start, start + BATCH)).to(device)).float().cpu()
        for start in range(0, len(images), BATCH)
    ]
    return torch.cat(parts)
