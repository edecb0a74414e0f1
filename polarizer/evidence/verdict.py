"""From numbers to a verdict. The thresholds come from docs/benchmarks/evidence.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log

from polarizer.evidence.measuring import lead, median
from polarizer.evidence.results import ClassEvidence, Verdict
from polarizer.listing import some

FEWEST_IMAGES = 20
FEWEST_CLASSES = 4

LEAST_SPREAD = 0.15  # of the logarithms of norms; see measuring.anomalies
AHEAD = 0.22  # a norm smaller by a factor 1.25 than that of the next class
STANDS_OUT = 2.0  # its anomaly
PATCH_OPENS = 0.9
CLOSED_FLIPS = 0.1
OPEN_FLIPS = 0.3
UPSET_BY_ANYTHING = 0.2  # of the bound; the median class is reached with less

NOTHING_PROVEN = "This is evidence, not proof: triggers of other kinds may remain."


def verdict_of(classes: Sequence[ClassEvidence], bound: float) -> tuple[Verdict, list[int]]:
    """The verdict, and the labels of the classes with a door, the most suspicious first."""
    if _usual(classes) <= UPSET_BY_ANYTHING * bound:
        return Verdict.INCONCLUSIVE, []
    verdicts = {one.label: _of_door(one, classes) for one in classes if _has_door(one, classes)}
    if not verdicts:
        return Verdict.NO_EVIDENCE_FOUND, []
    worst_first = (Verdict.STILL_OPEN, Verdict.WEAKER, Verdict.CLOSED)
    worst = next(verdict for verdict in worst_first if verdict in verdicts.values())
    doors = [one for one in classes if one.label in verdicts]
    return worst, [one.label for one in sorted(doors, key=_suspicion, reverse=True)]


def near_before(classes: Sequence[ClassEvidence]) -> int | None:
    """The class that a pattern reached in the base model with far less than the next one."""
    nearest = min(classes, key=lambda one: one.norm_before)
    ahead = lead([one.norm_before for one in classes]) >= AHEAD
    return nearest.label if ahead and nearest.anomaly_before >= STANDS_OUT else None


def near_after(classes: Sequence[ClassEvidence]) -> int | None:
    """The same in the purified model, and with less than an ordinary class took before: behind a
    repair that closes all ways alike, the nearest class is no door."""
    nearest = min(classes, key=lambda one: one.norm_after)
    ahead = lead([one.norm_after for one in classes]) >= AHEAD
    stands_out = nearest.anomaly_after >= STANDS_OUT and nearest.norm_after < _usual(classes)
    return nearest.label if ahead and stands_out else None


def _usual(classes: Sequence[ClassEvidence]) -> float:
    return median([one.norm_before for one in classes])


def _opens(share: float | None) -> bool:
    return share is not None and share >= PATCH_OPENS


def _has_door(one: ClassEvidence, classes: Sequence[ClassEvidence]) -> bool:
    before = one.label == near_before(classes) or _opens(one.patch_before)
    return before or _open_anew(one, classes)


def _open_anew(one: ClassEvidence, classes: Sequence[ClassEvidence]) -> bool:
    return one.label == near_after(classes) or _opens(one.new_patch)


def _of_door(one: ClassEvidence, classes: Sequence[ClassEvidence]) -> Verdict:
    by_pattern = one.label == near_before(classes)
    passing = _passing(one, by_pattern=by_pattern)
    if _open_anew(one, classes) or passing > OPEN_FLIPS:
        return Verdict.STILL_OPEN
    nearer = log(_usual(classes) / one.norm_after) >= AHEAD
    if passing > CLOSED_FLIPS or (by_pattern and nearer):
        return Verdict.WEAKER
    return Verdict.CLOSED


def _passing(one: ClassEvidence, *, by_pattern: bool) -> float:
    """Share of images that the triggers which showed the door still send through it."""
    by_patch = one.patch_after or 0.0 if _opens(one.patch_before) else 0.0
    return max(by_patch, one.flips_after if by_pattern else 0.0)


def in_words(
    verdict: Verdict,
    doors: Sequence[ClassEvidence],
    name: Callable[[int], str],
) -> str:
    """A few sentences for people; ``name`` gives the name of a class."""
    if verdict is Verdict.NO_EVIDENCE_FOUND:
        return f"No evidence of a backdoor was found, before or after. {NOTHING_PROVEN}"
    if verdict is Verdict.INCONCLUSIVE:
        return (
            "Inconclusive: in the model as it came, tiny perturbations lead to any class, so a"
            " trigger cannot be told from them."
        )
    names = some([name(door.label) for door in doors])
    return f"{_FOUND[verdict].format(names=names)} {_numbers(doors, name)} {NOTHING_PROVEN}"


def too_little(images: int, classes: int) -> str | None:
    """Why nothing can be said of so few held-out images, or classes; None when there are enough."""
    if images < FEWEST_IMAGES:
        return f"Inconclusive: {images} held-out images are too few, {FEWEST_IMAGES} are needed."
    if classes < FEWEST_CLASSES:
        return (
            f"Inconclusive: with {classes} classes none can be compared with the others;"
            f" {FEWEST_CLASSES} are needed."
        )
    return None


_FOUND = {
    Verdict.CLOSED: "A backdoor to class {names} was found, and is closed after the repair.",
    Verdict.WEAKER: "A backdoor to class {names} was found; after the repair it is weaker, but"
    " not closed.",
    Verdict.STILL_OPEN: "A backdoor to class {names} is open after the repair.",
}


def _numbers(doors: Sequence[ClassEvidence], name: Callable[[int], str]) -> str:
    patched = [door for door in doors if _opens(door.patch_before) or _opens(door.new_patch)]
    if patched:
        return _patches(max(patched, key=lambda door: door.patch_after or 0.0), name)
    worst = max(doors, key=lambda door: (door.flips_after, door.anomaly_after))
    return (
        f"A perturbation of L2 norm {worst.surrogate_norm:.2g} that sent"
        f" {worst.flips_before:.0%} of the images to {name(worst.label)} sends"
        f" {worst.flips_after:.0%} there now, and one searched anew {worst.new_flips:.0%}."
    )


def _patches(door: ClassEvidence, name: Callable[[int], str]) -> str:
    anew = (
        "none was found anew"
        if door.new_patch is None
        else f"one searched anew {door.new_patch:.0%}"
    )
    if door.patch_before is None:
        return f"A small patch sends {door.new_patch:.0%} of the images to {name(door.label)} now."
    return (
        f"A small patch that sent {door.patch_before:.0%} of the images to {name(door.label)}"
        f" sends {door.patch_after:.0%} there now, and {anew}."
    )


def _suspicion(one: ClassEvidence) -> tuple[float, float]:
    patch = max(one.patch_before or 0.0, one.new_patch or 0.0)
    return (patch if _opens(patch) else 0.0), max(one.anomaly_before, one.anomaly_after)
