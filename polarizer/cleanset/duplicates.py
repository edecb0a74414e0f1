"""Images that repeat an earlier one: re-encoded, brightened, scaled or slightly noisy copies.

Two images are compared as unit vectors: shrunk to at most 16x16, less their mean, of length 1.
Brightness and contrast fall away; what remains is the distance between shapes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, normalize

from polarizer.cleanset.report import Finding, Severity, first
from polarizer.images import LabelledImages

SIDE = 16
NEAREST, FARTHEST = 0.08, 0.25
"""The distance of unit vectors below which two images count as one lies between these."""
PART = 0.23
"""… and is this part of what nine tenths of the images keep from their nearest neighbour."""
BLANK = 2.0
"""The standard deviation, of 255, below which an image shows nothing."""
MANY = 0.05
MOST = 0.3
_BLOCK = 512
_FAR = 2.0


@dataclass(frozen=True, eq=False)
class Repeats:
    """Of each image: whether it repeats an earlier one, whether a near one has another label, and
    whether it is blank. bool (N,). ``near`` is the distance that was taken for near."""

    repeated: Tensor
    contradicted: Tensor
    blank: Tensor
    near: float


def find_repeats(images: LabelledImages) -> Repeats:
    """Compare all pairs: N² products of at most 16·16·C numbers; blank images are left out."""
    vectors, blank = _unit_vectors(images)
    if blank.all():
        return Repeats(~blank, ~blank, blank, NEAREST)
    shown = (~blank).nonzero()[:, 0]
    vectors, labels = vectors[shown], images.labels[shown]
    positions = torch.arange(len(shown))
    nearest, earlier, otherwise = [torch.empty(0)], [torch.empty(0)], [torch.empty(0)]
    for rows in torch.split(positions, _BLOCK):
        distances = _distances(vectors[rows], vectors)
        distances[torch.arange(len(rows)), rows] = _FAR
        nearest.append(distances.amin(1))
        earlier.append(distances.where(positions < rows[:, None], _FAR).amin(1))
        otherwise.append(distances.where(labels != labels[rows, None], _FAR).amin(1))
    near = _near(torch.cat(nearest))
    return Repeats(
        _at(shown, torch.cat(earlier) < near, blank),
        _at(shown, torch.cat(otherwise) < near, blank),
        blank,
        near,
    )


def _near(nearest: Tensor) -> float:
    """The distance to take for near, from those to the nearest neighbours (N,)."""
    usual = nearest.sort().values[int(0.9 * (len(nearest) - 1))]
    return min(FARTHEST, max(NEAREST, PART * float(usual)))


def _at(positions: Tensor, values: Tensor, like: Tensor) -> Tensor:
    return torch.zeros_like(like).index_put((positions,), values)


def shared_with(images: LabelledImages, others: LabelledImages, near: float) -> Tensor:
    """Which of ``images`` (N) are as near to one of ``others``, bool (N,)."""
    vectors, blank = _unit_vectors(images)
    theirs, their_blank = _unit_vectors(others)
    theirs = theirs[~their_blank]
    if not len(theirs):
        return torch.zeros_like(blank)
    parts = [_distances(rows, theirs).amin(1) < near for rows in torch.split(vectors, _BLOCK)]
    return torch.cat(parts) & ~blank


def duplicate_findings(repeats: Repeats) -> list[Finding]:
    """What a user should know of them."""
    total = len(repeats.repeated)
    findings = []
    repeated = int(repeats.repeated.sum())
    if repeated > MANY * total:
        message = (
            f"{repeated} of {total} clean images repeat an earlier one (copies, perhaps re-encoded,"
            f" brightened or noisy), so there are about {total - repeated} different ones; send"
            " different images"
        )
        severity = Severity.SERIOUS if repeated > MOST * total else Severity.WARNING
        examples = first(repeats.repeated.nonzero().flatten())
        findings.append(Finding("near-duplicates", severity, message, repeated, examples=examples))
    contradicted = int(repeats.contradicted.sum())
    if contradicted:
        message = (
            f"{contradicted} clean images also occur, nearly the same, under another label; look at"
            " them and keep one label of each"
        )
        examples = first(repeats.contradicted.nonzero().flatten())
        findings.append(
            Finding("contradicting-labels", Severity.WARNING, message, contradicted, None, examples)
        )
    blank = int(repeats.blank.sum())
    if blank:
        message = f"{blank} clean images show a single colour; take them out"
        examples = first(repeats.blank.nonzero().flatten())
        findings.append(
            Finding("blank-images", _of_share(blank / total), message, blank, examples=examples)
        )
    return findings


def overlap_finding(clean: LabelledImages, test: LabelledImages, near: float) -> list[Finding]:
    """Clean images that the test images hold too."""
    shared = shared_with(clean, test, near)
    count = int(shared.sum())
    if not count:
        return []
    message = (
        f"{count} of {len(clean)} clean images are, nearly the same, among the test images too, so"
        " the accuracy after the repair will look better than it is; take them out of one of both"
    )
    severity = _of_share(count / len(clean))
    return [
        Finding("test-overlap", severity, message, count, examples=first(shared.nonzero()[:, 0]))
    ]


def _of_share(share: float) -> Severity:
    return Severity.WARNING if share > MANY else Severity.NOTE


def _distances(some: Tensor, others: Tensor) -> Tensor:
    """Between unit vectors (A, D) and (B, D), (A, B)."""
    return (2 - 2 * some @ others.T).clamp(min=0).sqrt()


def _unit_vectors(images: LabelledImages) -> tuple[Tensor, Tensor]:
    """``(vectors (N, D), blank (N,))``."""
    _, height, width = images.shape
    size = min(SIDE, height), min(SIDE, width)
    parts, deviations = [], []
    for chosen in torch.split(images.images, 1024):
        small = adaptive_avg_pool2d(chosen.float(), size).flatten(1)
        deviations.append(chosen.flatten(1).float().std(1, correction=0))
        parts.append(normalize(small - small.mean(1, keepdim=True), dim=1))
    return torch.cat(parts), torch.cat(deviations) < BLANK
