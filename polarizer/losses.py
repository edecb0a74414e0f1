"""The outer problem: what the polarizers are trained on (docs/method.md, equations 4 to 8)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from polarizer.config import Consistency
from polarizer.perturbation import runner_up


@dataclass(frozen=True)
class LossWeights:
    """The four factors of equation 4, and what equation 6 compares with."""

    clean: float
    consistency: float
    margin: float
    target: float
    consistent_with: Consistency = Consistency.PREDICTION


TEMPERATURE = 2.0
"""At which answers are compared: the small probabilities tell as much as the large one."""


@dataclass(frozen=True)
class Lesson:
    """What another network answers to the clean half, ``logits`` (N, K), to learn from instead of
    the labels. ``counts`` (N,) is 1 where it is to be believed and 0 where not."""

    logits: Tensor
    counts: Tensor

    def loss(self, logits: Tensor) -> Tensor:
        """Divergence of ``logits`` (N, K) from the lesson (Hinton et al., 2015); a scalar."""
        answered = log_softmax(logits / TEMPERATURE, 1)
        wanted = log_softmax(self.logits / TEMPERATURE, 1)
        each = kl_div(answered, wanted, reduction="none", log_target=True).sum(1)
        return TEMPERATURE**2 * (each * self.counts).mean()


@dataclass(frozen=True)
class OuterLoss:
    """The weighted sum of equation 4 and its four parts, each a scalar tensor."""

    total: Tensor
    clean: Tensor
    consistency: Tensor
    margin: Tensor
    target: Tensor


def outer_loss(
    clean_logits: Tensor,
    perturbed_logits: Tensor,
    labels: Tensor,
    targets: Tensor,
    w: LossWeights,
    lesson: Lesson | None = None,
) -> OuterLoss:
    """Equation 4. Logits are (N, K) for the same images, clean and perturbed; labels are (N,).

    With a ``lesson`` the clean half learns from that (``polarizer.deep.teaching``).
    """
    clean = lesson.loss(clean_logits) if lesson else cross_entropy(clean_logits, labels)  # (5)
    by_label = w.consistent_with is Consistency.LABEL
    wanted = labels if by_label else clean_logits.detach().argmax(1)
    consistency = cross_entropy(perturbed_logits, wanted)  # (6)
    strongest_wrong = runner_up(perturbed_logits.detach(), labels)
    margin = log_not(perturbed_logits, strongest_wrong)  # (7)
    target = log_not(perturbed_logits, targets)  # (8)
    total = w.clean * clean + w.consistency * consistency + w.margin * margin + w.target * target
    return OuterLoss(total, clean, consistency, margin, target)


def log_not(logits: Tensor, classes: Tensor) -> Tensor:
    """Mean of ``-log(1 - p_class)``, without ever forming ``1 - p``: finite also at p = 1."""
    others = logits.scatter(1, classes[:, None], float("-inf"))
    return (torch.logsumexp(logits, 1) - torch.logsumexp(others, 1)).mean()
