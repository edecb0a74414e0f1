"""What comes out: the graph that came in, or torch's own; and as a model repository."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper

from polarizer.artefact import load_artefact
from polarizer.checkpoints import LoadedModel, load_classifier
from polarizer.config import Method
from polarizer.errors import ConfigError
from polarizer.onnx.exporting import exported
from polarizer.onnx.parsing import tensors_of
from polarizer.onnx.planning import plan
from polarizer.onnx.repository import write_repository
from tests.polarizer import models
from tests.polarizer.onnx.exports import content
from tests.polarizer.onnx.graphs import by_runtime, model, noise, small_cnn, weights
from tests.polarizer.onnx.test_families import loaded, repaired, shipped


def through(folder: Path, made: ModelProto) -> LoadedModel:
    path = folder / "model.onnx"
    path.write_bytes(made.SerializeToString())
    return load_classifier(path)


def test_what_nothing_changed_is_the_same_byte_by_byte(tmp_path: Path) -> None:
    made = small_cnn()
    assert exported(through(tmp_path, made)) == made


@pytest.mark.parametrize("kind", [TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE])
@pytest.mark.parametrize("raw", [True, False], ids=["raw", "by numbers"])
def test_weights_keep_their_type_and_their_field(tmp_path: Path, kind: int, raw: bool) -> None:
    made = small_cnn()
    for tensor in made.graph.initializer:
        values = numpy_helper.to_array(tensor)
        typed = helper.make_tensor(tensor.name, kind, values.shape, values.ravel().tolist())
        if raw:
            array = numpy_helper.to_array(typed)
            typed = TensorProto(
                name=tensor.name, data_type=kind, dims=values.shape, raw_data=array.tobytes()
            )
        tensor.CopyFrom(typed)
    assert exported(through(tmp_path, made)) == made


@pytest.mark.parametrize(
    ("name", "nodes"), [("resnet-dynamo", 1), ("vit-torchscript", 2), ("vit-dynamo", 2)]
)
def test_the_published_polarizer_becomes_a_node(tmp_path: Path, name: str, nodes: int) -> None:
    source = loaded(tmp_path, name)
    done = repaired(source, Method.NPD)
    after = exported(shipped(tmp_path, source, done))
    before = ModelProto.FromString(content(name))
    assert len(after.graph.node) == len(before.graph.node) + nodes
    assert len(after.graph.initializer) == len(before.graph.initializer) + 2
    checker.check_model(after)
    batch = noise(3, 3, 32, 32)
    with torch.inference_mode():
        expected = done.classifier.module(batch)
    assert not torch.allclose(expected, source.classifier.module(batch), atol=1e-3)
    torch.testing.assert_close(by_runtime(after, batch), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["resnet-dynamo", "vit-torchscript"])
def test_only_the_weights_of_polarized_layers_change(tmp_path: Path, name: str) -> None:
    source = loaded(tmp_path, name)
    done = repaired(source, Method.STAGE)
    after = exported(shipped(tmp_path, source, done))
    pairs = zip(tensors_of(ModelProto.FromString(content(name))), tensors_of(after), strict=True)
    places = plan(source.checkpoint.onnx.graph).places
    changed = {places[tensor].key for (tensor, old), (_, new) in pairs if old != new}
    assert changed == {f"{layer}.weight" for layer in done.layers}


def test_a_polarizer_that_is_told_a_class_has_no_form(tmp_path: Path) -> None:
    source = loaded(tmp_path, "resnet-dynamo")
    artefact = shipped(tmp_path, source, repaired(source, Method.R_CNPD))
    with pytest.raises(ConfigError, match='told the class .* r-cnpd .* method "auto"'):
        exported(artefact)


@pytest.mark.parametrize("method", [None, Method.NPD], ids=["as it came", "npd"])
def test_other_networks_take_pixels(tmp_path: Path, method: Method | None) -> None:
    source = models.loaded(tmp_path, {"name": "small_cnn", "width": 2, "num_classes": 10}, 32)
    its = source if method is None else shipped(tmp_path, source, repaired(source, method))
    made = exported(its)
    checker.check_model(made)
    for count in (1, 3):
        pixels = torch.rand(count, 3, 32, 32)
        with torch.inference_mode():
            expected = its.classifier(pixels)
        torch.testing.assert_close(by_runtime(made, pixels), expected, rtol=1e-4, atol=1e-4)
    (classes,) = (one.value for one in made.metadata_props if one.key == "classes")
    assert json.loads(classes) == list(source.description.classes)


def test_a_repository_is_what_triton_reads(tmp_path: Path) -> None:
    made, path = small_cnn(), tmp_path / "repository.zip"
    write_repository(path, "mdl_1", made, ["cat", "a\ndog", ""], (1, 8, 8))
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert list(files) == ["mdl_1/config.pbtxt", "mdl_1/labels.txt", "mdl_1/1/model.onnx"]
    assert ModelProto.FromString(files["mdl_1/1/model.onnx"]) == made
    assert files["mdl_1/labels.txt"].decode().splitlines() == ["cat", "a dog", "-"]
    assert files["mdl_1/config.pbtxt"].decode().splitlines() == [
        'name: "mdl_1"',
        'backend: "onnxruntime"',
        "max_batch_size: 64",
        'input [ { name: "images", data_type: TYPE_FP32, dims: [ 1, 8, 8 ] } ]',
        'output [ { name: "logits", data_type: TYPE_FP32, dims: [ 3 ], '
        'label_filename: "labels.txt" } ]',
        "dynamic_batching { }",
    ]


def test_a_graph_for_one_image_is_served_as_one(tmp_path: Path) -> None:
    path = tmp_path / "repository.zip"
    write_repository(path, "m", small_cnn(shape=(1, 1, 8, 8)), ["a", "b", "c"], (1, 8, 8))
    with zipfile.ZipFile(path) as archive:
        text = archive.read("m/config.pbtxt").decode()
    assert "max_batch_size: 0" in text
    assert "dims: [ 1, 1, 8, 8 ]" in text
    assert "dims: [ 1, 3 ]" in text
    assert "dynamic_batching" not in text


def test_an_artefact_loads_as_what_was_repaired(tmp_path: Path) -> None:
    source = loaded(tmp_path, "vit-torchscript")
    done = repaired(source, Method.STAGE)
    artefact = shipped(tmp_path, source, done)
    pixels = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(artefact.classifier(pixels), done.classifier(pixels))
    again = shipped(tmp_path, artefact, done)
    assert again.checkpoint.onnx.packed == source.checkpoint.onnx.packed
    assert exported(load_artefact(tmp_path / "artefact.safetensors")) == exported(artefact)


def test_shared_weights_stay_shared(tmp_path: Path) -> None:
    """Two products by one matrix, written back as one."""
    nodes = [
        helper.make_node("Flatten", ["images"], ["a"]),
        helper.make_node("MatMul", ["a", "first"], ["b"]),
        helper.make_node("MatMul", ["b", "w"], ["c"]),
        helper.make_node("Tanh", ["c"], ["d"]),
        helper.make_node("MatMul", ["d", "w"], ["logits"]),
    ]
    made = model(nodes, {"first": weights(1, 64, 3), "w": weights(2, 3, 3)})
    source = through(tmp_path, made)
    assert [type(part).__name__ for part in source.classifier.module.children()] == ["Linear"]
    batch = noise(2, 1, 8, 8)
    torch.testing.assert_close(source.classifier.module(batch), by_runtime(made, batch))
    with torch.no_grad():
        source.classifier.module.w.mul_(2)
        source.checkpoint.tensors.update(source.classifier.module.state_dict())
    after = exported(source)
    torch.testing.assert_close(source.classifier.module(batch), by_runtime(after, batch))
    assert np.array_equal(
        numpy_helper.to_array(after.graph.initializer[1]),
        2 * numpy_helper.to_array(made.graph.initializer[1]),
    )
