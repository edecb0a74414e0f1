"""What is encoded is read, by both readers; whatever is cut short is the end."""

from __future__ import annotations

import asyncio
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.inference import frames
from service.inference.frames import FrameError
from service.inference.messages import FROM_ENGINE, Answer, Cancel


def received(data: bytes) -> list[bytes]:
    async def receive_all() -> list[bytes]:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        found = []
        while (text := await frames.receive(reader)) is not None:
            found.append(text)
        return found

    return asyncio.run(receive_all())


def read(data: bytes) -> list[bytes]:
    stream = io.BufferedReader(io.BytesIO(data))  # type: ignore[arg-type]
    found = []
    while (text := frames.read(stream)) is not None:
        found.append(text)
    return found


@pytest.mark.parametrize("read_all", [received, read])
@given(numbers=st.lists(st.integers(0, 10**12), max_size=4), cut=st.integers(0, 20))
def test_frames_come_out_as_they_went_in(read_all, numbers: list[int], cut: int) -> None:
    sent = [Cancel(id=number) for number in numbers]
    data = b"".join(map(frames.encode, sent))
    expected = [message.model_dump_json().encode() for message in sent]
    assert read_all(data) == expected
    if data and cut:
        whole = read_all(data[:-cut])
        assert whole == expected[: len(whole)]
        assert len(whole) < len(expected)


@pytest.mark.parametrize("read_all", [received, read])
def test_a_frame_of_absurd_size_is_refused_before_it_is_read(read_all) -> None:
    with pytest.raises(FrameError, match="bytes"):
        read_all(b"\xff" * 4)


@pytest.mark.parametrize("queued", [float("nan"), float("inf"), -1.0, "soon"])
def test_an_answer_that_makes_no_sense_is_refused(queued: object) -> None:
    header = Answer.model_construct(id=1, queued=queued).model_dump_json(warnings=False)
    with pytest.raises(ValueError, match="queued"):
        FROM_ENGINE.validate_json(header)
