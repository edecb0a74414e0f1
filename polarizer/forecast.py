"""How much of a purification is done, and how long the rest takes: from what its parts took so far.

The plan says how often each part comes up. One that has come up already is expected to take as long
again; the others as long as their cost in images, at the speed of what was measured. So the first
step of the search already tells what all of it takes, and soon every step is known by its like.
"""

from __future__ import annotations

from dataclasses import dataclass

from polarizer.progress import BEFORE_STEPS, Checked, Part, Plan, Prepared, Progress, Started


@dataclass
class _Spent:
    """Times that one part has come up, and seconds that the first and the others took."""

    times: int = 0
    first: float = 0.0
    others: float = 0.0

    def add(self, seconds: float) -> None:
        if self.times:
            self.others += seconds
        else:
            self.first = seconds
        self.times += 1

    @property
    def each(self) -> float:
        """Without the first where there are others: it also finds out how to compute."""
        return self.others / (self.times - 1) if self.times > 1 else self.first


class Forecast:
    """Takes every event of one purification, in order."""

    def __init__(self) -> None:
        self._plan: Plan = {}
        self._spent: dict[Part, _Spent] = {}
        self._seconds = 0.0
        self._now: Part | None = None
        self._fraction = 0.0

    def take(self, event: Progress) -> None:
        """What has happened."""
        if isinstance(event, Started):
            self._plan = event.plan
            return
        self._now = self._part(event)
        self._spent.setdefault(self._now, _Spent()).add(event.seconds - self._seconds)
        self._seconds = event.seconds
        whole = self._seconds + (self.remaining_seconds or 0.0)
        self._fraction = max(self._fraction, self._seconds / whole if whole else 0.0)

    @property
    def fraction(self) -> float:
        """Of the time: from 0 to 1, and never less than before."""
        return self._fraction

    @property
    def remaining_seconds(self) -> float | None:
        """None before there is anything to judge by."""
        if self._now is None:
            return None
        return sum(self._left(part) * self._each(part) for part in self._plan)

    def _left(self, part: Part) -> int:
        if part in BEFORE_STEPS and part is not self._now and self._is_over(part):
            return 0
        done = self._spent[part].times if part in self._spent else 0
        return max(0, self._plan[part].count - done)

    def _is_over(self, part: Part) -> bool:
        """Whether a part before the steps has ended; it may take fewer times than planned."""
        if self._now not in BEFORE_STEPS:
            return True
        return BEFORE_STEPS.index(part) < BEFORE_STEPS.index(self._now)

    def _each(self, part: Part) -> float:
        if part in self._spent:
            return self._spent[part].each
        known = [(spent.times, spent.each, self._plan[of].cost) for of, spent in self._spent.items()
                 if of in self._plan]  # fmt: skip
        cost = sum(times * cost for times, _, cost in known)
        pace = sum(times * each for times, each, _ in known) / cost if cost else 0.0
        return self._plan[part].cost * pace

    def _part(self, event: Progress) -> Part:
        if isinstance(event, Prepared):
            return event.part
        if isinstance(event, Checked):
            return Part.CHECKS
        warmup = self._plan.get(Part.WARMUP)
        assert not isinstance(event, Started)  # noqa: S101  # take() looked
        return Part.WARMUP if warmup and event.step <= warmup.count else Part.STEPS
