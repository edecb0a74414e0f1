"""What came of it, in plain words: the first thing that is read, and often the only one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from polarizer.evidence.results import Verdict as Found
from service.defenses.report import Numbers, Report
from service.reports.wording import percent, points

CLOSED = 0.05
"""Attack success up to which the attack is said not to work any more."""
COSTLY = 0.02
"""Accuracy lost beyond which the cost is pointed out."""
WON_BACK = 0.2
"""What an attack test brings back beyond which the repair is not called good."""


class Level(StrEnum):
    """How it went; the word itself is shown."""

    GOOD = "good"
    MIXED = "look closer"
    BAD = "not repaired"
    UNKNOWN = "not known"


@dataclass(frozen=True)
class Verdict:
    """A headline, and sentences that say what it rests on."""

    level: Level
    title: str
    sentences: tuple[str, ...]


_FOUND: dict[Found, tuple[Level, str]] = {
    Found.CLOSED: (Level.GOOD, "A backdoor was found, and it is closed"),
    Found.WEAKER: (Level.MIXED, "A backdoor was found; it is weaker, but perhaps not closed"),
    Found.STILL_OPEN: (Level.BAD, "A backdoor was found, and it is still open"),
    Found.NO_EVIDENCE_FOUND: (Level.UNKNOWN, "No backdoor was found, before or after"),
    Found.INCONCLUSIVE: (Level.UNKNOWN, "Repaired; whether there was a backdoor is not known"),
}
_UNEXAMINED = (Level.UNKNOWN, "Repaired; whether there was a backdoor was not examined")


def verdict(report: Report) -> Verdict:
    """Triggered images decide where some were sent, else the search without a trigger."""
    numbers = report.numbers
    level, title = _headline(report)
    doubts = [_second_door(report), _won_back(numbers), _costly(numbers)]
    if level is Level.GOOD and any(doubts):
        level = Level.MIXED
    said = [_attack(numbers), _accuracy(report), *doubts, _silence(report)]
    return Verdict(level, title, tuple(sentence for sentence in said if sentence))


def _headline(report: Report) -> tuple[Level, str]:
    before = report.numbers.attack_success_before
    after = report.numbers.attack_success_after
    if before is None or after is None:
        return _UNEXAMINED if report.evidence is None else _FOUND[report.evidence.verdict]
    if after > CLOSED:
        weaker = after <= before / 2
        left = "The backdoor is weaker, but it still opens" if weaker else "The backdoor is open"
        return (Level.MIXED if weaker else Level.BAD), left
    if before <= CLOSED:
        return Level.UNKNOWN, "The attack did not work on the model as it came, nor does it now"
    return Level.GOOD, "The backdoor no longer opens"


def _attack(numbers: Numbers) -> str | None:
    if numbers.attack_success_before is None or numbers.attack_success_after is None:
        return None
    return (
        f"The trigger sent {percent(numbers.attack_success_before)} of the triggered images to its"
        f" class before, and {percent(numbers.attack_success_after)} now."
    )


def _accuracy(report: Report) -> str:
    before, after = report.numbers.accuracy_before, report.numbers.accuracy_after
    if before is None or after is None:
        return "Accuracy was not measured: no image was left to measure it on."
    on = "test images" if report.measured_on == "test" else "clean images held out of the training"
    return (
        f"Accuracy on {on} was {percent(before)} and is {percent(after)} ({points(before, after)})."
    )


def _second_door(report: Report) -> str | None:
    """Triggered images are of one attack; the search may have found another."""
    measured = report.numbers.attack_success_after is not None
    open_ = report.evidence is not None and report.evidence.verdict is Found.STILL_OPEN
    if measured and open_:
        return "The search without a trigger found a way into a class that is still open."
    return None


def _won_back(numbers: Numbers) -> str | None:
    if numbers.won_back is None or numbers.won_back <= WON_BACK:
        return None
    return f"An attack test won back {percent(numbers.won_back)}: see the attack tests below."


def _costly(numbers: Numbers) -> str | None:
    before, after = numbers.accuracy_before, numbers.accuracy_after
    if before is None or after is None or before - after <= COSTLY:
        return None
    return "The repair cost accuracy: see below which classes lost."


def _silence(report: Report) -> str | None:
    """What finding nothing does not mean."""
    if report.numbers.attack_success_after is None and report.evidence is not None:
        if report.evidence.verdict is Found.NO_EVIDENCE_FOUND:
            return "Finding none does not prove that there was none."
        return "No triggered images were sent: this rests on a search without them."
    return None
