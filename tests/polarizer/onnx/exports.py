"""What torch's two exporters made of six families: ``exports.zip``.

``python -m tests.polarizer.onnx.exports`` makes it anew; it takes a minute and needs onnxscript.
"""

from __future__ import annotations

import zipfile
from functools import cache
from pathlib import Path

from onnx import ModelProto

FILE = Path(__file__).with_name("exports.zip")
FAMILIES = ("resnet", "mobilenet", "efficientnet", "densenet", "convnext", "vit")
EXPORTERS = ("torchscript", "dynamo")
NAMES = tuple(f"{family}-{exporter}" for family in FAMILIES for exporter in EXPORTERS)
SIZE = 32
_DATE = (1980, 1, 1, 0, 0, 0)


@cache
def content(name: str) -> bytes:
    """Of ``resnet-dynamo``, say."""
    with zipfile.ZipFile(FILE) as archive:
        return archive.read(f"{name}.onnx")


def without_notes(made: ModelProto) -> ModelProto:
    """Without the lines of code that the newer exporter notes at every node."""
    for part in (*made.graph.node, *made.graph.value_info, *made.graph.input, *made.graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
    del made.graph.value_info[:]
    del made.graph.metadata_props[:]
    del made.metadata_props[:]
    return made


def main() -> None:
    """Writes the file."""
    import torch

    from benchmarks.onnx.exporting import exported
    from benchmarks.onnx.families import network

    with zipfile.ZipFile(FILE, "w", zipfile.ZIP_LZMA) as archive:
        for name in NAMES:
            family, exporter = name.split("-")
            images = torch.zeros(2, 3, SIZE, SIZE)
            made = without_notes(ModelProto.FromString(exported(network(family), images, exporter)))
            entry = zipfile.ZipInfo(f"{name}.onnx", _DATE)
            archive.writestr(entry, made.SerializeToString(deterministic=True), zipfile.ZIP_LZMA)


if __name__ == "__main__":
    main()
