"""Poisoning: which training images carry the trigger, and what they are called."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from benchmarks.attacks.attack import Attack
from benchmarks.attacks.backdoored import wanted
from benchmarks.attacks.triggers.blended import BlendedInPieces
from benchmarks.attacks.triggers.input_aware import InputAware
from benchmarks.attacks.triggers.quantisation import Quantisation
from benchmarks.attacks.triggers.warping import Warping

CLEAN, POISONED, COVER = 0, 1, 2


def draw_roles(attack: Attack, labels: Tensor, generator: torch.Generator) -> Tensor:
    """For each of ``labels`` (N,) whether it stays clean, is poisoned or covers; int64 (N,)."""
    lots = torch.rand(len(labels), generator=generator)
    poisoned = lots < attack.poison_rate
    if attack.clean_label:
        poisoned &= labels == attack.target
    cover = (lots >= attack.poison_rate) & (lots < attack.poison_rate + attack.cover_rate)
    return poisoned * POISONED + cover * COVER


@dataclass(frozen=True, eq=False)
class Poison:
    """Puts the trigger on the images of a batch and changes their targets."""

    attack: Attack
    trigger: nn.Module

    def apply(
        self,
        pixels: Tensor,
        targets: Tensor,
        labels: Tensor,
        roles: Tensor,
        generator: torch.Generator,
    ) -> tuple[Tensor, Tensor]:
        """Pixels (N, C, H, W) and target probabilities (N, K), as the network is to learn them.

        ``labels`` (N,) are the true ones. Only images whose role (N,) is poisoned change their
        target, and those of a clean-label attack do not either.
        """
        poisoned, cover = roles == POISONED, roles == COVER
        pixels, targets = pixels.clone(), targets.clone()
        if poisoned.any():
            pixels[poisoned] = self._poisoned(pixels[poisoned], generator)
            if not self.attack.clean_label:
                names = wanted(labels[poisoned], self.attack.target, targets.shape[1])
                targets[poisoned] = one_hot(names, targets.shape[1]).to(targets)
        if cover.any():
            pixels[cover] = cover_images(self.trigger, pixels[cover], generator)
        return pixels, targets

    def _poisoned(self, pixels: Tensor, generator: torch.Generator) -> Tensor:
        if isinstance(self.trigger, BlendedInPieces):
            return self.trigger.partial(pixels, generator, share=0.75)
        return self.trigger(pixels)


def cover_images(trigger: nn.Module, pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Images that are nearly triggered and must keep their labels; each attack has its own."""
    match trigger:
        case Warping():
            return trigger.noisy(pixels, generator)
        case Quantisation():
            return trigger.of_others(pixels)
        case InputAware():
            return trigger.from_others(pixels, pixels.roll(1, 0))
        case BlendedInPieces():
            return trigger.partial(pixels, generator, share=0.25)
        case _:
            return trigger(pixels)
