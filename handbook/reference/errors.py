"""Everything that may go wrong and has a name: problems of the API, ends of defenses, errors."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from http import HTTPStatus

import client.errors
import polarizer.errors
from client.command.outcomes import Exit
from handbook.text import block, code, joined, plain, table
from polarizer.errors import PolarizerError
from service.access import errors as access

INTRODUCTION = """\
# Errors

Names here are stable: branch on them, never on messages, which are for people."""
PROBLEMS = """\
## Problems of the HTTP API

Errors are `application/problem+json` ([how they look](../api.md#errors)); the `type` is
`urn:polarizer:problem:` and one of these."""
FAILURES = """\
## Codes of failed defenses

The `code` in `error` of a defense that failed because of the model, the images or the
hyper-parameters. Others come from around it: `timeout`, `out-of-memory`, `disk-limit`,
`sandbox-violation`, `worker-lost`, `unavailable`
([what happens when](../operations.md#what-happens-when))."""
CLIENT = """\
## Errors of the Python client"""
EXITS = """\
## Exit codes of the command

[What a pipeline step should do](../pipelines.md) with each of them."""


def page() -> str:
    """Markdown."""
    problems = sorted(
        {(kind.status, kind.slug, kind.title) for kind in _family(access.ServiceError)}
    )
    statuses = [
        (code(slug), f"{status} {HTTPStatus(status).phrase}", plain(title))
        for status, slug, title in problems
    ]
    failures = [(code(kind.code), plain(inspect.getdoc(kind))) for kind in _family(PolarizerError)]
    exits = [(code(int(one)), one.name.lower()) for one in Exit]
    return joined(
        INTRODUCTION,
        PROBLEMS,
        table(("type", "status", "title"), statuses),
        FAILURES,
        table(("code", ""), failures[1:]),
        CLIENT,
        block(tree(inspect.getdoc(client.errors) or "")),
        EXITS,
        table(("code", ""), exits),
        "## The library's errors",
        block(tree(inspect.getdoc(polarizer.errors) or "")),
    )


def tree(docstring: str) -> str:
    """The drawing in the docstring of a module of errors."""
    lines = docstring.splitlines()
    drawn = [line for line in lines if re.match(r"\s*([│├└]|\w+Error$)", line)]
    return "\n".join(drawn)


def _family(kind: type) -> Iterator[type]:
    """A class and all below it."""
    yield kind
    for child in kind.__subclasses__():
        yield from _family(child)
