"""Every command with its arguments and options, from Typer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

from client.command.app import app
from handbook.text import block, code, joined, plain, table
from service.__main__ import cli

INTRODUCTION = """\
# The commands

`polarizer` is for users of a service, `python -m service` for its operator; `python -m worker` has
no options. [The command and the client](../client.md) tells how they are used. `--help` behind any
of them says the same as this page."""


def page() -> str:
    """Markdown."""
    parts = [INTRODUCTION]
    for name, application in (("polarizer", app), ("python -m service", cli)):
        parts += [f"## {name}", *_command(typer.main.get_command(application), name, 3)]
    return joined(*parts)


def _command(command: Any, name: str, level: int) -> Iterator[str]:  # noqa: ANN401 - Typer's own
    """One command, and those below it."""
    context = command.context_class(command, info_name=name)
    records = (parameter.get_help_record(context) for parameter in command.params)
    yield plain((command.help or "").replace("\b", ""))
    yield block(" ".join([name, *command.collect_usage_pieces(context)]))
    rows = ((_names(record[0]), plain(record[1])) for record in records if record)
    yield table(("argument or option", ""), rows)
    yield _examples(command.epilog or "")
    for below, found in getattr(command, "commands", {}).items():
        yield f"{'#' * level} {name} {below}"
        yield from _command(found, f"{name} {below}", min(level + 1, 6))


def _names(record: str) -> str:
    """``-q, --quiet`` and ``--url TEXT`` as code, and a value's kind apart from the names."""
    return " / ".join(code(part) for part in record.split(" / "))


def _examples(epilog: str) -> str:
    found = re.search(r"Examples:\n((?:  .*\n?)+)", epilog)
    if not found:
        return ""
    return block("\n".join(line.removeprefix("  ") for line in found[1].splitlines()), "sh")
