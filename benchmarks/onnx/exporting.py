"""Both of torch's exporters, as people call them."""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

EXPORTERS = ("torchscript", "dynamo")


def exported(network: nn.Module, images: Tensor, exporter: str) -> bytes:
    """The ONNX file of ``network``, for any number of images."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        path = Path(folder) / "model.onnx"
        with contextlib.redirect_stdout(io.StringIO()):
            if exporter == "dynamo":
                _by_dynamo(network, images, path)
            else:
                _by_torchscript(network, images, path)
        return path.read_bytes()


def _by_dynamo(network: nn.Module, images: Tensor, path: Path) -> None:
    torch.onnx.export(
        network,
        (images,),
        str(path),
        input_names=["images"],
        output_names=["logits"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        dynamo=True,
        external_data=False,
        verbose=False,
    )


def _by_torchscript(network: nn.Module, images: Tensor, path: Path) -> None:
    torch.onnx.export(
        network,
        (images,),
        str(path),
        input_names=["images"],
        output_names=["logits"],
        dynamic_axes={"images": {0: "batch"}, "logits": {0: "batch"}},
        dynamo=False,
    )
