"""The outer loop: trains polarizers that are in place, and keeps the best ones on clean images."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from polarizer.classifier import Classifier
from polarizer.config import Optimizer, PurifyConfig, Schedule
from polarizer.descent import NormalisedDescent, RelativeDescent
from polarizer.errors import ConfigError, DivergenceError
from polarizer.images import LabelledImages, sent
from polarizer.listing import some
from polarizer.losses import Lesson, LossWeights, OuterLoss, outer_loss
from polarizer.perturbation import TriggerSearch, perturb, runner_up
from polarizer.progress import Checked, OnProgress, StepDone


class Phase(Enum):
    """What a batch is for."""

    WARMUP = auto()
    TRAINING = auto()
    CHECK = auto()


class Answers(NamedTuple):
    """What the outer loss compares: logits (N, K) of the clean half and of the perturbed one, the
    ``targets`` (N,) that it was perturbed towards, and what the clean half learns from, if not from
    its labels."""

    clean: Tensor
    perturbed: Tensor
    targets: Tensor
    lesson: Lesson | None = None


class Passes(Protocol):
    """How a batch goes through the network."""

    def __call__(
        self,
        classifier: Classifier,
        pixels: Tensor,
        labels: Tensor,
        search: TriggerSearch,
        *,
        phase: Phase,
    ) -> Answers:
        """Pixels are (N, C, H, W), labels (N,), of the CPU. In the warm-up nothing is perturbed."""


def plain_passes(
    classifier: Classifier, pixels: Tensor, labels: Tensor, search: TriggerSearch, *, phase: Phase
) -> Answers:
    """The passes of polarizers that are linear maps and nothing else."""
    labels = sent(labels, pixels.device)
    if phase is Phase.WARMUP:
        logits = classifier(pixels).float()
        return Answers(logits, logits.detach(), runner_up(logits.detach(), labels))
    perturbed, clean_logits, targets = perturb(classifier, pixels, labels, search)
    return Answers(clean_logits, classifier(perturbed).float(), targets)


@dataclass(frozen=True)
class Problem:
    """What stays the same over all steps."""

    classifier: Classifier
    search: TriggerSearch
    weights: LossWeights
    device: torch.device
    autocast: torch.dtype | None
    passes: Passes = plain_passes


def optimise(
    problem: Problem,
    polarizers: nn.ModuleList,
    training: LabelledImages,
    held_out: LabelledImages,
    config: PurifyConfig,
    generator: torch.Generator,
    on_progress: OnProgress,
    began: float | None = None,
) -> int:
    """Train ``polarizers``, which sit in ``problem.classifier``; returns the number of steps taken.

    Ends with those that had the lowest loss on the held-out clean images. ``began`` is the moment,
    of the monotonic clock, from which progress counts its seconds; by default now. Raises
    :class:`DivergenceError` when a loss is NaN or infinite, and :class:`ConfigError` when the
    network's answer does not depend on what is trained.
    """
    parameters = list(polarizers.parameters())
    optimizer, schedule = _optimizer(parameters, config)
    best = _Best(polarizers, config.patience)
    began = time.monotonic() if began is None else began
    assert config.batch_size is not None  # noqa: S101  # the images have chosen
    batches = endless_batches(len(training), config.batch_size, generator)
    for step in range(1, config.steps + 1):
        polarizers.train()
        phase = Phase.WARMUP if step <= config.warmup_steps else Phase.TRAINING
        loss = _loss(problem, training, next(batches), phase)
        _differentiate(loss.total, parameters, config)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        on_progress(_step_done(loss, step, config.steps, began))
        if is_check(step, config) and len(held_out):
            polarizers.eval()
            checked = _check(problem, held_out, step, config, began)
            on_progress(checked)
            if best.passed(checked.loss):
                break
    polarizers.eval()
    best.restore()
    return step


def endless_batches(count: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Indices in batches of exactly ``size``, from one random order of ``count`` after another.

    So every image comes up equally often whatever ``count`` is, also when it is below ``size``.
    """
    waiting = torch.empty(0, dtype=torch.int64)
    while True:
        while len(waiting) < size:
            waiting = torch.cat([waiting, torch.randperm(count, generator=generator)])
        yield waiting[:size]
        waiting = waiting[size:]


def _loss(problem: Problem, images: LabelledImages, indices: Tensor, phase: Phase) -> OuterLoss:
    answers, labels = _forward(problem, images, indices, phase)
    clean, perturbed, targets, lesson = answers
    return outer_loss(clean, perturbed, labels, targets, problem.weights, lesson)


