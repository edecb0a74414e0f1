"""Names in messages stay short and printable."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from polarizer.listing import shown, some


@given(st.text(max_size=1000))
def test_any_name_is_shown_in_one_short_line(name: str) -> None:
    assert shown(name).isprintable()
    assert len(shown(name)) <= 120


def test_printable_names_are_shown_as_they_are() -> None:
    assert shown("chat siamois/été.png") == "chat siamois/été.png"


def test_long_lists_end_with_their_number() -> None:
    assert some([]) == "none"
    assert some(["a", "b"]) == "a, b"
    assert some([str(number) for number in range(7)]) == "0, 1, 2, 3, 4 and 2 more"
