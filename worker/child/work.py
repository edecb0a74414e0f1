"""The job itself: validate, measure, purify, and measure again what was really written."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import torch

from polarizer.artefact import load_artefact, save_artefact
from polarizer.checkpoints import LoadedModel, load_classifier
from polarizer.forecast import Forecast
from polarizer.images import LabelledImages
from polarizer.progress import Progress, Started, StepDone
from polarizer.purification import Purification, purify
from service.defenses.report import ArtefactFacts, Warned
from worker.child import attacking, clean_check, details
from worker.child.alarm import calibrated
from worker.child.device import choose_device, take_share
from worker.child.examining import examined
from worker.child.forecasting import as_event
from worker.child.measuring import measure_after, measure_before
from worker.child.reporting import provenance, report
from worker.child.sets import ImageSets
from worker.child.threads import choose_threads
from worker.child.voice import Voice
from worker.events import MeasuredEvent, StageEvent, WarningEvent
from worker.job import ARTEFACT_FILE, REPORT_FILE, Job, input_path

COMPARED_IMAGES = 64


class ArtefactError(Exception):
    """What was written is not what was purified."""


class Work:
    """``run`` once. Raises PolarizerError leaves, DeviceError, and what else may go wrong."""

    def __init__(self, job: Job, folder: Path, voice: Voice) -> None:
        self._job = job
        self._folder = folder
        self._voice = voice
        self._warnings: list[Warned] = []
        self._steps: list[StepDone] = []
        self._began: dict[str, float] = {}

    def run(self) -> None:
        """Leaves the artefact and the report in ``out/``."""
        torch.set_num_threads(choose_threads(self._job.limits.threads))
        torch.manual_seed(self._job.config.seed)

        self._begin("validating")
        self._voice.step("load-model")
        device = choose_device(self._job.device)
        take_share(device, self._job.limits.card_share)
        source = load_classifier(input_path(self._folder, "model"), self._job.description)
        self._voice.step("read-images")
        sets = ImageSets.read(self._job, self._folder, source.description)
        self._warn(sets.warnings())
        attacking.require_attackable(self._job, sets)

        self._begin("measuring")
        self._voice.step("check-clean-set")
        clean_set = clean_check.check_clean(self._job, source, sets, device)
        self._warn(clean_check.warnings_of(clean_set))
        self._voice.say(MeasuredEvent(numbers=clean_check.numbers_of(clean_set)))
        self._voice.step("measure-model")
        measured = measure_before(source.classifier, sets, device)
        before = measured.numbers.merged(clean_check.numbers_of(clean_set))
        self._voice.say(MeasuredEvent(numbers=before))

        self._begin("purifying")
        purification = self._purify(source, sets.clean.images, device)

        self._begin("evaluating")
        self._voice.step("write-artefact")
        artefact, shipped = self._ship(purification, source, sets.clean.images)
        self._voice.step("measure-artefact")
        repaired = measure_after(before, shipped.classifier, sets, device)
        self._voice.step("attack")
        attack_tests = attacking.attacked(self._job, source, shipped, sets, device)
        after = repaired.numbers.merged(attacking.numbers_of(attack_tests))
        self._voice.say(MeasuredEvent(numbers=after))
        self._voice.step("search-evidence")
        found = examined(self._job, source, shipped, sets, device, self._voice)
        self._voice.step("write-report")
        written = report(
            self._job,
            source=source,
            sets=sets,
            purification=purification,
            clean_set=clean_set,
            numbers=after,
            attack_tests=attack_tests,
            evidence=found.evidence,
            artefact=artefact,
            warnings=self._warnings,
            device=device,
        )
        self._voice.step("calibrate-alarm")
        alarm = calibrated(self._folder, source, shipped, sets.held_out, device)
        labels, answers = sets.measured_on.labels, (measured.answers, repaired.answers)
        shown = {
            "alarm": alarm,
            "by_class": details.by_class(labels, *answers),
            "confusion": details.confusion(labels, *answers, len(source.description.classes)),
            "surrogates": found.pictures,
            "losses": details.losses(self._steps),
            "movement": tuple(
                details.movement(source.checkpoint.tensors, shipped.checkpoint.tensors)
            ),
            "timings": self._timings(),
        }
        written = written.model_copy(update=shown)
        (self._folder / REPORT_FILE).write_text(written.model_dump_json(), encoding="utf-8")

    def _begin(self, stage: Literal["validating", "measuring", "purifying", "evaluating"]) -> None:
        self._began[stage] = time.monotonic()
        self._voice.say(StageEvent(stage=stage))

    def _timings(self) -> dict[str, float]:
        """Seconds of each stage, the last one until now."""
        begins = [*self._began.values(), time.monotonic()]
        return {
            stage: end - begin
            for stage, begin, end in zip(self._began, begins, begins[1:], strict=False)
        }

    def _warn(self, warnings: Iterable[Warned]) -> None:
        for warning in warnings:
            self._warnings.append(warning)
            self._voice.say(WarningEvent(code=warning.code, message=warning.message))

    def _purify(
        self, source: LoadedModel, clean: LabelledImages, device: torch.device
    ) -> Purification:
        forecast = Forecast()

        def tell(event: Progress) -> None:
            forecast.take(event)
            if isinstance(event, StepDone):
                self._steps.append(event)
            if not isinstance(event, Started):
                self._voice.say(as_event(event, forecast))

        return purify(
            source.classifier,
            clean,
            self._job.config,
            device=device,
            generator=torch.Generator().manual_seed(self._job.config.seed),
            on_progress=tell,
        )

    def _ship(
        self, purification: Purification, source: LoadedModel, clean: LabelledImages
    ) -> tuple[ArtefactFacts, LoadedModel]:
        """Writes the artefact, and loads it as anybody will."""
        path = self._folder / ARTEFACT_FILE
        digest = save_artefact(
            path,
            purification.classifier,
            source,
            method=purification.config.method,
            polarized_layers=purification.layers,
            provenance=provenance(self._job),
        )
        shipped = load_artefact(path)
        check_same(purification, shipped, clean)
        return ArtefactFacts(sha256=digest, size=path.stat().st_size), shipped


def check_same(purification: Purification, shipped: LoadedModel, clean: LabelledImages) -> None:
    """Raises ArtefactError unless the file gives the purified network's logits.

    A file that came in half precision goes out in it, with other logits: there the numbers that
    are measured afterwards, on the file, are all that counts.
    """
    tensors = shipped.checkpoint.tensors.values()
    if any(tensor.is_floating_point() and tensor.itemsize < 4 for tensor in tensors):
        return
    pixels = clean.pixels(slice(0, COMPARED_IMAGES))
    with torch.inference_mode():
        purified, loaded = purification.classifier(pixels), shipped.classifier(pixels)
    if not torch.allclose(purified, loaded, rtol=1e-4, atol=1e-4 * float(purified.abs().max())):
        raise ArtefactError("the artefact gives other logits than the purified network")
