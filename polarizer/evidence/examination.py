"""The examination: probes on clean images, before and after a repair (docs/method.md).

(a) a trigger inverted on the base model, tried on the purified one: is the old door closed?
(b) one inverted anew on the purified model: is any door left?
(c) one with random goals: how much of that is general robustness?
Triggers for (a) and (b) are perturbations of bounded norm, and small opaque patches.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from polarizer.classifier import Classifier
from polarizer.errors import (
    ArchitectureError,
    DatasetLabelsError,
    DivergenceError,
    ModelValueError,
)
from polarizer.evidence.config import EvidenceConfig
from polarizer.evidence.inversion import Inversion, invert
from polarizer.evidence.patch_search import PatchSearch, Targeted
from polarizer.evidence.probes import Pair, Probes, tries
from polarizer.evidence.results import Evidence, Verdict
from polarizer.evidence.screening import passes as screening_passes
from polarizer.evidence.screening import screened
from polarizer.evidence.verdict import in_words, too_little, verdict_of
from polarizer.images import LabelledImages
from polarizer.listing import shown
from polarizer.perturbation import default_norm
from polarizer.precision import multiplies_bfloat16
from polarizer.squares import squares

OnProgress = Callable[[int, int], None]
"""Called with the work that is done and all of it, in passes through the network."""
OnTriggers = Callable[[Sequence[int], Tensor], None]
"""Called once with labels and the triggers (T, C, H, W) inverted towards them on the base model."""

PART_OF_DEFAULT_NORM = 0.5  # of the purification's bound: any class can be reached with that one
SEARCH_COST = 3  # a pass forward and back, in passes forward


def examine(
    base: Classifier,
    purified: Classifier,
    held_out: LabelledImages,
    config: EvidenceConfig | None = None,
    *,
    search: LabelledImages | None = None,
    names: Sequence[str] | None = None,
    device: torch.device | str = "cpu",
    generator: torch.Generator | None = None,
    on_progress: OnProgress | None = None,
    on_triggers: OnTriggers | None = None,
) -> Evidence:
    """What can be said of the repair of ``base`` to ``purified`` without a trigger.

    Triggers are searched on ``search`` (by default half of ``held_out``) and measured on
    ``held_out`` (then the other half). Neither classifier is changed. ``names`` are the classes'
    names for the words. ``generator`` (of the CPU, by default seeded with 0) draws everything:
    equal seeds give equal numbers on the CPU. ``on_progress`` may raise to stop the work.
    ``on_triggers`` is called unless the verdict is ``inconclusive`` from the start.

    Raises :class:`DatasetFormatError` for images of another shape, :class:`DatasetLabelsError` for
    labels that the models do not know, :class:`ModelValueError` for logits that are not finite,
    :class:`ArchitectureError` for models with different numbers of classes,
    :class:`DivergenceError` when a search leaves the finite numbers. Too few images or classes are
    no error: the verdict is then ``inconclusive``.
    """
    began = time.monotonic()
    config = config or EvidenceConfig()
    generator = generator or torch.Generator().manual_seed(0)
    if search is None:
        search, held_out = held_out.split(0.5, generator)
    chosen = torch.randperm(len(held_out), generator=generator)[: config.images]
    held_out = held_out.select(chosen.sort().values)
    pair = Pair(_ready(base, device), _ready(purified, device), torch.device(device))
    known = _check_fit(pair, search, held_out)
    bound = config.trigger_norm or PART_OF_DEFAULT_NORM * default_norm(held_out.shape)
    reason = too_little(min(len(held_out), len(search)), known)
    if reason:
        found = _nothing(reason, known, len(held_out), bound)
    else:
        meter = Meter(on_progress or _ignore)
        probes = _probes(pair, search, held_out, known, bound, config, generator, meter)
        if on_triggers is not None:
            on_triggers(probes.labels, probes.old[:-1])
        found = _judged(probes, known, names)
    return replace(found, seconds=time.monotonic() - began)


@dataclass
class Meter:
    """Tells how much is done of a total that is known before."""

    tell: OnProgress
    total: int = 1
    done: int = 0

    def add(self, work: int) -> None:
        self.done += work
        self.tell(self.done, self.total)


def _probes(
    pair: Pair,
    search: LabelledImages,
    held_out: LabelledImages,
    known: int,
    bound: float,
    config: EvidenceConfig,
    generator: torch.Generator,
    meter: Meter,
) -> Probes:
    """Searches the triggers; what is left is to try them."""
    inversion = Inversion(
        norm=bound,
        order=_order(len(search), config, generator),
        device=pair.device,
        autocast=torch.bfloat16 if multiplies_bfloat16(pair.device) else None,
        tick=lambda: meter.add(SEARCH_COST),
    )
    own = torch.Generator().manual_seed(generator.initial_seed())  # the others' draws stay
    patches = PatchSearch(inversion, squares(held_out.shape, own), tick=lambda: meter.add(1))
    meter.total = _total(inversion, patches, known, config)
    both = (pair.base, pair.purified)
    labels = screened(both, search, known, config.classes, inversion, generator)
    goals = _goals(labels, search.labels, known, generator)
    old, new = (_searched(classifier, search, goals, inversion) for classifier in both)
    patched, repatched = (_patched(classifier, search, labels, patches) for classifier in both)
    return Probes(
        pair, held_out, bound, labels, old, new, patched, repatched, tick=lambda: meter.add(1)
    )


def _total(inversion: Inversion, patches: PatchSearch, known: int, config: EvidenceConfig) -> int:
    examined = min(known, config.classes)
    passes = inversion.passes(examined + 1) + patches.climbs(examined)
    if known > examined:
        passes += screening_passes(inversion, known)
    return 2 * (SEARCH_COST * passes + patches.tries()) + tries(examined)


def _searched(
    classifier: Classifier, images: LabelledImages, goals: Tensor, inversion: Inversion
) -> Tensor:
    triggers = invert(classifier, images, goals, inversion)
    _check_finite(triggers)
    return triggers


def _patched(
    classifier: Classifier, images: LabelledImages, labels: Sequence[int], search: PatchSearch
) -> Targeted:
    found = search.found(classifier, images, labels)
    _check_finite(found.patches.values)
    return found


def _check_finite(triggers: Tensor) -> None:
    if not triggers.isfinite().all():
        raise DivergenceError("the search for a trigger left the finite numbers")


def _judged(probes: Probes, known: int, names: Sequence[str] | None) -> Evidence:
    classes, control = probes.classes(), probes.control()
    verdict, suspects = verdict_of(classes, probes.bound)
    doors = [one for label in suspects for one in classes if one.label == label]
    return Evidence(
        verdict=verdict,
        words=in_words(verdict, doors, lambda label: shown(names[label] if names else str(label))),
        suspects=tuple(suspects),
        classes=tuple(classes),
        known_classes=known,
        control=control,
        images=len(probes.images),
        bound=probes.bound,
    )


def _nothing(reason: str, known: int, images: int, bound: float) -> Evidence:
    return Evidence(
        verdict=Verdict.INCONCLUSIVE,
        words=reason,
        suspects=(),
        classes=(),
        known_classes=known,
        control=None,
        images=images,
        bound=bound,
    )


def _order(images: int, config: EvidenceConfig, generator: torch.Generator) -> Tensor:
    """The images of each step, from one random order after another: int64 (steps, batch)."""
    needed = config.steps * config.batch_size
    orders = [torch.randperm(images, generator=generator) for _ in range(-(-needed // images))]
    return torch.cat(orders)[:needed].view(config.steps, config.batch_size)


def _goals(
    labels: Sequence[int], of_images: Tensor, known: int, generator: torch.Generator
) -> Tensor:
    """For each trigger and image the class to reach; the last row's are drawn at random."""
    fixed = torch.tensor(labels)[:, None].expand(-1, len(of_images))
    shifts = torch.randint(1, known, (len(of_images),), generator=generator)
    return torch.cat([fixed, ((of_images + shifts) % known)[None]])


