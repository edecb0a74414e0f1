"""What two networks compute alike is computed once, and the answers stay the same."""

from __future__ import annotations

import pytest
import torch

from polarizer.config import Method
from service.inference.engine import onnx_backend
from service.inference.engine.improving import Source
from tests.polarizer.alarm.pairs import base_of, pixels_for, purified_of

pytestmark = pytest.mark.skipif(
    not onnx_backend.is_available(), reason="the extra `onnx` is not installed"
)


def convolutions(exported: bytes) -> int:
    import onnx

    return sum(node.op_type == "Conv" for node in onnx.load_model_from_string(exported).graph.node)


def exports(name: str, method: Method) -> tuple[Source, bytes, bytes]:
    """Both networks, exported side by side, and the same with nothing twice."""
    from service.inference.engine import sharing

    base = base_of(name)
    source = Source(purified_of(base, method), base)
    whole = onnx_backend.export(source.graph(), pixels_for(base, 2))
    return source, whole, sharing.shared(whole)


@pytest.mark.parametrize(
    ("name", "method", "before", "after"),
    [
        ("small_cnn", Method.STAGE, 6, 5),
        ("small_cnn", Method.DEEP, 6, 6),
        ("resnet20", Method.STAGE, 38, 25),
    ],
    ids=["small-stage", "small-deep", "resnet-stage"],
)
def test_only_what_differs_is_there_twice(
    name: str, method: Method, before: int, after: int
) -> None:
    _, whole, shared = exports(name, method)
    assert (convolutions(whole), convolutions(shared)) == (before, after)
    assert len(shared) <= len(whole)


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_the_answers_are_those_of_both(rows: int) -> None:
    source, whole, shared = exports("small_cnn", Method.STAGE)
    pixels = pixels_for(source.purified, rows, seed=5)
    assert source.base is not None
    with torch.inference_mode():
        expected = torch.cat([source.purified(pixels), source.base(pixels)])
    for exported in (whole, shared):
        session = onnx_backend.session(exported)
        (found,) = session.run(None, {session.get_inputs()[0].name: pixels.numpy()})
        torch.testing.assert_close(torch.from_numpy(found), expected, atol=1e-4, rtol=1e-4)


def test_two_models_of_the_same_weights_are_one() -> None:
    base = base_of("small_cnn")
    source = Source(base_of("small_cnn"), base)
    source.purified.load_state_dict(base.state_dict())
    from service.inference.engine import sharing

    whole = onnx_backend.export(source.graph(), pixels_for(base, 2))
    assert convolutions(sharing.shared(whole)) == 3
