"""ONNX Runtime on the CPU, from an export made in this process. Needs the extra ``onnx``."""

from __future__ import annotations

import io
import warnings
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from service.inference.engine import sharing

_PACKAGES = ("onnx", "onnxruntime")
_INPUT, _OUTPUT = "pixels", "logits"


def is_available() -> bool:
    """Whether the packages are there."""
    return all(find_spec(package) for package in _PACKAGES)


class OnnxBackend:
    """Whatever goes wrong in the export or in the session is raised as it is: the choice falls on
    another backend then."""

    name = "onnxruntime"

    def __init__(self, network: nn.Module, pixels: Tensor) -> None:
        exported = sharing.shared(export(network, pixels))
        self.nbytes = len(exported)
        self._session = session(exported)

    def __call__(self, pixels: Tensor) -> Tensor:
        logits = self._session.run([_OUTPUT], {_INPUT: pixels.contiguous().numpy()})[0]
        return torch.from_numpy(logits)


def export(network: nn.Module, pixels: Tensor) -> bytes:
    """An ONNX file of it, for any number of rows."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of what a trace cannot see; the answers are compared
        torch.onnx.export(
            network,
            (pixels,),
            buffer,  # type: ignore[arg-type]  # the way without dynamo takes a file
            input_names=[_INPUT],
            output_names=[_OUTPUT],
            dynamic_axes={_INPUT: {0: "rows"}, _OUTPUT: {0: "answers"}},
            dynamo=False,
        )
    return buffer.getvalue()


def session(exported: bytes) -> Any:  # noqa: ANN401 - the package has no types
    """An InferenceSession of as many threads as torch has."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(exported, options, providers=["CPUExecutionProvider"])
