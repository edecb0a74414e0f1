"""Relative links in all Markdown lead to files and headings that there are, as a code host shows
them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from handbook.relinking import is_relative, links
from tests.documents import ROOT

PLACES = ("*.md", "docs/**/*.md", "deploy/**/*.md", "demo/*.md", "benchmarks/*.md")


def test_links_lead_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}#{anchor}"
        for page in sorted({path for place in PLACES for path in ROOT.glob(place)})
        for target, anchor in links(page.read_text(encoding="utf-8"))
        if not _is_there(page, target, anchor)
    ]
    assert broken == []


def _is_there(page: Path, target: str, anchor: str) -> bool:
    if target and not is_relative(target):
        return re.match(r"https?://[^/]+|mailto:", target) is not None
    there = (page.parent / target).resolve() if target else page
    if not there.is_relative_to(ROOT) or not there.exists():
        return False
    return not anchor or there.suffix != ".md" or anchor in anchors(there)


@cache
def anchors(page: Path) -> frozenset[str]:
    """What headings are called in addresses: small letters, hyphens for blanks, no punctuation."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.M)
    found: list[str] = []
    for heading in re.findall(r"^#{1,6} (.+?)\s*$", text, re.M):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        found.append(f"{slug}-{found.count(slug)}" if slug in found else slug)
    return frozenset(found)


@pytest.mark.parametrize(
    ("link", "good"),
    [
        ("docs/method.md#strength-how-much-of-it", True),
        ("docs/method.md#no-such-part", False),
        ("docs/no-such-page.md", False),
        ("docs/architecture", True),
        ("https://example.com", True),
        ("/etc/passwd", False),
        ("../elsewhere.md", False),
    ],
)
def test_the_checker_sees_what_is_broken(link: str, good: bool) -> None:
    target, _, anchor = link.partition("#")
    assert _is_there(ROOT / "README.md", target, anchor) is good
