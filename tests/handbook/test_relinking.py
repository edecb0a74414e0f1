"""Links that leave docs/ lead to copies in the site; all others stay as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from handbook.relinking import MOST_SHOWN, Relinker, links


@pytest.fixture
def relinker(tmp_path: Path) -> Relinker:
    for name, content in {
        "docs/guide/page.md": "# Page",
        "docs/other.md": "# Other",
        "README.md": "[guide](docs/guide/page.md#part) [compose](compose.yml)",
        "CHANGELOG.md": "# Changes",
        "compose.yml": "a: 1\n",
        "deploy/steps/step.py": '"""```"""\n',
        "long.json": "[" + "1," * MOST_SHOWN + "1]",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return Relinker(tmp_path, tmp_path / "docs")


@pytest.mark.parametrize(
    ("written", "there"),
    [
        ("[x](../../compose.yml)", "[x](../source/compose.yml.md)"),
        ("[x](../../README.md#top)", "[x](../source/README.md#top)"),
        ("[x](../../deploy/steps)", "[x](../source/deploy/steps/index.md)"),
        ("[x](../../long.json)", "[x](../source/long.json)"),
        ("[x](../other.md#part)", "[x](../other.md#part)"),
        ("![x](picture.svg)", "![x](picture.svg)"),
        ("[x](https://example.com/a)", "[x](https://example.com/a)"),
        ("[x](#part)", "[x](#part)"),
        ("[x](../../../outside.md)", "[x](../../../outside.md)"),
        ("`[x](../../compose.yml)`", "`[x](../../compose.yml)`"),
        ("```\n[x](../../compose.yml)\n```", "```\n[x](../../compose.yml)\n```"),
    ],
    ids=[
        "file",
        "markdown",
        "folder",
        "long",
        "page",
        "picture",
        "address",
        "anchor",
        "beyond",
        "code",
        "block",
    ],
)
def test_links_are_led_into_the_site(relinker: Relinker, written: str, there: str) -> None:
    assert relinker.relinked(written, "guide/page.md") == there


def test_what_is_pointed_at_is_copied_and_nothing_else(relinker: Relinker) -> None:
    text = "[a](../../compose.yml) [b](../../deploy/steps) [c](../other.md) [d](../../missing.txt)"
    made = relinker.sources({"guide/page.md": text})
    assert made.keys() == {
        "source/CHANGELOG.md",
        "source/compose.yml.md",
        "source/deploy/steps/index.md",
    }
    assert "```yaml\na: 1" in made["source/compose.yml.md"]
    assert "- `step.py`" in made["source/deploy/steps/index.md"]


def test_code_that_holds_fences_stays_one_block(relinker: Relinker) -> None:
    made = relinker.sources({"guide/page.md": "[x](../../deploy/steps/step.py)"})
    text = made["source/deploy/steps/step.py.md"]
    assert text.count("````") == 2


def test_links_of_a_copied_page_are_led_from_where_it_stood(relinker: Relinker) -> None:
    text = (relinker.root / "README.md").read_text()
    assert relinker.relinked(text, "source/README.md").startswith("[guide](../guide/page.md#part)")


def test_links_in_code_are_none() -> None:
    text = "[a](b.md#c) `[d](e.md)`\n\n~~~\n[f](g.md)\n~~~\n[h](i.md)"
    assert list(links(text)) == [("b.md", "c"), ("i.md", "")]
