"""Wrong labels, read from what the base model answers.

The model errs too, and it may hold a backdoor; so nothing is concluded from one disagreement.
Errors of a model lie among the classes that it finds likely, while a label that was drawn by
mistake ranks anywhere: what counts is how many labels fall into the less likely half of all
classes, beyond what the model's own probabilities leave there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from polarizer.cleanset.observation import Observation
from polarizer.cleanset.report import Finding, Severity, first
from polarizer.listing import shown, some

ALLOWED = 0.01
"""Labels in the less likely half that are taken for errors of the model, of all images."""
SERIOUS_NOISE = 0.15
DISAGREEING = 0.3
"""Share of a class's images, given to one other class, from which the class is named."""
LEAST = 3
"""Images that must be given another class before one is named."""
MOST_NAMED = 3
"""Classes that are named in a finding each; more share one."""


@dataclass(frozen=True, eq=False)
class LabelNoise:
    """``share``: estimated wrong labels, 0 where the model's own errors explain what was seen.
    ``suspects``: positions of single images, the most suspicious first."""

    share: float
    suspects: Tensor


def label_noise(observation: Observation, considered: Tensor) -> LabelNoise:
    """Wrong labels among the images where ``considered`` (bool, N) is true."""
    suspects = suspicious(observation)
    suspects = suspects[considered[suspects]]
    probabilities = observation.probabilities[considered]
    labels = observation.labels[considered]
    if not len(labels):
        return LabelNoise(0.0, suspects)
    share = _excess(probabilities, labels)
    return LabelNoise(share, suspects)


def _excess(probabilities: Tensor, labels: Tensor) -> float:
    """The share of labels that lie in the less likely half of the classes by mistake."""
    total, classes = probabilities.shape
    unlikely = classes // 2
    order = probabilities.argsort(1)
    in_half = (order[:, :unlikely] == labels[:, None]).any(1)
    seen = float(in_half.sum())
    expected = float(probabilities.gather(1, order[:, :unlikely]).sum())
    allowed = ALLOWED * total + 2 * expected
    if seen <= allowed + 3 * math.sqrt(allowed) + 2:
        return 0.0
    return min(1.0, (seen - expected) / total * (classes - 1) / unlikely)


def suspicious(observation: Observation) -> Tensor:
    """Positions of images that the model confidently gives another class, clearest first.

    A class counts as confident from the mean probability that its own images give it, as in
    confident learning (Northcutt et al., 2021).
    """
    probabilities, labels = observation.probabilities, observation.labels
    thresholds = _class_means(probabilities, labels)
    confident = torch.where(probabilities >= thresholds, probabilities, 0)
    given = probabilities.gather(1, labels[:, None])[:, 0]
    found = (confident.argmax(1) != labels) & (confident.amax(1) > 0)
    positions = found.nonzero()[:, 0]
    return positions[given[positions].argsort()]


def _class_means(probabilities: Tensor, labels: Tensor) -> Tensor:
    """The mean probability of each class over the images labelled with it; 1 where none is."""
    classes = probabilities.shape[1]
    given = probabilities.gather(1, labels[:, None])[:, 0]
    counts = torch.bincount(labels, minlength=classes)
    sums = torch.zeros(classes).index_add(0, labels, given)
    return torch.where(counts > 0, sums / counts.clamp(min=1), 1.0)


def elsewhere(observation: Observation, more_than: float) -> dict[int, int]:
    """Label → the one other class that more than that share of its images is given."""
    labels, answers = observation.labels, observation.predicted
    cells, counts = torch.unique(labels * observation.classes + answers, return_counts=True)
    totals = torch.bincount(labels, minlength=observation.classes).tolist()
    found: dict[int, int] = {}
    best: dict[int, int] = {}
    for cell, count in zip(cells.tolist(), counts.tolist(), strict=True):
        label, answer = divmod(cell, observation.classes)
        many = count >= LEAST and count > more_than * totals[label]
        if answer != label and many and count > best.get(label, 0):
            best[label], found[label] = count, answer
    return found


