"""The tables of the page, as lines of Markdown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from benchmarks.defense.profiling import COLUMNS
from benchmarks.defense.reported import REPORTED, SOURCE
from benchmarks.defense.rows import NOTHING, Row
from benchmarks.defense.table import Summary, by_size_and_defense, number, percent


def clean_table(summaries: Sequence[Summary]) -> list[str]:
    """What a repair costs a model that needs none."""
    head = ("images", "defense", "models", "runs", "ACC", "ACC lost", "worst", "seconds")
    lines = [
        (
            *(f"{one.images:,}", f"`{one.defense}`", str(one.models), str(one.runs)),
            *(percent(one.accuracy), percent(one.accuracy_lost), percent(one.worst_accuracy_lost)),
            number(one.seconds, "≈" if one.extrapolated else ""),
        )
        for one in summaries
    ]
    return table(head, lines)


def model_table(rows: Sequence[Row]) -> list[str]:
    """Each model with each defense and size, over its seeds: ACC / ASR / R-ACC, DER."""
    head = ("model", "attack", "images", "defense", "ACC", "ASR", "worst ASR", "R-ACC", "DER")
    lines = []
    for model in dict.fromkeys(row.model for row in rows):
        own = [row for row in rows if row.model == model and not row.problem]
        lines += [_before(row) for row in own if row.defense == NOTHING]
        attack = own[0].attack if own else ""
        for one in by_size_and_defense(own, ours=""):
            if one.accuracy is not None:
                lines.append(
                    (
                        *(f"`{model}`", attack, f"{one.images:,}", f"`{one.defense}`"),
                        *(percent(one.accuracy), percent(one.attack_success)),
                        *(percent(one.worst_attack_success), percent(one.recovered)),
                        percent(one.effectiveness),
                    )
                )
    return table(head, lines)


def problems(rows: Sequence[Row]) -> list[str]:
    """What did not run, and why."""
    failed = [row for row in rows if row.problem]
    told = sorted({f"- `{row.defense}` on `{row.model}`: {row.problem}" for row in failed})
    return ["### Did not run", "", *told, ""] if told else []


def strangers_section(content: dict[str, Any]) -> list[str]:
    """What networks that never saw a trigger answer to it."""
    head = ("trigger of", "attack", "ASR", "on", "ASR", "R-ACC")
    lines = [
        (
            *(f"`{one['model']}`", one["attack"], percent(one["attack_success"])),
            *(f"`{one['stranger']}`", percent(one["by_stranger"])),
            percent(one["recovered_by_stranger"]),
        )
        for one in content["answers"]
    ]
    return [
        "## Triggers on a network without a backdoor",
        "",
        "A strong trigger changes what any network sees. So much of it a repair has to leave: what "
        "a network that never saw the trigger says to the same images "
        f"(`python -m benchmarks.defense.strangers`, {content['about']['day']}).",
        "",
        *table(head, lines),
        "",
    ]


def profile_section(content: dict[str, Any], picture: str) -> list[str]:
    """Where the time goes and how it grows; ``picture`` is the name of a file beside the page."""
    told, measured = content["about"], content["cases"]
    names = list(dict.fromkeys(name for one in measured for name in one["shares"]))
    first = measured[0]
    clock = " Seconds are of the processor." if told.get("clock") == "processor" else ""
    settings = f" with `{json.dumps(told['settings'])}`" if told.get("settings") else ""
    conditions = (
        f" {told['conditions'].rstrip('.').capitalize()}." if told.get("conditions") else ""
    )
    return [
        "## Where the time goes",
        "",
        f"`python -m benchmarks.defense --profile`: PreAct-ResNet18 with random weights, method "
        f"`{told['method']}`{settings}, {told['device']}, {told['processor']}, {told['threads']} "
        f"threads, {told['day']}.{clock}{conditions} One property changes at a time. Each case "
        f"took {first['steps']} steps; *a repair* is of {first['of_steps']} of them and of what is "
        "done once, and the shares are of that time.",
        "",
        f"![seconds of a repair by phase, one property changed at a time]({picture})",
        "",
        *table((*COLUMNS, *names), [_profile_line(one, names) for one in measured]),
        "",
    ]


def _profile_line(one: dict[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    sizes = (one["case"][key] for key in ("images", "classes", "resolution", "width"))
    times = (one[key] for key in ("seconds_once", "seconds_per_step", "seconds", "megabytes"))
    return (
        one["case"]["what"],
        *(f"{size:,}" for size in sizes),
        f"{one['parameters']:,}",
        *map(number, times),
        *(f"{100 * one['shares'].get(name, 0):.0f} %" for name in names),
    )


def reported_section() -> list[str]:
    """What papers report, for other models on other machines."""
    head = ("defense", "images", "ACC", "ASR", "DER")
    lines = [
        (one.defense, one.images, *map(str, (one.accuracy, one.attack_success, one.effectiveness)))
        for one in REPORTED
    ]
    return [
        "## Reported elsewhere",
        "",
        f"Not measured here: {SOURCE} (ICCV 2023, arXiv 2304.11823), averages over ten attacks on",
        "full-size PreAct-ResNet18 with 10 % poisoned and 5 % clean images.",
        "",
        *table(head, lines),
    ]


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table."""
    return [_line(head), _line(["---"] * len(head)), *map(_line, lines)]


def _before(row: Row) -> tuple[str, ...]:
    return (
        *(f"`{row.model}`", row.attack, "–", "before", percent(row.accuracy)),
        *(percent(row.attack_success), "–", percent(row.recovered), "–"),
    )


def _line(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |"
