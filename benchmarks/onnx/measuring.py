"""One exported file: read, compared with ONNX Runtime, repaired, written back, compared again."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import onnxruntime
import torch
from onnx import ModelProto
from torch import Tensor, nn

from benchmarks.onnx.exporting import exported as export
from benchmarks.onnx.families import CLASSES, image_size, network
from polarizer.artefact import load_artefact, save_artefact
from polarizer.checkpoints import LoadedModel, Provenance, load_classifier
from polarizer.config import Method, PurifyConfig
from polarizer.images import LabelledImages
from polarizer.onnx.exporting import exported
from polarizer.onnx.parsing import tensors_of
from polarizer.purification import purify

BATCHES = (1, 2, 5)
IMAGES = 24


@dataclass(frozen=True)
class Row:
    """``difference``: the largest between our logits and ONNX Runtime's, of the largest logit, over
    all batches; ``after``: the same for the repaired network and the file that was written back."""

    family: str
    exporter: str
    opset: int
    nodes: int
    megabytes: float
    convolutions: int
    products: int
    norms: int
    read_seconds: float
    difference: float
    changed: int
    tensors: int
    same_graph: bool
    after: float


def measure(family: str, exporter: str, *, usual: bool, steps: int = 2) -> Row:
    """Random weights; what is measured does not depend on them."""
    size = image_size(usual=usual)
    content = export(network(family, usual=usual), torch.zeros(2, 3, size, size), exporter)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "model.onnx").write_bytes(content)
        began = time.perf_counter()
        source = load_classifier(folder / "model.onnx")
        seconds = time.perf_counter() - began
        artefact = _repaired(source, folder, size, steps)
    before, after = ModelProto.FromString(content), exported(artefact)
    kinds = Counter(_kind(module) for module in source.classifier.module.children())
    changed, tensors = _changed(before, after)
    return Row(
        family=family,
        exporter=exporter,
        opset=before.opset_import[0].version,
        nodes=len(before.graph.node),
        megabytes=round(len(content) / 1e6, 2),
        convolutions=kinds["convolution"],
        products=kinds["product"],
        norms=kinds["norm"],
        read_seconds=round(seconds, 2),
        difference=_difference(source, before, size),
        changed=changed,
        tensors=tensors,
        same_graph=_without_values(before) == _without_values(after),
        after=_difference(artefact, after, size),
    )


def _repaired(source: LoadedModel, folder: Path, size: int, steps: int) -> LoadedModel:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (IMAGES, 3, size, size), generator=generator, dtype=torch.uint8)
    images = LabelledImages(pixels, torch.arange(IMAGES) % CLASSES)
    config = PurifyConfig(
        method=Method.DEEP, steps=steps, batch_size=4, check_every=0, precision="float32"
    )
    done = purify(source.classifier, images, config)
    save_artefact(
        folder / "artefact",
        done.classifier,
        source,
        method=Method.DEEP,
        polarized_layers=done.layers,
        provenance=Provenance(),
    )
    return load_artefact(folder / "artefact")


def _difference(loaded: LoadedModel, made: ModelProto, size: int) -> float:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        made.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    worst = 0.0
    for count in BATCHES:
        images = torch.randn((count, 3, size, size), generator=torch.Generator().manual_seed(count))
        expected = torch.from_numpy(session.run(None, {"images": images.numpy()})[0])
        with torch.inference_mode():
            found: Tensor = loaded.classifier.module(images)
        worst = max(worst, ((found - expected).abs().max() / expected.abs().max()).item())
    return worst


def _kind(module: nn.Module) -> str:
    if isinstance(module, nn.Conv2d):
        return "convolution"
    return "product" if isinstance(module, nn.Linear) else "norm"


def _changed(before: ModelProto, after: ModelProto) -> tuple[int, int]:
    pairs = zip(tensors_of(before), tensors_of(after), strict=True)
    same = [old == new for (_, old), (_, new) in pairs]
    return same.count(False), len(same)


def _without_values(made: ModelProto) -> ModelProto:
    bare = ModelProto()
    bare.CopyFrom(made)
    for _, tensor in tensors_of(bare):
        tensor.ClearField("raw_data")
        tensor.ClearField("float_data")
    return bare
