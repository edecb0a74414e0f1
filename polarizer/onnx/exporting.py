"""A loaded model as ONNX: the graph that it came with, or one that torch's exporter makes."""

from __future__ import annotations

import io
import json
import warnings
from typing import TYPE_CHECKING

import torch

from polarizer.attaching import attached_layers
from polarizer.checkpoints import LoadedModel
from polarizer.config import Method
from polarizer.errors import ConfigError
from polarizer.onnx.writing import written_back

if TYPE_CHECKING:
    from onnx import ModelProto

PIXELS, LOGITS = "pixels", "logits"
OPSET = 18


def exported(loaded: LoadedModel) -> ModelProto:
    """The repaired network as ONNX, for any number of images.

    What came as ONNX goes out as it came, with other weights: its input is what it was. Any other
    network takes ``pixels`` in [0, 1], (N, C, H, W), normalises them itself and answers with
    ``logits`` (N, K); its metadata name the classes. Raises :class:`ConfigError` for a polarizer
    that has no ONNX form, and for a network that torch cannot export.
    """
    attached = attached_layers(loaded.classifier.module)
    conditioned = [name for name, method in attached.items() if method is not Method.NPD]
    if conditioned:
        raise ConfigError(
            f"the polarizer before {conditioned[0]} is told the class that the base network "
            f"predicts, and method {attached[conditioned[0]]} has no ONNX form; "
            'repair the model with method "auto" to export it'
        )
    if loaded.checkpoint.onnx is not None:
        return written_back(loaded.checkpoint.onnx.packed, loaded.checkpoint.tensors, attached)
    return _traced(loaded)


def _traced(loaded: LoadedModel) -> ModelProto:
    from onnx import ModelProto, helper

    spec, buffer = loaded.classifier.spec, io.BytesIO()
    pixels = torch.full((2, spec.channels, spec.height, spec.width), 0.5)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of what a trace cannot see
        try:
            torch.onnx.export(
                loaded.classifier,
                (pixels,),
                buffer,  # type: ignore[arg-type]  # the way without dynamo takes a file
                input_names=[PIXELS],
                output_names=[LOGITS],
                dynamic_axes={PIXELS: {0: "batch"}, LOGITS: {0: "batch"}},
                opset_version=OPSET,
                dynamo=False,
            )
        except (RuntimeError, TypeError, ValueError, LookupError, AttributeError) as error:
            raise ConfigError(
                f"torch cannot export this network as ONNX: {type(error).__name__}"
            ) from error
    model: ModelProto = ModelProto.FromString(buffer.getvalue())
    helper.set_model_props(model, {"classes": json.dumps(loaded.description.classes)})
    return model
