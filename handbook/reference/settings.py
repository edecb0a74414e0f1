"""Every ``POLARIZER_*`` variable: types, ranges and defaults from the code, meanings from
``docs/operations.md``, which a test holds to be complete."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from handbook.reference.fields import described, type_of
from handbook.text import code, joined, table
from service.settings import Settings

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "service" / "settings.py"
MEANINGS = ROOT / "docs" / "operations.md"

INTRODUCTION = """\
# Settings

Environment variables that the service and the worker read once, when they start. A wrong value ends
the process with a message that names it. [Operations](../operations.md#settings) has them in one
table; hyper-parameters are no settings but part of [each request](parameters.md)."""


def page() -> str:
    """Markdown."""
    meanings = dict(re.findall(r"^\| `(POLARIZER_\w+)` \|[^|]*\| (.+) \|$", _meanings(), re.M))
    schemas = Settings.model_json_schema()["properties"]
    parts = [INTRODUCTION]
    for title, names in _groups():
        rows = [_row(name, schemas[name], meanings) for name in names]
        parts += [f"## {title}", table(("variable", "type", "default", "meaning"), rows)]
    return joined(*parts)


def _meanings() -> str:
    """With its links as they are from a folder below."""
    text = MEANINGS.read_text(encoding="utf-8").replace("](#", f"]({MEANINGS.name}#")
    return text.replace("](", "](../")


def _groups() -> Iterator[tuple[str, list[str]]]:
    """Names of the fields below each comment that heads them in the class."""
    title, names = "Others", list[str]()
    for line in SOURCE.read_text(encoding="utf-8").splitlines():
        if heading := re.fullmatch(r" {4}# (.+)", line):
            if names:
                yield title, names
            title, names = heading[1].partition(":")[0].partition(";")[0], []
        elif (field := re.match(r" {4}(\w+): ", line)) and field[1] in Settings.model_fields:
            names.append(field[1])
    yield title, names


def _row(name: str, schema: dict[str, Any], meanings: dict[str, str]) -> tuple[str, ...]:
    variable = f"POLARIZER_{name.upper()}"
    ranges = described({key: value for key, value in schema.items() if key != "description"})
    kind = ", ".join(filter(None, [type_of(schema), ranges]))
    return code(variable), kind, _default(Settings.model_fields[name]), meanings.get(variable, "")


def _default(field: FieldInfo) -> str:
    value = field.default
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        value = str(value).lower()
    return "" if value in (None, "", ()) else code(value)
