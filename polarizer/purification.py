"""Purification: the one call that repairs a classifier."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from itertools import count

import torch
from torch import nn

from polarizer.attaching import attach
from polarizer.classifier import Classifier
from polarizer.conditional.training import ConditionedPasses
from polarizer.config import Method, Precision, PurifyConfig
from polarizer.deep import StandInPasses, batch_size, begin
from polarizer.descent import relative_rate
from polarizer.errors import (
    ArchitectureError,
    DatasetImagesError,
    DatasetLabelsError,
    DivergenceError,
    ModelValueError,
)
from polarizer.images import LabelledImages
from polarizer.losses import LossWeights
from polarizer.optimisation import Passes, Problem, optimise, plain_passes
from polarizer.perturbation import TriggerSearch, default_norm
from polarizer.planning import planned
from polarizer.polarizers import polarizable_layer, polarized
from polarizer.precision import multiplies_bfloat16
from polarizer.progress import (
    BEFORE_STEPS,
    OnProgress,
    Part,
    Plan,
    Prepared,
    Progress,
    Started,
    Ticked,
)
from polarizer.stages import last_stage, trace
from polarizer.strength import between, enough


@dataclass(frozen=True)
class Purification:
    """A repaired classifier, and how it came about.

    ``classifier`` is separate from the one given, lives on the CPU and, with ``method="stage"``,
    has the same keys. ``layers`` were polarized. ``held_out`` are the clean images that nothing was
    trained on; they chose the checkpoint. ``trigger_norm`` is the bound that was really used.
    ``config`` is what was really done: with ``method="auto"`` that of ``deep``.
    """

    classifier: Classifier
    config: PurifyConfig
    layers: tuple[str, ...]
    trigger_norm: float
    held_out: LabelledImages
    steps: int
    seconds: float


def purify(
    classifier: Classifier,
    clean: LabelledImages,
    config: PurifyConfig,
    *,
    device: torch.device | str = "cpu",
    generator: torch.Generator | None = None,
    on_progress: OnProgress | None = None,
) -> Purification:
    """Repair a copy of ``classifier`` with ``clean`` images; the one given is never changed.

    ``generator`` (of the CPU; by default seeded with ``config.seed``) draws the split and the
    batches: equal seeds give equal results on the CPU. ``on_progress`` is called in this thread
    with every event of :mod:`polarizer.progress`, from before the search of stand-ins on; it may
    raise to stop the work.

    Raises :class:`DataError` leaves for an empty, one-class, misshapen or mislabelled set,
    :class:`ModelValueError` and :class:`ArchitectureError` for a model that gives no finite logits,
    :class:`ConfigError` for a layer that is not there, :class:`DivergenceError` when the losses or
    weights leave the finite numbers.
    """
    device = torch.device(device)
    tell = on_progress or _ignore
    generator = generator or torch.Generator().manual_seed(config.seed)
    if config.method is Method.AUTO:
        config = config.model_copy(update={"method": Method.DEEP})
    return _purify(classifier, clean, config, device, generator, tell)


def _purify(
    classifier: Classifier,
    clean: LabelledImages,
    config: PurifyConfig,
    device: torch.device,
    generator: torch.Generator,
    tell: OnProgress,
) -> Purification:
    began = time.monotonic()
    repaired = deepcopy(classifier).requires_grad_(False).train(False)
    repaired = repaired.to(device, torch.float32)
    _lay_out(repaired, torch.channels_last)
    classes = _check_fit(repaired, clean, device)
    config = _completed(config, classifier, clean)
    training, held_out = clean.split(config.holdout, generator)
    layers = config.layers or choose_layers(repaired, config.method)
    search = _search(config, clean.shape)
    autocast = _autocast(config, device)
    plan = planned(config, clean.shape, classes, len(training), len(held_out))
    near, checked = training.on(device), held_out.on(device)
    with _polarizers(repaired, layers, config, classes, generator) as polarizers:
        tell(Started(config.steps, layers, search.norm, plan))
        started = time.monotonic()
        ticked = _preparing(plan, started, tell)
        with torch.autocast(device.type, autocast, enabled=autocast is not None):
            passes = _passes(repaired, near, search, config, classes, generator, ticked)
        problem = Problem(repaired, search, _weights(config), device, autocast, passes)
        steps = optimise(problem, polarizers, near, checked, config, generator, tell, started)
        _check_finite(polarizers)
    _lay_out(repaired.to("cpu"), torch.contiguous_format)
    strength = config.strength or _strength(classifier, repaired, passes, device)
    config = config.model_copy(update={"strength": strength})
    if strength < 1:
        repaired = between(classifier, repaired, strength)
    _check_answers(repaired, held_out if len(held_out) else training)
    return Purification(
        repaired, config, layers, search.norm, held_out, steps, time.monotonic() - began
    )


def _completed(config: PurifyConfig, classifier: Classifier, clean: LabelledImages) -> PurifyConfig:
    """With what the network and the images decide where the user did not."""
    chosen: dict[str, float] = {}
    if config.learning_rate is None:
        chosen["learning_rate"] = relative_rate(classifier)
    if config.batch_size is None:
        chosen["batch_size"] = batch_size(classifier, clean.shape)
    return config.model_copy(update=chosen)


def choose_layers(classifier: Classifier, method: Method) -> tuple[str, ...]:
    """The layers that ``method`` polarizes when none are named."""
    spec = classifier.spec
    pixels = classifier.mean.new_full((2, spec.channels, spec.height, spec.width), 0.5)
    stage = last_stage(classifier, pixels)
    names = tuple(name.removeprefix("module.") for name in stage)
    if method is Method.DEEP:
        calls = trace(classifier, pixels)
        return tuple(dict.fromkeys(call.name.removeprefix("module.") for call in calls))
    return names[-2:][:1] if method.attaches else names


@contextmanager
def _polarizers(
    classifier: Classifier,
    layers: tuple[str, ...],
    config: PurifyConfig,
    classes: int,
    generator: torch.Generator,
) -> Iterator[nn.ModuleList]:
    """What is trained, in place in ``classifier``; frozen again afterwards."""
    module, method = classifier.module, config.method
    if method is Method.DEEP:
        named: list[nn.Module] = [polarizable_layer(module, name) for name in config.layers or ()]
        yield nn.ModuleList(dict.fromkeys(named or [classifier])).requires_grad_()
    elif method.attaches:
        wrapper = attach(module, layers[0], method, classes=classes, generator=generator)
        yield nn.ModuleList([wrapper.polarizer])
    else:
        with polarized(module, layers) as polarizers:
            yield nn.ModuleList(polarizers)
    module.requires_grad_(False)


def _passes(
    classifier: Classifier,
    training: LabelledImages,
    search: TriggerSearch,
    config: PurifyConfig,
    classes: int,
    generator: torch.Generator,
    ticked: Ticked,
) -> Passes:
    if config.method is Method.DEEP:
        assert config.batch_size is not None  # noqa: S101  # the images have chosen
        return begin(classifier, training, search, classes, config.batch_size, generator, ticked)
    return ConditionedPasses(generator) if config.method.conditions else plain_passes


def _preparing(plan: Plan, began: float, tell: OnProgress) -> Ticked:
    """Tells each step of the preparation, which began at that moment."""
    steps = sum(plan[part].count for part in BEFORE_STEPS if part in plan)
    numbers = count(1)

    def ticked(part: Part) -> None:
        step = next(numbers)
        tell(Prepared(part, step, max(step, steps), time.monotonic() - began))

    return ticked


def _strength(
    base: Classifier, repaired: Classifier, passes: Passes, device: torch.device
) -> float:
    if not isinstance(passes, StandInPasses):
        return 1.0
    return enough(base, repaired, passes.doors, device)


def _check_fit(classifier: Classifier, clean: LabelledImages, device: torch.device) -> int:
    """The number of classes."""
    if not len(clean):
        raise DatasetImagesError("the clean set holds no image")
    classifier.check_shape(clean.images)
    with torch.no_grad():
        logits = classifier(clean.pixels(slice(0, 2)).to(device))
    if logits.ndim != 2:
        raise ArchitectureError(f"the model returns {tuple(logits.shape)} instead of (N, K) logits")
    if not logits.isfinite().all():
        raise ModelValueError("the model's outputs on clean images hold NaN or infinity")
    classes = torch.unique(clean.labels)
    if int(classes.max()) >= logits.shape[1]:
        raise DatasetLabelsError(
            f"label {int(classes.max())} in the clean set, "
            f"but the model knows the {logits.shape[1]} classes 0 to {logits.shape[1] - 1}"
        )
    if len(classes) < 2:
        raise DatasetLabelsError(
            f"every clean image is of class {int(classes[0])}; give images of at least two classes"
        )
    return int(logits.shape[1])


def _check_finite(polarizers: nn.Module) -> None:
    if not all(bool(value.isfinite().all()) for value in polarizers.state_dict().values()):
        raise DivergenceError("a polarizer's weights became NaN or infinite; lower learning_rate")


def _check_answers(repaired: Classifier, clean: LabelledImages) -> None:
    with torch.no_grad():
        logits = repaired(clean.pixels(slice(0, 2)))
    if not logits.isfinite().all():
        raise DivergenceError("the repaired model answers NaN or infinity; lower learning_rate")


# A pattern that is shared by all images does more harm than one of the same norm for each of them.
_SHARE_OF_NORM = {Method.DEEP: 0.5}


def _search(config: PurifyConfig, shape: tuple[int, int, int]) -> TriggerSearch:
    norm = config.trigger_norm or default_norm(shape) * _SHARE_OF_NORM.get(config.method, 1)
    channels, height, width = shape
    reaching = 2 * norm / (channels * height * width) ** 0.5
    return TriggerSearch(norm, config.inner_step_size or reaching, config.inner_steps)


def _weights(config: PurifyConfig) -> LossWeights:
    return LossWeights(
        clean=config.clean_weight,
        consistency=config.consistency_weight,
        margin=config.margin_weight,
        target=config.target_weight,
        consistent_with=config.consistent_with,
    )


def _autocast(config: PurifyConfig, device: torch.device) -> torch.dtype | None:
    wanted = config.precision is Precision.BFLOAT16 or (
        config.precision is Precision.AUTO and multiplies_bfloat16(device)
    )
    return torch.bfloat16 if wanted else None


def _lay_out(module: nn.Module, layout: torch.memory_format) -> None:
    for parameter in module.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=layout)


def _ignore(event: Progress) -> None:
    """For callers that want no progress."""
