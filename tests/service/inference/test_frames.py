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

Frame = tuple[bytes, bytes]

payloads = st.lists(st.binary(max_size=50), max_size=4)


def received(data: bytes) -> list[Frame]:
    async def receive_all() -> list[Frame]:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        found = []
        while (frame := await frames.receive(reader)) is not None:
            found.append(frame)
        return found

    return asyncio.run(receive_all())


def read(data: bytes) -> list[Frame]:
    stream = io.BufferedReader(io.BytesIO(data))  # type: ignore[arg-type]
    found = []
    while (frame := frames.read(stream)) is not None:
        found.append(frame)
    return found


@pytest.mark.parametrize("read_all", [received, read])
@given(sent=st.lists(payloads, max_size=4), cut=st.integers(0, 20))
def test_frames_come_out_as_they_went_in(read_all, sent: list[list[bytes]], cut: int) -> None:
    encoded = [
        b"".join(frames.encode(Cancel(id=number), payload)) for number, payload in enumerate(sent)
    ]
    expected = [
        (Cancel(id=number).model_dump_json().encode(), b"".join(payload))
        for number, payload in enumerate(sent)
    ]
    data = b"".join(encoded)
    assert read_all(data) == expected
    if data and cut:
        whole = read_all(data[:-cut])
        assert whole == expected[: len(whole)]
        assert len(whole) < len(expected)


@pytest.mark.parametrize("read_all", [received, read])
def test_a_frame_of_absurd_size_is_refused_before_it_is_read(read_all) -> None:
    with pytest.raises(FrameError, match="bytes"):
        read_all(b"\xff" * 12)


@pytest.mark.parametrize(
    "rankings", [((0, float("nan")),), ((-1, 0.5),), ((0, 2.0),), (("x", 0.5),), ((0,),)]
)
def test_an_answer_that_is_no_ranking_is_refused(rankings) -> None:
    header = Answer.model_construct(id=1, rankings=(rankings,)).model_dump_json(warnings=False)
    with pytest.raises(ValueError, match="rankings"):
        FROM_ENGINE.validate_json(header)
