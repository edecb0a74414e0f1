"""Hyper-parameters of a repair and the description of a model, from their classes."""

from __future__ import annotations

import inspect

from handbook.reference.fields import fields_of
from handbook.text import joined, prose
from polarizer.config import PurifyConfig
from polarizer.description import ModelDescription

INTRODUCTION = """\
# Hyper-parameters and descriptions

What the field `config` of a defense, `--set` and `--config` of the command, and `PurifyConfig` of
the library take; then what `description` and `model.json` hold. [The method](../method.md) says
what the hyper-parameters do."""


def page() -> str:
    """Markdown."""
    config = PurifyConfig.model_json_schema()
    description = ModelDescription.model_json_schema()
    parts = [description, *description["$defs"].values()]
    return joined(
        INTRODUCTION,
        "## Hyper-parameters",
        prose(inspect.getdoc(PurifyConfig)),
        fields_of(config, _link),
        *_choices(config["$defs"]),
        "## The description of a model",
        *(
            joined(f"### {part['title']}", prose(part.get("description")), fields_of(part, _link))
            for part in parts
        ),
    )


def _choices(definitions: dict[str, dict[str, object]]) -> list[str]:
    return [
        joined(
            f"### {name}",
            prose(str(definition.get("description", ""))),
            ", ".join(f"`{value}`" for value in definition["enum"]),  # type: ignore[attr-defined]
        )
        for name, definition in definitions.items()
        if "enum" in definition
    ]


def _link(name: str) -> str:
    return f"[{name}](#{name.lower()})"
