"""Markdown made of docstrings, tables and JSON Schema."""

from __future__ import annotations

import pytest

from handbook.reference.errors import tree
from handbook.reference.fields import fields_of, type_of
from handbook.text import code, joined, plain, prose, table


def test_roles_and_double_backticks_become_code() -> None:
    assert prose("raises :class:`~a.B` for ``x``") == "raises `a.B` for `x`"


def test_plain_text_means_no_markdown_but_code() -> None:
    assert plain("[a] <b> c_d | `e_f`") == r"\[a\] \<b\> c\_d \| `e_f`"


@pytest.mark.parametrize(
    ("text", "shown"), [("a", "`a`"), ("a`b", "``a`b``"), ("", ""), ("a\n b", "`a b`")]
)
def test_code_stays_in_its_line(text: str, shown: str) -> None:
    assert code(text) == shown


def test_a_table_without_rows_is_none_and_cells_are_lines() -> None:
    assert table(("a",), []) == ""
    assert table(("a", "b"), [("1\n2", "3")]).splitlines()[-1] == "| 1 2 | 3 |"
    assert joined("a", "", "b") == "a\n\nb\n"


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer"}, "integer"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Model"}}, "list of `Model`"),
        ({"enum": ["a", 1]}, '`"a"`, `1`'),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "object of number"),
        ({"type": "string", "format": "date-time"}, "string, date-time"),
        ({}, "anything"),
    ],
    ids=["plain", "choice", "list", "enum", "map", "format", "any"],
)
def test_types_in_words(schema: dict[str, object], words: str) -> None:
    assert type_of(schema) == words


def test_a_field_tells_its_default_and_its_range() -> None:
    fields = fields_of(
        {
            "required": ["a"],
            "properties": {
                "a": {"type": "integer", "minimum": 1, "description": "how many"},
                "b": {"anyOf": [{"type": "number", "exclusiveMaximum": 2}, {"type": "null"}]}
                | {"default": None},
            },
        }
    ).splitlines()
    assert fields[2:] == [
        "| `a` | integer | required | how many; ≥ 1 |",
        "| `b` | number or null | `null` | < 2 |",
    ]


def test_the_drawing_of_a_tree_is_all_that_is_kept() -> None:
    assert tree("Errors.\n\n    AError\n    └── BError   why\n\nMore.") == (
        "    AError\n    └── BError   why"
    )
