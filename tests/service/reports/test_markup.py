"""Nobody's text becomes a tag, an attribute, or another direction of ours."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from service.reports.markup import element, joined, name, text


class Read(HTMLParser):
    """Remembers every tag with its attributes, and all text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text(st.characters(min_codepoint=32, exclude_categories=("Cc", "Cf", "Cs", "Cn"))))
def test_text_comes_back_as_it_was(given: str) -> None:
    read = Read(element("p", given, title=given))
    assert read.tags == [("p", {"title": given})]
    assert read.text == given


def test_what_cannot_be_shown_is_replaced() -> None:
    shown = text("a\x00b\x1b\ud800c\nd\u202ee")
    assert shown == "a\ufffdb\ufffd\ufffdc\nd\ufffde"
    shown.encode()


def test_elements_nest_and_nothing_is_escaped_twice() -> None:
    made = element("p", element("b", "<"), None, "&", class_="x", aria_label="y", hidden=None)
    assert made == '<p class="x" aria-label="y"><b>&lt;</b>&amp;</p>'
    assert joined([made, "<"]) == f"{made}&lt;"
    assert element("img", alt="") == '<img alt="">'


def test_a_name_is_kept_apart() -> None:
    assert name("\u05d0<") == "<bdi>\u05d0&lt;</bdi>"