def _forward(
    problem: Problem, images: LabelledImages, indices: Tensor, phase: Phase
) -> tuple[Answers, Tensor]:
    pixels = images.pixels(indices, problem.device)
    pixels = pixels.to(problem.device, memory_format=torch.channels_last)
    labels = images.labels[indices]
    with torch.autocast(
        problem.device.type, problem.autocast, enabled=problem.autocast is not None
    ):
        answers = problem.passes(problem.classifier, pixels, labels, problem.search, phase=phase)
    return answers, sent(labels, problem.device)


def _differentiate(loss: Tensor, parameters: list[nn.Parameter], config: PurifyConfig) -> None:
    """Leave the gradient of ``loss`` in the ``parameters``, of which some take part in it."""
    if loss.requires_grad:
        torch.autograd.backward(loss)
    if all(parameter.grad is None for parameter in parameters):
        named = f"the layers {some(config.layers)}" if config.layers else "what is trained"
        raise ConfigError(
            f"the model's answer does not depend on {named}: the network never calls them; "
            "name layers that it calls, or none"
        )


def is_check(step: int, config: PurifyConfig) -> bool:
    """Whether a check follows ``step``.

    In the second half only: before, a low loss tells more about luck than about the repair.
    """
    if not config.check_every or 2 * step <= config.steps:
        return False
    return step % config.check_every == 0 or step == config.steps


def _check(
    problem: Problem, held_out: LabelledImages, step: int, config: PurifyConfig, began: float
) -> Checked:
    assert config.batch_size is not None  # noqa: S101  # the images have chosen
    clean, perturbed, labels, targets = _on_all(problem, held_out, config.batch_size)
    with torch.no_grad():
        loss = outer_loss(clean, perturbed, labels, targets, problem.weights)
    return Checked(
        step=step,
        steps=config.steps,
        loss=_finite(loss.total.item(), step),
        accuracy=(clean.argmax(1) == labels).float().mean().item(),
        perturbed_accuracy=(perturbed.argmax(1) == labels).float().mean().item(),
        seconds=time.monotonic() - began,
    )


def _on_all(problem: Problem, images: LabelledImages, batch_size: int) -> list[Tensor]:
    parts = []
    for indices in torch.split(torch.arange(len(images)), batch_size):
        answers, labels = _forward(problem, images, indices, Phase.CHECK)
        outputs = (answers.clean, answers.perturbed, labels, answers.targets)
        parts.append([output.detach() for output in outputs])
    return [torch.cat(part) for part in zip(*parts, strict=True)]


def _step_done(loss: OuterLoss, step: int, steps: int, began: float) -> StepDone:
    parts = (loss.total, loss.clean, loss.consistency, loss.margin, loss.target)
    total, clean, consistency, margin, target = torch.stack(parts).tolist()
    return StepDone(
        step=step,
        steps=steps,
        loss=_finite(total, step),
        clean_loss=clean,
        consistency_loss=consistency,
        margin_loss=margin,
        target_loss=target,
        seconds=time.monotonic() - began,
    )


def _finite(loss: float, step: int) -> float:
    if not math.isfinite(loss):
        raise DivergenceError(
            f"the loss became {loss} at step {step}; "
            "lower learning_rate, or check the model for extreme weights"
        )
    return loss


def _optimizer(
    parameters: list[nn.Parameter], config: PurifyConfig
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    assert config.learning_rate is not None  # noqa: S101  # the network has chosen
    optimizer = DESCENTS[config.optimizer](
        parameters,
        lr=config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
    )
    if config.schedule is Schedule.COSINE:
        return optimizer, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps)
    return optimizer, torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1)


DESCENTS: dict[Optimizer, Callable[..., torch.optim.Optimizer]] = {
    Optimizer.NORMALISED: NormalisedDescent,
    Optimizer.RELATIVE: RelativeDescent,
    Optimizer.SGD: torch.optim.SGD,
}


class _Best:
    """The polarizers of the check with the lowest loss so far."""

    def __init__(self, polarizers: nn.ModuleList, patience: int) -> None:
        self._polarizers = polarizers
        self._patience = patience
        self._loss = math.inf
        self._state: dict[str, Tensor] | None = None
        self._since = 0

    def passed(self, loss: float) -> bool:
        """Take note of a check; true when too many have gone by without a better one."""
        if loss < self._loss:
            self._loss, self._since = loss, 0
            self._state = deepcopy(self._polarizers.state_dict())
            return False
        self._since += 1
        return self._since >= self._patience

    def restore(self) -> None:
        if self._state is not None:
            self._polarizers.load_state_dict(self._state)
