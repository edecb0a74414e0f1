"""The table: averages and worst cases over models and seeds, by defense and clean-set size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmarks.defense.rows import NO_BACKDOOR, NOTHING, Row

COLUMNS = (
    *("images", "defense", "models", "runs", "ACC", "ACC lost", "worst", "ASR", "worst"),
    *("R-ACC", "DER", "worst", "seconds", "÷ ours", "MB"),
)


@dataclass(frozen=True)
class Summary:
    """One defense with one size of clean set, over all models with a backdoor and all seeds.

    Averages first over the seeds of a model, then over models, so that no model counts more for
    having more runs; ``worst_*`` are over single runs. ``times_ours`` is the mean, over runs, of
    the seconds divided by ours on the same model, images and seed; ``extrapolated`` says that only
    a part of the published work was timed. ``None``: not measured.
    """

    images: int
    defense: str
    models: int
    runs: int
    accuracy: float | None
    accuracy_lost: float | None
    worst_accuracy_lost: float | None
    attack_success: float | None
    worst_attack_success: float | None
    recovered: float | None
    effectiveness: float | None
    worst_effectiveness: float | None
    seconds: float | None
    times_ours: float | None
    megabytes: float | None
    share: float

    @property
    def extrapolated(self) -> bool:
        """Whether the seconds are those of more work than was done."""
        return self.share < 1


def summarise(rows: Iterable[Row], ours: str) -> list[Summary]:
    """Every defense at every size, largest sizes first, in the order of first appearance.

    Models without a backdoor are left out (:func:`on_clean_models`), and what failed.
    """
    kept = [row for row in rows if row.attack != NO_BACKDOOR]
    return by_size_and_defense(kept, ours)


def on_clean_models(rows: Iterable[Row], ours: str) -> list[Summary]:
    """The same for models without a backdoor, where only ACC lost, time and memory mean much."""
    return by_size_and_defense([row for row in rows if row.attack == NO_BACKDOOR], ours)


def by_size_and_defense(rows: Sequence[Row], ours: str) -> list[Summary]:
    """:func:`summarise` for whatever models there are."""
    kept = [row for row in rows if row.defense != NOTHING and not row.problem]
    sizes = sorted({row.images for row in kept}, reverse=True)
    names = list(dict.fromkeys(row.defense for row in kept))
    groups = [
        [row for row in kept if (row.images, row.defense) == (size, name)]
        for size in sizes
        for name in names
    ]
    times = {_place(row): row.seconds for row in kept if row.defense == ours and row.seconds}
    return [_summary(group, times) for group in groups if group]


def _summary(rows: list[Row], ours: dict[tuple[str, int, int, str], float]) -> Summary:
    lost = [row.accuracy_lost for row in rows if row.accuracy_lost is not None]
    success = [row.attack_success for row in rows if row.attack_success is not None]
    effective = [row.effectiveness for row in rows if row.effectiveness is not None]
    ratios = [
        row.seconds / ours[_place(row)]
        for row in rows
        if row.seconds is not None and _place(row) in ours
    ]
    return Summary(
        images=rows[0].images,
        defense=rows[0].defense,
        models=len({row.model for row in rows}),
        runs=len(rows),
        accuracy=average(rows, lambda row: row.accuracy),
        accuracy_lost=average(rows, lambda row: row.accuracy_lost),
        worst_accuracy_lost=max(lost, default=None),
        attack_success=average(rows, lambda row: row.attack_success),
        worst_attack_success=max(success, default=None),
        recovered=average(rows, lambda row: row.recovered),
        effectiveness=average(rows, lambda row: row.effectiveness),
        worst_effectiveness=min(effective, default=None),
        seconds=average(rows, lambda row: row.seconds),
        times_ours=fmean(ratios) if ratios else None,
        megabytes=average(rows, lambda row: row.megabytes),
        share=min(row.share for row in rows),
    )


def average(rows: Iterable[Row], of: Callable[[Row], float | None]) -> float | None:
    """The mean over models of the means over their runs; ``None`` when nothing was measured."""
    by_model: dict[str, list[float]] = {}
    for row in rows:
        value = of(row)
        if value is not None:
            by_model.setdefault(row.model, []).append(value)
    return fmean(fmean(values) for values in by_model.values()) if by_model else None


def cells(summary: Summary) -> tuple[str, ...]:
    """The texts of one line, in the order of :data:`COLUMNS`; shares as percentages."""
    about = "≈" if summary.extrapolated else ""
    return (
        str(summary.images),
        summary.defense,
        str(summary.models),
        str(summary.runs),
        percent(summary.accuracy),
        percent(summary.accuracy_lost),
        percent(summary.worst_accuracy_lost),
        percent(summary.attack_success),
        percent(summary.worst_attack_success),
        percent(summary.recovered),
        percent(summary.effectiveness),
        percent(summary.worst_effectiveness),
        number(summary.seconds, about),
        number(summary.times_ours, about),
        number(summary.megabytes),
    )


def percent(value: float | None) -> str:
    """A share as a percentage with one decimal, or a dash."""
    return "–" if value is None else f"{100 * value:.1f}"


def number(value: float | None, prefix: str = "") -> str:
    """Three significant digits, or a dash."""
    if value is None:
        return "–"
    return f"{prefix}{value:,.0f}" if abs(value) >= 100 else f"{prefix}{value:.3g}"


def as_text(lines: Sequence[Sequence[str]]) -> str:
    """Lines of cells, aligned for a terminal."""
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )


def _place(row: Row) -> tuple[str, int, int, str]:
    return row.model, row.images, row.seed, row.device
