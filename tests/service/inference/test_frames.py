"""What is encoded is read, in whatever pieces it comes; what is cut short is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.inference import frames
from service.inference.frames import FrameError, Splitter
from service.inference.messages import FROM_ENGINE, Answer, Cancel


def split(data: bytes, sizes: list[int]) -> list[bytes]:
    """``data`` comes in pieces of these sizes, and the rest at the end."""
    splitter, found = Splitter(), []
    for size in [*sizes, len(data)]:
        found += splitter.feed(data[:size])
        data = data[size:]
    return found


@given(
    numbers=st.lists(st.integers(0, 10**12), max_size=4),
    sizes=st.lists(st.integers(0, 40), max_size=6),
    cut=st.integers(0, 20),
)
def test_frames_come_out_as_they_went_in(numbers: list[int], sizes: list[int], cut: int) -> None:
    sent = [Cancel(id=number) for number in numbers]
    data = b"".join(map(frames.encode, sent))
    expected = [message.model_dump_json().encode() for message in sent]
    assert split(data, sizes) == expected
    if data and cut:
        whole = split(data[:-cut], sizes)
        assert whole == expected[: len(whole)]
        assert len(whole) < len(expected)


def test_a_frame_of_absurd_size_is_refused_before_it_is_read() -> None:
    with pytest.raises(FrameError, match="bytes"):
        split(frames.encode(Cancel(id=1)) + b"\xff" * 4, [])


@pytest.mark.parametrize("queued", [float("nan"), float("inf"), -1.0, "soon"])
def test_an_answer_that_makes_no_sense_is_refused(queued: object) -> None:
    header = Answer.model_construct(id=1, queued=queued).model_dump_json(warnings=False)
    with pytest.raises(ValueError, match="queued"):
        FROM_ENGINE.validate_json(header)
