"""HTML from nested calls; every text is escaped, whoever wrote it.

A :class:`Markup` is finished HTML. Only the functions below make one, so that a name out of a
model's file can never become a tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_VOID = frozenset({"br", "hr", "img", "link", "meta"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = str | Markup | None
Attribute = str | int | float | None


def element(tag: str, /, *children: Child, **attributes: Attribute) -> Markup:
    """One element. ``class_`` becomes ``class``, ``aria_label`` becomes ``aria-label``; None is
    left out, both of children and of attributes."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Markup(f"<{tag}{given}>")
    return Markup(f"<{tag}{given}>{joined(children)}</{tag}>")


def joined(children: Iterable[Child]) -> Markup:
    """One after the other; what is no Markup is escaped."""
    return Markup("".join(text(child) for child in children if child is not None))


def text(value: Child) -> Markup:
    """The text as HTML; what cannot be shown, or turns what stands around it, is U+FFFD."""
    if isinstance(value, Markup):
        return value
    return Markup(escape(_UNPRINTABLE.sub("\ufffd", value or ""), quote=True))


def name(value: str) -> Markup:
    """Somebody else's word: kept apart from ours, whatever direction it is written in."""
    return element("bdi", value)


def raw(trusted: str) -> Markup:
    """A constant of ours that is HTML, or the style sheet."""
    return Markup(trusted)
