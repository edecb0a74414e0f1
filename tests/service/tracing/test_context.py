"""A trace's context, as W3C Trace Context writes it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.tracing import TraceContext

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{SPAN}-01"

hexadecimal = st.text("0123456789abcdef")


@given(st.booleans())
def test_what_is_written_can_be_read(sampled: bool) -> None:
    made = TraceContext(TRACE, SPAN, sampled)
    assert TraceContext.parse(made.header) == made


def test_new_ones_differ_and_are_not_recorded() -> None:
    one, other = TraceContext.new(), TraceContext.new()
    assert one.trace_id != other.trace_id
    assert TraceContext.parse(one.header) == one
    assert not one.sampled


@pytest.mark.parametrize(
    ("header", "sampled"),
    [
        (GOOD, True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-02", False),
        (f"cc-{TRACE}-{SPAN}-01-what-comes-later", True),
    ],
    ids=["recorded", "not recorded", "another flag", "a later version"],
)
def test_of_others(header: str, sampled: bool) -> None:
    assert TraceContext.parse(header) == TraceContext(TRACE, SPAN, sampled)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        GOOD.upper(),
        f"{GOOD}-more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f" {GOOD}",
        f"{GOOD}\n",
        f"cc-{TRACE}-{SPAN}-01-{'x' * 200}",
    ],
    ids=[
        *("none", "empty", "capitals", "too much", "forbidden version", "no trace", "no span"),
        *("too short", "a blank before", "a line's end", "too long"),
    ],
)
def test_anything_else_is_none(header: str | None) -> None:
    assert TraceContext.parse(header) is None


@given(st.text(max_size=80) | st.builds("00-{}-{}-01".format, hexadecimal, hexadecimal))
def test_nothing_breaks_it(header: str) -> None:
    found = TraceContext.parse(header)
    assert found is None or TraceContext.parse(found.header) == found
