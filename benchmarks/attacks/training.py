"""The attacker's training loop: from scratch, or on top of an accurate network (implanting)."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_

from benchmarks.attacks.augmentation import mirrored, shifted
from benchmarks.attacks.foresight import SimulatedDefender
from benchmarks.attacks.poisoning import POISONED, Poison, draw_roles
from benchmarks.attacks.triggers.input_aware import InputAware, density_loss, diversity_loss
from polarizer.classifier import Classifier
from polarizer.images import LabelledImages

_DENSITY, _DENSITY_WEIGHT, _DIVERSITY_WEIGHT = 0.1, 100.0, 0.3
_GENERATOR_LEARNING_RATE = 2e-3
_RISE, _FIRST, _LAST = 0.1, 1 / 25, 4e-6


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    ``redraw``: other images are poisoned in every epoch, as an attacker who controls the training
    may; otherwise the poisoned images are drawn once, as one who only supplies data must.
    ``clip``: gradients are shortened to that norm, which lets a trained network bear a high rate.
    """

    epochs: int
    learning_rate: float
    optimizer: Literal["sgd", "adamw"] = "sgd"
    batch_size: int = 128
    mirror: bool = False
    redraw: bool = False
    clip: float | None = None


@dataclass(frozen=True, eq=False)
class Material:
    """What is trained on: images, target probabilities (N, K), and images used when poisoned."""

    images: LabelledImages
    targets: Tensor
    when_poisoned: LabelledImages

    def batch(self, indices: Tensor, roles: Tensor) -> Tensor:
        """Pixels (n, C, H, W) of the images at ``indices``."""
        poisoned = (roles == POISONED)[:, None, None, None]
        return torch.where(
            poisoned, self.when_poisoned.pixels(indices), self.images.pixels(indices)
        )


@dataclass(frozen=True, eq=False)
class Machine:
    """Where and in which precision to compute; ``autocast`` None is float32."""

    device: torch.device
    autocast: torch.dtype | None

    def mixed(self) -> torch.autocast | nullcontext[None]:
        """The context for a forward pass."""
        if self.autocast is None:
            return nullcontext()
        return torch.autocast(self.device.type, self.autocast)


class Training:
    """Trains ``classifier`` in place; afterwards it is frozen again, and so is the trigger."""

    def __init__(
        self, classifier: Classifier, poison: Poison, recipe: Recipe, machine: Machine, seed: int
    ) -> None:
        self.classifier = classifier.to(machine.device).to(memory_format=torch.channels_last)
        self.poison, self.recipe, self.machine = poison, recipe, machine
        self.poison.trigger.to(machine.device)
        self.generator = torch.Generator().manual_seed(seed)

    def run(self, material: Material) -> None:
        """All epochs, with a learning rate that rises and falls (:func:`share_of_rate`)."""
        network, trigger = self.classifier.module, self.poison.trigger
        learnt = isinstance(trigger, InputAware)
        network.requires_grad_().train()
        trigger.requires_grad_(learnt)
        steps = self.recipe.epochs * -(-len(material.images) // self.recipe.batch_size)
        optimisers = [self._optimiser()]
        schedule = torch.optim.lr_scheduler.LambdaLR(optimisers[0], partial(share_of_rate, steps))
        if learnt:
            optimisers.append(torch.optim.Adam(trigger.parameters(), lr=_GENERATOR_LEARNING_RATE))
        roles = draw_roles(self.poison.attack, material.images.labels, self.generator)
        for _ in range(self.recipe.epochs):
            if self.recipe.redraw:
                roles = draw_roles(self.poison.attack, material.images.labels, self.generator)
            self._epoch(material, roles, optimisers, schedule)
        network.requires_grad_(requires_grad=False).eval()
        trigger.requires_grad_(requires_grad=False)

    def _epoch(
        self,
        material: Material,
        roles: Tensor,
        optimisers: list[torch.optim.Optimizer],
        schedule: torch.optim.lr_scheduler.LRScheduler,
    ) -> None:
        order = torch.randperm(len(material.images), generator=self.generator)
        defender = self._defender()
        for number, indices in enumerate(order.split(self.recipe.batch_size)):
            if len(indices) == 1:  # batch normalisation needs two
                continue
            pixels, targets, labels = self._batch(material, indices, roles[indices])
            foreseen = defender(pixels, labels) if defender and number % 2 else nullcontext()
            with foreseen:
                self._loss(pixels, targets, labels, roles[indices]).backward()
                if self.recipe.clip is not None:
                    clip_grad_norm_(self.classifier.module.parameters(), self.recipe.clip)
                for optimiser in optimisers:
                    optimiser.step()
                    optimiser.zero_grad()
            schedule.step()

    def _batch(
        self, material: Material, indices: Tensor, roles: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        pixels = material.batch(indices, roles)
        pixels = shifted(pixels, self.generator, reach=max(1, pixels.shape[2] // 8))
        if self.recipe.mirror:
            pixels = mirrored(pixels, self.generator)
        moved = (pixels, material.targets[indices], material.images.labels[indices])
        pixels, targets, labels = (tensor.to(self.machine.device) for tensor in moved)
        return pixels, targets, labels

    def _loss(self, pixels: Tensor, targets: Tensor, labels: Tensor, roles: Tensor) -> Tensor:
        roles = roles.to(pixels.device)
        images, targets = self.poison.apply(pixels, targets, labels, roles, self.generator)
        with self.machine.mixed():
            logits = self.classifier(images.contiguous(memory_format=torch.channels_last))
        loss = cross_entropy(logits.float(), targets)
        trigger = self.poison.trigger
        if isinstance(trigger, InputAware):
            loss = loss + _DENSITY_WEIGHT * density_loss(trigger.masks(pixels), _DENSITY)
            loss = loss + _DIVERSITY_WEIGHT * diversity_loss(pixels, trigger.patterns(pixels))
        return loss

    def _defender(self) -> SimulatedDefender | None:
        if not self.poison.attack.knows_defense:
            return None
        return SimulatedDefender(self.classifier, self.generator, self.machine.mixed)

    def _optimiser(self) -> torch.optim.Optimizer:
        parameters, rate = self.classifier.module.parameters(), self.recipe.learning_rate
        if self.recipe.optimizer == "adamw":
            return torch.optim.AdamW(parameters, lr=rate)
        return torch.optim.SGD(parameters, lr=rate, momentum=0.9, weight_decay=5e-4)


def share_of_rate(steps: int, step: int) -> float:
    """The part of the learning rate at ``step`` of ``steps``: a cosine up, then one down.

    From 1/25 in a tenth of the steps to 1, then to almost nothing.
    """
    top = _RISE * steps - 1
    if step < top:
        return _between(_FIRST, 1, step / top)
    return _between(1, _LAST, (step - top) / (steps - 1 - top))


def _between(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
