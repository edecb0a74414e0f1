"""What the command writes where: results on standard output, everything about them on standard
error; drawn on a terminal, plain lines elsewhere, JSON where that was asked for."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

SCHEMA_VERSION = 1
WIDE = 200  # columns of what is no terminal: nothing is cut off there
GAP = 2  # columns of the screen between two of a table
UNBROKEN = ("id", "model", "status", "made")
"""Columns of a table that are copied, or read, as a whole."""
DUMB = ("dumb", "unknown")


@dataclass(frozen=True)
class Screen:
    """``out`` takes results, ``err`` the rest. ``draws``: whether ``err`` may be drawn on."""

    out: Console
    err: Console
    as_json: bool
    draws: bool
    asks: bool
    quiet: bool = False

    @classmethod
    def open(cls, *, as_json: bool = False, plain: bool = False, quiet: bool = False) -> Screen:
        """For this process, as it was started."""
        no_colour = plain or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") in DUMB
        out = _console(sys.stdout, no_colour)
        err = _console(sys.stderr, no_colour)
        draws = err.is_terminal and not no_colour and not as_json and not quiet
        asks = sys.stdin.isatty() and sys.stderr.isatty() and not as_json
        return cls(out, err, as_json, draws, asks, quiet)

    def result(self, kind: str, data: object) -> None:
        """One JSON document on one line, with its schema's version."""
        document = {"schema_version": SCHEMA_VERSION, "kind": kind, "data": plain_data(data)}
        self.out.file.write(json.dumps(document, ensure_ascii=False) + "\n")
        self.out.file.flush()

    def say(self, message: str) -> None:
        """A line about what goes on."""
        if not self.quiet:
            self.err.print(Text(shown(message)), soft_wrap=True)

    def complain(self, message: str) -> None:
        """A line about what went wrong; said even when quiet."""
        self.err.print(Text.assemble(("polarizer: ", "bold red"), shown(message)), soft_wrap=True)

    def line(self, message: str = "", *, style: str = "") -> None:
        """A line of the result."""
        self.out.print(Text(shown(message), style=style), soft_wrap=True)

    def table(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        right: Sequence[str] = (),
        spare: Sequence[str] = (),
    ) -> None:
        """Columns, without lines around them so that they can be copied; nothing is cut off. Where
        there is no room for all of them, those of ``spare`` are left out, the first one first."""
        cells = [[shown(cell) for cell in row] for row in rows]
        kept = _fitting(columns, cells, spare, self.out.width)
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0))
        for column in kept:
            justify = "right" if column in right else "left"
            whole = column in right or column in UNBROKEN
            table.add_column(Text(column), justify=justify, overflow="fold", no_wrap=whole)  # type: ignore[arg-type]
        for row in cells:
            by_column = dict(zip(columns, row, strict=True))
            table.add_row(*(Text(by_column[column]) for column in kept))
        self.out.print(table)

    def facts(self, facts: Mapping[str, object]) -> None:
        """Names and values, one a line."""
        width = max(map(len, facts), default=0)
        for name, value in facts.items():
            line = Text.assemble((f"{name:<{width}}  ", "bold"), shown(value))
            self.out.print(line, soft_wrap=True)


def _fitting(
    columns: Sequence[str], cells: Sequence[Sequence[str]], spare: Sequence[str], width: int
) -> list[str]:
    """The columns that are shown in so many of the screen's."""
    widths = {
        column: max(map(cell_len, (column, *(row[index] for row in cells))))
        for index, column in enumerate(columns)
    }
    kept = list(columns)
    for column in spare:
        if sum(widths[one] + GAP for one in kept) <= width:
            break
        kept.remove(column)
    return kept


def shown(value: object) -> str:
    """A text from elsewhere, without what a terminal would obey."""
    text = "" if value is None else str(value)
    return "".join(sign if sign.isprintable() or sign == "\n" else "�" for sign in text)


def percent(value: float | None) -> str:
    """``97.3 %``; a dash for what was not measured."""
    return "–" if value is None else f"{100 * value:.1f} %"


def plain_data(data: object) -> Any:  # noqa: ANN401 - anything that JSON has
    """Records as what they were in JSON."""
    if isinstance(data, BaseModel):
        return data.model_dump(mode="json")
    if isinstance(data, Mapping):
        return {str(name): plain_data(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [plain_data(item) for item in data]
    return data


def _console(file: Any, plain: bool) -> Console:  # noqa: ANN401 - a text stream
    terminal = file.isatty()
    return Console(
        file=file,
        width=None if terminal else WIDE,
        no_color=plain,
        force_terminal=False if plain or not terminal else None,
        highlight=False,
        emoji=False,
        soft_wrap=not terminal,
    )
