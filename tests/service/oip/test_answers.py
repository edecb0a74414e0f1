"""Outputs are the numbers of the answer, however they are written."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from service.errors import InferenceRequestError
from service.inference.rows import Answer
from service.oip.answers import Encoded, encode
from service.oip.outputs import WITH_ALARM, WITHOUT_ALARM, outputs, require_known, softmax
from service.oip.requests import InferRequest

logits = st.tuples(st.integers(1, 4), st.integers(2, 5)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.floats(-1e4, 1e4, width=32))
)


def answer(numbers: np.ndarray, alarm: bool = True) -> Answer:
    count, classes = numbers.shape
    if not alarm:
        return Answer(count, classes, numbers.tobytes())
    flagged = tuple(row % 2 == 0 for row in range(count))
    return Answer(count, classes, numbers.tobytes(), (-numbers).tobytes(), flagged)


def asked(*names: str, binary: bool = False) -> InferRequest:
    return InferRequest.model_validate(
        {
            "inputs": [],
            "outputs": [{"name": name} for name in names],
            "parameters": {"binary_data_output": binary},
        }
    )


def decoded(encoded: Encoded) -> dict[str, np.ndarray]:
    """As a client reads it."""
    end = len(encoded.body) if encoded.header_length is None else encoded.header_length
    told, rest = json.loads(encoded.body[:end]), encoded.body[end:]
    found = {}
    for output in told["outputs"]:
        dtype = {"FP32": "<f4", "BOOL": "?"}[output["datatype"]]
        if "data" in output:
            flat = np.array(output["data"], dtype)
        else:
            size = output["parameters"]["binary_data_size"]
            flat, rest = np.frombuffer(rest[:size], dtype), rest[size:]
        found[output["name"]] = flat.reshape(output["shape"])
    assert not rest
    return found


@given(logits, st.booleans())
def test_every_number_arrives(numbers: np.ndarray, binary: bool) -> None:
    found = decoded(encode("m", "1", None, outputs(asked(binary=binary), answer(numbers))))
    np.testing.assert_array_equal(found["logits"], numbers)
    np.testing.assert_array_equal(found["base_logits"], -numbers)
    assert found["flagged"].tolist() == [row % 2 == 0 for row in range(len(numbers))]
    np.testing.assert_array_equal(found["probabilities"], softmax(numbers))


@given(logits)
def test_probabilities_are_probabilities(numbers: np.ndarray) -> None:
    found = softmax(numbers)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    assert (found >= 0).all()
    chosen = np.take_along_axis(numbers, found.argmax(axis=1, keepdims=True), axis=1)
    np.testing.assert_allclose(chosen[:, 0], numbers.max(axis=1), rtol=1e-5, atol=1e-4)


@given(st.permutations(WITH_ALARM), st.integers(1, 4), st.data())
def test_only_what_is_asked_is_answered_and_each_in_its_way(
    names: list[str], count: int, data: st.DataObject
) -> None:
    binary = {name: data.draw(st.booleans()) for name in names[:count]}
    request = InferRequest.model_validate(
        {
            "inputs": [],
            "outputs": [
                {"name": name, "parameters": {"binary_data": own}} for name, own in binary.items()
            ],
        }
    )
    found = encode("m", "1", "id", outputs(request, answer(np.zeros((2, 3), np.float32))))
    end = found.header_length or len(found.body)
    told = json.loads(found.body[:end])
    assert (told["model_name"], told["model_version"], told["id"]) == ("m", "1", "id")
    assert {output["name"]: "data" not in output for output in told["outputs"]} == binary
    assert (found.header_length is None) is not any(binary.values())
    assert list(decoded(found)) == names[:count]


def test_without_an_alarm_there_is_less() -> None:
    quiet = answer(np.zeros((1, 2), np.float32), alarm=False)
    assert tuple(decoded(encode("m", "1", None, outputs(asked(), quiet)))) == WITHOUT_ALARM
    with pytest.raises(InferenceRequestError, match="alarm is on"):
        outputs(asked("logits", "flagged"), quiet)


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        ({"name": "OUTPUT0"}, "there is no output 'OUTPUT0'; ask for logits"),
        ({"name": "logits", "parameters": {"classification": 3}}, "classification"),
        ({"name": "logits", "parameters": {"shared_memory_region": "r"}}, "shared memory"),
    ],
)
def test_what_is_not_offered_is_refused(output: dict[str, object], cause: str) -> None:
    with pytest.raises(InferenceRequestError, match=cause):
        require_known(InferRequest.model_validate({"inputs": [], "outputs": [output]}))


def test_an_output_is_named_once() -> None:
    with pytest.raises(InferenceRequestError, match="once"):
        require_known(asked("logits", "logits"))
