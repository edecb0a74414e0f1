"""Tables with headers and captions, each in a frame that scrolls sideways on small screens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from service.reports.markup import Child, Markup, element, joined

MOST_ROWS = 60


def table(
    caption: str,
    head: Sequence[Child],
    rows: Iterable[Sequence[Child]],
    *,
    text_columns: int = 1,
) -> Markup:
    """The first cell of a row is its header; those after ``text_columns`` are set as numbers."""
    headers = [
        element("th", cell, scope="col", class_=_kind(i, text_columns))
        for i, cell in enumerate(head)
    ]
    body = [
        element(
            "tr",
            element("th", row[0], scope="row"),
            *(
                element("td", cell, class_=_kind(i, text_columns))
                for i, cell in enumerate(row[1:], start=1)
            ),
        )
        for row in rows
    ]
    made = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *headers)),
        element("tbody", *body),
    )
    return element("div", made, class_="frame", tabindex=0, role="region", aria_label=caption)


def facts(rows: Iterable[tuple[str, Child]]) -> Markup:
    """Names and what they are."""
    return element(
        "dl", *(joined([element("dt", key), element("dd", value)]) for key, value in rows)
    )


def section(identifier: str, title: str, *content: Child) -> Markup:
    """A section that can be linked to."""
    return element(
        "section",
        element("h2", title, id=identifier),
        *content,
        aria_labelledby=identifier,
    )


def note(*content: Child) -> Markup:
    """A paragraph of explanation."""
    return element("p", *content, class_="note")


def shortened(shown: int, known: int, what: str) -> Markup | None:
    """That not all are shown; None when they are."""
    if shown >= known:
        return None
    return note(f"{shown} of {known} {what} are shown; the JSON report holds the rest.")


def _kind(index: int, text_columns: int) -> str | None:
    return "number" if index >= text_columns else None