def permutation(observation: Observation) -> dict[int, int]:
    """Label → class that it stands for, where most images of several labels have changed places."""
    moved = elsewhere(observation, 0.5)
    return moved if len(moved) > 1 and set(moved) == set(moved.values()) else {}


def agreeing(observation: Observation) -> Tensor:
    """Whether the model agrees with each label, or with the class that the label stands for where
    labels have changed places, bool (N,)."""
    labels = observation.labels.clone()
    for label, answer in permutation(observation).items():
        labels[observation.labels == label] = answer
    return observation.predicted == labels


def label_findings(
    observation: Observation, names: Sequence[str]
) -> tuple[LabelNoise, list[Finding]]:
    """The estimate for single images, and what a user should know of the labels."""
    moved = permutation(observation)
    odd = elsewhere(observation, DISAGREEING)
    explained = torch.isin(observation.labels, torch.tensor(list(odd), dtype=torch.int64))
    noise = label_noise(observation, ~explained)
    findings = []
    if moved:
        findings.append(_permuted(observation, moved, names))
    odd = {label: answer for label, answer in odd.items() if label not in moved}
    if len(odd) > MOST_NAMED:
        findings.append(_many_disagree(observation, odd, names))
    else:
        findings += [_class_disagrees(observation, *pair, names) for pair in odd.items()]
    if noise.share:
        findings.append(_noisy(noise, len(observation.labels)))
    return noise, findings


def _permuted(observation: Observation, moved: dict[int, int], names: Sequence[str]) -> Finding:
    concerned = torch.isin(observation.labels, torch.tensor(list(moved)))
    pairs = [f"{names[label]} looks like {names[answer]}" for label, answer in moved.items()]
    steps = {(answer - label) % len(names) for label, answer in moved.items()}
    shifted = len(moved) == len(names) and len(steps) == 1
    order = f" (all labels are off by {steps.pop()})" if shifted else ""
    message = (
        f"the labels of {len(moved)} classes seem to have changed places{order}: {some(pairs, 4)};"
        " compare the order of your classes with the model's"
    )
    examples = first(concerned.nonzero()[:, 0])
    count = int(concerned.sum())
    return Finding("permuted-labels", Severity.SERIOUS, message, count, examples=examples)


def _class_disagrees(
    observation: Observation, label: int, answer: int, names: Sequence[str]
) -> Finding:
    of_class = observation.labels == label
    concerned = of_class & (observation.predicted == answer)
    count, total = int(concerned.sum()), int(of_class.sum())
    message = (
        f"the model calls {count} of {total} clean images labelled {shown(names[label])}"
        f" {shown(names[answer])}: look at the labels of this class"
    )
    severity = Severity.SERIOUS if count > total / 2 else Severity.WARNING
    examples = first(concerned.nonzero()[:, 0])
    return Finding("class-disagrees", severity, message, count, label, examples)


def _many_disagree(observation: Observation, odd: dict[int, int], names: Sequence[str]) -> Finding:
    of_classes = torch.isin(observation.labels, torch.tensor(list(odd)))
    concerned = of_classes & (observation.predicted != observation.labels)
    pairs = [f"{names[label]} looks like {names[answer]}" for label, answer in odd.items()]
    message = (
        f"the model gives many images of {len(odd)} classes another class: {some(pairs, 4)}; check"
        " the labels, and that the images are of the kind that the model was trained on"
    )
    examples, count = first(concerned.nonzero()[:, 0]), int(concerned.sum())
    return Finding("class-disagrees", Severity.SERIOUS, message, count, examples=examples)


def _noisy(noise: LabelNoise, total: int) -> Finding:
    message = (
        f"about {noise.share:.0%} of the labels seem wrong: of {total} clean images the model gives"
        f" {len(noise.suspects)} confidently another class, and often one in which the label is"
        " among the least likely; look at the examples and correct or remove them"
    )
    severity = Severity.SERIOUS if noise.share >= SERIOUS_NOISE else Severity.WARNING
    return Finding(
        "wrong-labels", severity, message, len(noise.suspects), examples=first(noise.suspects)
    )
