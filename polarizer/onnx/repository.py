"""A model repository for Triton and KServe: ``<name>/config.pbtxt``, ``<name>/1/model.onnx``.

Packed into one zip, stored and with fixed dates, so that the same model gives the same bytes.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import ModelProto, ValueInfoProto

MOST_ROWS = 64
_DATE = (1980, 1, 1, 0, 0, 0)
_TYPES = {1: "TYPE_FP32", 10: "TYPE_FP16", 11: "TYPE_FP64", 16: "TYPE_BF16"}


def write_repository(
    path: Path, name: str, model: ModelProto, classes: Sequence[str], size: tuple[int, int, int]
) -> None:
    """The zip at ``path``. ``size`` is (channels, height, width) of an image."""
    label_lines = "".join(f"{' '.join(label.split()) or '-'}\n" for label in classes)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file, content in (
            ("config.pbtxt", configuration(name, model, len(classes), size).encode()),
            ("labels.txt", label_lines.encode()),
            ("1/model.onnx", model.SerializeToString(deterministic=True)),
        ):
            entry = zipfile.ZipInfo(f"{name}/{file}", _DATE)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)


def configuration(name: str, model: ModelProto, classes: int, size: tuple[int, int, int]) -> str:
    """The text of ``config.pbtxt``: requests are batched where the graph takes any number."""
    taken, answer = _input(model), model.graph.output[0]
    batch = taken.type.tensor_type.shape.dim[:1]
    fixed = batch[0].dim_value if batch else 0
    rows = [fixed] if fixed else []
    lines = [
        f"name: {json.dumps(name)}",
        'backend: "onnxruntime"',
        f"max_batch_size: {0 if fixed else MOST_ROWS}",
        f"input [ {_tensor(taken, [*rows, *size])} ]",
        f"output [ {_tensor(answer, [*rows, classes], 'labels.txt')} ]",
        *([] if fixed else ["dynamic_batching { }"]),
    ]
    return "\n".join(lines) + "\n"


def _input(model: ModelProto) -> ValueInfoProto:
    weights = {tensor.name for tensor in model.graph.initializer}
    found: ValueInfoProto = next(one for one in model.graph.input if one.name not in weights)
    return found


def _tensor(value: ValueInfoProto, dims: Sequence[int], labels: str = "") -> str:
    fields = (
        f"name: {json.dumps(value.name)}, data_type: {_TYPES[value.type.tensor_type.elem_type]}"
    )
    fields += f", dims: [ {', '.join(map(str, dims))} ]"
    return f'{{ {fields}, label_filename: "{labels}" }}' if labels else f"{{ {fields} }}"