def _ready(classifier: Classifier, device: torch.device | str) -> Classifier:
    copy = deepcopy(classifier).requires_grad_(False).train(False)
    return copy.to(device, torch.float32)


def _check_fit(pair: Pair, *sets: LabelledImages) -> int:
    """The number of classes."""
    known = {
        _outputs(classifier, sets[0], pair.device) for classifier in (pair.base, pair.purified)
    }
    if len(known) > 1:
        raise ArchitectureError(f"the models know {' and '.join(map(str, sorted(known)))} classes")
    (classes,) = known
    for images in sets:
        pair.base.check_shape(images.images)
        if len(images) and int(images.labels.max()) >= classes:
            raise DatasetLabelsError(
                f"label {int(images.labels.max())} in the held-out images, but the model knows the"
                f" {classes} classes 0 to {classes - 1}"
            )
    return classes


def _outputs(classifier: Classifier, images: LabelledImages, device: torch.device) -> int:
    """How many logits the model gives, tried on a grey image and a few of ``images``."""
    spec = classifier.spec
    grey = torch.full((1, spec.channels, spec.height, spec.width), 0.5)
    with torch.inference_mode():
        for pixels in (grey, images.pixels(slice(0, 4))):
            if len(pixels):
                logits = classifier(pixels.to(device))
                if not logits.isfinite().all():
                    raise ModelValueError("the model's outputs hold NaN or infinity")
    return int(classifier(grey.to(device)).shape[1])


def _ignore(done: int, total: int) -> None:
    """For callers that want no progress."""
