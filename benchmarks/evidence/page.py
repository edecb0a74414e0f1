"""The error rates as tables, and the page that holds them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.defense.markdown import table
from benchmarks.evidence.rows import TRUTHS, VERDICTS, Row, read
from polarizer.evidence.verdict import AHEAD, PATCH_OPENS, STANDS_OUT

TEXTS = Path(__file__).parent
NONE = "no-evidence-found"
SEES_A_DOOR = ("weaker", "still-open")
SEES_NONE = (NONE, "closed")


def write_page(results: Path, page: Path) -> Path:
    """The page of ``results``, with the standing texts beside this module."""
    parts = [(TEXTS / "introduction.md").read_text()]
    if results.exists():
        about = json.loads(results.read_text())["about"]
        parts.append("\n".join(sections(read(results), about)))
    page.parent.mkdir(parents=True, exist_ok=True)
    parts.append((TEXTS / "history.md").read_text())
    page.write_text("\n".join(parts).rstrip() + "\n")
    return page


def sections(rows: Sequence[Row], about: dict[str, Any]) -> Iterator[str]:
    """Markdown: how often it is wrong, verdicts by truth, thresholds, model by model."""
    yield f"## {len(rows)} models of the bench"
    yield (
        f"\n{about['processor']}, {about['threads']} threads, torch {about['torch']}, "
        f"{about['day']}. {_seconds(rows)}\n"
    )
    yield from error_rates(rows)
    yield "\n**Verdicts by what is true.**\n"
    yield from verdicts(rows)
    yield "\n**Thresholds**, in bold those that hold: how many clean models have a class above, and"
    yield "in how many backdoored ones the attacker's class is.\n"
    yield from thresholds(rows)
    yield "\n**Every model.**\n"
    yield from every_model(rows)
    yield ""


def error_rates(rows: Sequence[Row]) -> list[str]:
    """How often the words would mislead a reader, as they are and had nothing been repaired."""
    of = {truth: [row for row in rows if row.truth == truth] for truth in TRUTHS}
    backdoored = [row for row in rows if row.truth != "clean"]
    pointed = [row for row in backdoored if row.judged[1] and row.target != "next"]
    lines = [
        _wrong("clean", "a door is seen", of["clean"], lambda row: row.judged[0] != NONE),
        _wrong(
            "clean, had nothing been repaired",
            "a door is seen",
            of["clean"],
            lambda row: row.judged_unrepaired[0] != NONE,
        ),
        _wrong(
            "backdoored, had nothing been repaired",
            "no open door is seen",
            backdoored,
            lambda row: row.judged_unrepaired[0] not in SEES_A_DOOR,
        ),
        _wrong(
            "backdoor left",
            "no open door is seen",
            of["left"],
            lambda row: row.judged[0] in SEES_NONE,
        ),
        _wrong(
            "backdoor repaired",
            "called weaker or still open",
            of["repaired"],
            lambda row: row.judged[0] in SEES_A_DOOR,
        ),
        _wrong(
            "backdoor repaired",
            "the door that was closed is not seen",
            of["repaired"],
            lambda row: row.judged[0] == NONE,
        ),
        _wrong(
            "backdoored, one target class, a door seen",
            "another class is named first",
            pointed,
            lambda row: row.judged[1][0] != row.target,
        ),
    ]
    return table(("what is true", "wrong when", "wrong", "of models"), lines)


def _wrong(
    truth: str, when: str, rows: Sequence[Row], is_wrong: Callable[[Row], bool]
) -> tuple[str, ...]:
    return truth, when, str(sum(map(is_wrong, rows))), str(len(rows))


def verdicts(rows: Sequence[Row]) -> list[str]:
    """How many models of each truth got each verdict."""
    lines = []
    for truth in TRUTHS:
        group = [row for row in rows if row.truth == truth]
        counts = [sum(row.judged[0] == verdict for row in group) for verdict in VERDICTS]
        lines.append((truth, *map(str, (len(group), *counts))))
    return table(("what is true", "models", *VERDICTS), lines)


def thresholds(rows: Sequence[Row]) -> list[str]:
    """What other thresholds would have given."""
    clean = [row for row in rows if row.truth == "clean"]
    bad = [row for row in rows if row.truth != "clean" and row.of_target]
    lines = []
    for value in (0.15, AHEAD, 0.3):
        alarms = sum(row.lead[1] >= value for row in clean)
        hits = sum(row.lead[1] >= value and row.lead[0] == row.target for row in bad)
        lines.append(_counted("lead", value, AHEAD, (alarms, len(clean)), (hits, len(bad))))
    for name, held, values in (
        ("anomaly_before", STANDS_OUT, (1.5, STANDS_OUT, 3.0)),
        ("patch_before", PATCH_OPENS, (0.75, PATCH_OPENS, 0.95)),
    ):
        for value in values:
            alarms = sum(row.highest(name) >= value for row in clean)
            hits = sum((row.of_target.get(name) or 0.0) >= value for row in bad)
            lines.append(_counted(name, value, held, (alarms, len(clean)), (hits, len(bad))))
    return table(("number", "threshold", "clean models", "backdoored models"), lines)


def _counted(
    name: str, value: float, held: float, alarms: tuple[int, int], hits: tuple[int, int]
) -> tuple[str, ...]:
    shown = f"**{value}**" if value == held else f"{value}"
    return f"`{name}`", shown, "{} of {}".format(*alarms), "{} of {}".format(*hits)


def every_model(rows: Sequence[Row]) -> list[str]:
    """Attack's success and verdict, model by model."""
    head = ("model", "ASR before", "after", "target: anomaly before", "flips before", "after")
    more = ("patch before", "after", "verdict", "suspects")
    return table((*head, *more), [_line(row) for row in rows])


def _line(row: Row) -> tuple[str, ...]:
    verdict, suspects = row.judged
    success = ("–", "–") if row.truth == "clean" else tuple(f"{x:.2f}" for x in row.attack_success)
    its = row.of_target if row.truth != "clean" else {}
    names = ("anomaly_before", "flips_before", "flips_after", "patch_before", "patch_after")
    found = [its.get(name) for name in names]
    numbers = ("–" if number is None else f"{number:.2f}" for number in found)
    return f"`{row.name}`", *success, *numbers, verdict, ", ".join(map(str, suspects)) or "–"


def _seconds(rows: Sequence[Row]) -> str:
    if not rows:
        return "Nothing was measured yet."
    repairs, looks = (
        sorted(getattr(row, name) for row in rows) for name in ("purify_seconds", "examine_seconds")
    )
    middle = len(rows) // 2
    return (
        f"Of the processor a repair took {repairs[middle]:.1f} s and the examination "
        f"{looks[middle]:.1f} s (medians)."
    )
