"""The images of a job: read, split, and what should be said about them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch

from polarizer.config import PurifyConfig
from polarizer.datasets import Dataset, read_images
from polarizer.description import ModelDescription
from polarizer.errors import ConfigError, DatasetLabelsError, PolarizerError
from polarizer.images import LabelledImages
from polarizer.listing import shown, some
from service.defenses.report import ImageFacts, Role, Warned
from worker.job import Job, input_path

FEW_HELD_OUT = 50


@dataclass(frozen=True)
class ImageSets:
    """``test`` and ``triggered`` are measured on and never choose anything."""

    clean: Dataset
    test: Dataset | None
    triggered: Dataset | None
    held_out: LabelledImages
    target: int | None

    @classmethod
    def read(cls, job: Job, folder: Path, model: ModelDescription) -> Self:
        """Raises DataError leaves, and ConfigError for a target class that the model lacks."""
        target = target_index(job.target_class, model.classes)
        clean = _read(folder, "clean", model)
        return cls(
            clean=clean,
            test=_read(folder, "test", model) if "test" in job.inputs else None,
            triggered=_read_triggered(folder, model, target) if "triggered" in job.inputs else None,
            held_out=held_out_of(clean.images, job.config),
            target=target,
        )

    @property
    def measured_on(self) -> LabelledImages:
        """The test images, or else the held-out clean ones."""
        return self.held_out if self.test is None else self.test.images

    def facts(self) -> dict[Role, ImageFacts]:
        return {role: _facts(found) for role, found in self._all()}

    def warnings(self) -> Iterator[Warned]:
        """What a user should know about the files."""
        for role, found in self._all():
            yield from _of_file(role, found)
        if len(self.measured_on) < FEW_HELD_OUT:
            message = f"accuracy is measured on {len(self.measured_on)} images only; send more"
            yield Warned(code="few-measured", message=message)

    def _all(self) -> Iterator[tuple[Role, Dataset]]:
        yield "clean", self.clean
        if self.test is not None:
            yield "test", self.test
        if self.triggered is not None:
            yield "triggered", self.triggered


def held_out_of(clean: LabelledImages, config: PurifyConfig) -> LabelledImages:
    """The images that :func:`polarizer.purify` will hold out of its training: it draws the split
    first, from a generator with the same seed."""
    return split(clean, config)[1]


def split(clean: LabelledImages, config: PurifyConfig) -> tuple[LabelledImages, LabelledImages]:
    """``(trained on, held out)``, as :func:`polarizer.purify` splits them."""
    return clean.split(config.holdout, torch.Generator().manual_seed(config.seed))


def target_index(target: str | int | None, classes: tuple[str, ...]) -> int | None:
    """The logit of the attack's target class. Raises ConfigError when there is no such class."""
    if isinstance(target, str) and target in classes:
        return classes.index(target)
    if target is None or (isinstance(target, int) and 0 <= target < len(classes)):
        return target
    known = f"the model's {len(classes)} classes: {some(classes)}"
    raise ConfigError(f"target_class {shown(str(target))} is none of {known}")


def _read(folder: Path, role: Role, model: ModelDescription) -> Dataset:
    path = input_path(folder, role)
    try:
        return read_images(path, spec=model.input, classes=model.classes)
    except PolarizerError as error:
        raise type(error)(f"{role} images: {error}") from error


def _read_triggered(folder: Path, model: ModelDescription, target: int | None) -> Dataset:
    if target is None:
        raise ConfigError("triggered images were sent without target_class; say where they lead")
    found = _read(folder, "triggered", model)
    if bool((found.images.labels == target).all()):
        raise DatasetLabelsError(
            "triggered images: all are of the target class; send them with their true labels"
        )
    return found


def _facts(found: Dataset) -> ImageFacts:
    report = found.report
    return ImageFacts(
        source_format=report.source_format,
        images=report.images,
        per_class=report.per_class,
        resized=report.resized,
        damaged=report.damaged,
        damaged_names=tuple(map(shown, report.damaged_names)),
        ignored=report.ignored,
        ignored_names=tuple(map(shown, report.ignored_names)),
    )


def _of_file(role: Role, found: Dataset) -> Iterator[Warned]:
    report = found.report
    if report.damaged:
        names = some(report.damaged_names)
        message = f"{role}: {report.damaged} damaged images were left out: {names}"
        yield Warned(code="damaged-images", message=message[:1000])
    if report.ignored:
        names = some(report.ignored_names)
        message = f"{role}: {report.ignored} files are no images of a class: {names}"
        yield Warned(code="ignored-files", message=message[:1000])
    if report.resized:
        message = f"{role}: {report.resized} images were resized to the model's size"
        yield Warned(code="resized-images", message=message)
