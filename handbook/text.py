"""Markdown made of docstrings and tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_ROLE = re.compile(r":(?:py:)?\w+:`~?([^`]+)`")
_MARKED = re.compile(r"([\\*_\[\]<>|])")


def prose(docstring: str | None) -> str:
    """A docstring as Markdown: its roles and double backticks become code."""
    text = _ROLE.sub(r"`\1`", docstring or "")
    return re.sub(r"``([^`]+)``", r"`\1`", text).strip()


def plain(text: str | None) -> str:
    """Text of people who did not think of Markdown; what stands in backticks stays code."""
    parts = re.split(r"(`[^`]+`)", prose(text))
    return "".join(part if part.startswith("`") else _MARKED.sub(r"\\\1", part) for part in parts)


def code(text: object) -> str:
    """Code within a line; nothing for nothing."""
    shown = " ".join(str(text).split())
    fence = "``" if "`" in shown else "`"
    return f"{fence}{shown}{fence}" if shown else ""


def block(text: str, language: str = "text") -> str:
    """Code of several lines."""
    return f"```{language}\n{text.rstrip()}\n```"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; nothing if there are no rows."""
    lines = [_row(cells) for cells in rows]
    if not lines:
        return ""
    return "\n".join([_row(head), _row(["---"] * len(head)), *lines])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()) for cell in cells) + " |"


def joined(*parts: str) -> str:
    """Paragraphs, without the empty ones."""
    return "\n\n".join(part for part in parts if part) + "\n"
