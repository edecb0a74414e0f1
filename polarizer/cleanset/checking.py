"""The check of a clean set: everything that can be told before time is spent on a repair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from polarizer.classifier import Classifier
from polarizer.cleanset.counts import count_findings
from polarizer.cleanset.distribution import distribution_findings, shift
from polarizer.cleanset.duplicates import duplicate_findings, find_repeats, overlap_finding
from polarizer.cleanset.labels import agreeing, label_findings
from polarizer.cleanset.observation import observe
from polarizer.cleanset.preprocessing import preprocessing_findings
from polarizer.cleanset.report import CleanSetReport, Finding, Severity
from polarizer.images import LabelledImages

MOST_LOOKED_AT = 5000
MOST_LOGITS = 1 << 24
_ORDER = list(reversed(Severity))


def check(
    classifier: Classifier,
    clean: LabelledImages,
    *,
    classes: Sequence[str] | None = None,
    test: LabelledImages | None = None,
    device: torch.device | str = "cpu",
    seed: int = 0,
) -> CleanSetReport:
    """Look at ``clean`` with ``classifier``, the suspect model as it came, which is not changed.

    Costs one forward pass of the images (of 5,000 drawn at random, where there are more), some of
    256 of them, and the comparison of all pairs. ``classes`` are the names for the sentences, in
    the order of the logits; ``test`` is only searched for images of the clean set. The most severe
    findings come first. That a purification needs clean data of this kind, and what poor data
    costs, is measured in arXiv 2502.07231.

    Raises :class:`DatasetImagesError` for an empty set, :class:`DatasetFormatError` for images of
    another shape, :class:`DatasetLabelsError` for labels that the model does not have,
    :class:`ModelValueError` for logits that are not finite.
    """
    generator = torch.Generator().manual_seed(seed)
    most = max(256, min(MOST_LOOKED_AT, MOST_LOGITS // len(classes or "?")))
    positions = torch.randperm(len(clean), generator=generator)[:most].sort().values
    looked_at = clean.select(positions)
    seen = observe(classifier, looked_at, device=device)
    names = classes or [str(label) for label in range(seen.classes)]
    noise, on_labels = label_findings(seen, names)
    prepared = preprocessing_findings(
        classifier, looked_at, agreeing(seen), device=device, generator=generator
    )
    if any(item.severity is Severity.SERIOUS for item in prepared):
        on_labels = []  # what the model says of the labels follows from the preparation
    repeats = find_repeats(looked_at)
    explained = any(item.severity is Severity.SERIOUS for item in (*on_labels, *prepared))
    findings = [
        *prepared,
        *on_labels,
        *distribution_findings(seen, looked_at, classifier.spec, explained=explained),
        *duplicate_findings(repeats),
        *([] if test is None else overlap_finding(looked_at, test, repeats.near)),
    ]
    findings = [_placed(finding, positions.tolist()) for finding in findings]
    findings += count_findings(clean.labels, names)
    return CleanSetReport(
        images=len(clean),
        looked_at=len(looked_at),
        agreement=seen.agreement,
        confidence=seen.confidence,
        wrong_labels=noise.share,
        near_duplicates=repeats.repeated.float().mean().item(),
        shift=shift(seen),
        findings=tuple(sorted(findings, key=lambda item: _ORDER.index(item.severity))),
    )


def _placed(finding: Finding, positions: list[int]) -> Finding:
    """With examples that are positions in the whole set."""
    return replace(finding, examples=tuple(positions[index] for index in finding.examples))
