"""Where each page stands in the navigation. A page that nobody put anywhere gets a place too."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

SECTIONS: dict[str, str | tuple[str, ...]] = {
    "Home": "index.md",
    "Tutorial": "tutorial.md",
    "How-to": (
        "how-to/in-the-browser.md",
        "how-to/rest.md",
        "how-to/pipeline.md",
        "how-to/inference.md",
        "how-to/own-architecture.md",
        "how-to/little-data.md",
        "how-to/read-the-report.md",
        "how-to/rotate-keys.md",
        "how-to/compose.md",
        "how-to/*.md",
    ),
    "Reference": (
        "api.md",
        "client.md",
        "pipelines.md",
        "report.md",
        "formats.md",
        "reference/*.md",
    ),
    "Method": ("method.md", "benchmarks/*.md"),
    "Operations": (
        "operations.md",
        "kubernetes.md",
        "runbook.md",
        "security.md",
        "source/CHANGELOG.md",
    ),
    "Architecture": ("architecture/*.md",),
    "FAQ": "faq.md",
}
"""Patterns of pages, in order; ``*`` takes what no pattern before it took, by the alphabet."""

HIDDEN = ("source/*",)
"""Reached by links only."""


def tree(pages: Iterable[str]) -> list[dict[str, Any]]:
    """The navigation of these pages, in the form of ``nav`` in ``mkdocs.yml``.

    Pages outside all sections stand in a section of their folder's name, or under "More".
    """
    left = set(pages)
    found: list[dict[str, Any]] = []
    for title, patterns in SECTIONS.items():
        if isinstance(patterns, str):
            taken = _take(left, (patterns,))
            found += [{title: page} for page in taken]
        elif taken := _take(left, patterns):
            found.append({title: taken})
    _take(left, HIDDEN)
    return found + [{title: pages} for title, pages in _by_folder(left).items()]


def _take(left: set[str], patterns: Iterable[str]) -> list[str]:
    """What the patterns find, in their order; it is left no more."""
    taken: list[str] = []
    for pattern in patterns:
        matching = sorted(page for page in left if fnmatchcase(page, pattern))
        left.difference_update(matching)
        taken += matching
    return taken


def _by_folder(pages: Iterable[str]) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    for page in sorted(pages):
        folder = page.rpartition("/")[0].partition("/")[0]
        title = folder.replace("-", " ").capitalize() or "More"
        sections.setdefault(title, []).append(page)
    return sections
