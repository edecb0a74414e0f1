"""Every page has a place, those too that nobody thought of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from handbook.navigation import tree

names = st.from_regex(r"[a-z]{1,6}(-[a-z]{1,6})?", fullmatch=True)
pages = st.lists(names, min_size=1, max_size=3).map(lambda parts: "/".join(parts) + ".md")


def leaves(nav: list[Any]) -> Iterator[str]:
    for entry in nav:
        if isinstance(entry, str):
            yield entry
        else:
            for value in entry.values():
                yield from [value] if isinstance(value, str) else leaves(value)


@given(st.sets(pages | st.sampled_from(["index.md", "how-to/new.md", "benchmarks/new.md"])))
def test_each_page_stands_there_once(found: set[str]) -> None:
    shown = list(leaves(tree(found)))
    assert sorted(shown) == sorted(page for page in found if not page.startswith("source/"))


def test_new_pages_join_their_sections_in_order() -> None:
    nav = tree(["architecture/12-b.md", "architecture/11-a.md", "benchmarks/new.md", "method.md"])
    assert nav == [
        {"Method": ["method.md", "benchmarks/new.md"]},
        {"Architecture": ["architecture/11-a.md", "architecture/12-b.md"]},
    ]


def test_what_fits_nowhere_stands_under_its_folder_or_under_more() -> None:
    nav = tree(["index.md", "glossary.md", "case-studies/one.md"])
    assert nav == [
        {"Home": "index.md"},
        {"Case studies": ["case-studies/one.md"]},
        {"More": ["glossary.md"]},
    ]


def test_copies_of_source_are_reached_by_links_only() -> None:
    assert tree(["source/docker-compose.yml.md", "source/CHANGELOG.md"]) == [
        {"Operations": ["source/CHANGELOG.md"]}
    ]
