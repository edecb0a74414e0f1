"""Too few images, in all or of a class."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from polarizer.cleanset.report import Finding, Severity
from polarizer.listing import shown, some

FEW = 100
FEW_OF_CLASS = 5
IMBALANCE = 10


def count_findings(labels: Tensor, names: Sequence[str]) -> list[Finding]:
    """``labels`` int64 (N,) of a set for a model with the classes ``names``."""
    counts = torch.bincount(labels, minlength=len(names))
    return [
        *_few(len(labels)),
        *_missing(counts, names),
        *_few_of_class(counts, names),
        *_imbalance(counts, names),
    ]


def _few(total: int) -> list[Finding]:
    if total >= FEW:
        return []
    message = f"only {total} clean images; {FEW} or more repair better"
    return [Finding("few-images", Severity.WARNING, message, total)]


def _missing(counts: Tensor, names: Sequence[str]) -> list[Finding]:
    missing = [name for name, count in zip(names, counts.tolist(), strict=True) if not count]
    if not missing:
        return []
    share = len(missing) / len(names)
    message = (
        f"no clean image of {len(missing)} of {len(names)} classes: {some(missing)}; nothing keeps"
        " the accuracy on these, so send some of each"
    )
    severity = Severity.SERIOUS if share > 0.25 else Severity.WARNING
    return [Finding("missing-classes", severity, message, 0)]


def _few_of_class(counts: Tensor, names: Sequence[str]) -> list[Finding]:
    few = [
        f"{name} ({count})"
        for name, count in zip(names, counts.tolist(), strict=True)
        if 0 < count < FEW_OF_CLASS
    ]
    if not few:
        return []
    concerned = int(counts[(counts > 0) & (counts < FEW_OF_CLASS)].sum())
    message = (
        f"fewer than {FEW_OF_CLASS} clean images of {len(few)} classes: {some(few)}; send more of"
        " these"
    )
    return [Finding("few-of-class", Severity.WARNING, message, concerned)]


def _imbalance(counts: Tensor, names: Sequence[str]) -> list[Finding]:
    present = counts[counts > 0]
    if int(present.max()) < IMBALANCE * int(present.min()) or int(present.max()) < FEW_OF_CLASS:
        return []
    most = int(counts.argmax())
    message = (
        f"class {shown(names[most])} has {int(present.max())} clean images and the rarest class"
        f" {int(present.min())}; the repair will favour the frequent classes, so even the numbers"
        " out"
    )
    return [Finding("imbalanced", Severity.NOTE, message, int(counts[most]), label=most)]
