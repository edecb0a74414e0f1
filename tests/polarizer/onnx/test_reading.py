"""What a file must say, what is made of it, and what is said where it is no use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import ModelProto, TensorProto, helper, numpy_helper
from torch import Tensor

from polarizer.checkpoints import LoadedModel, load_classifier
from polarizer.description import ModelDescription
from polarizer.errors import ArchitectureError, ModelFormatError
from polarizer.onnx import OnnxLimits, read_onnx
from polarizer.onnx.modules import BatchNorm, Convolution
from tests.polarizer.models import description
from tests.polarizer.onnx.graphs import by_runtime, content, model, noise, small_cnn, weights


def load(folder: Path, made: ModelProto, said: ModelDescription | None = None) -> LoadedModel:
    path = folder / "model.onnx"
    path.write_bytes(made.SerializeToString())
    return load_classifier(path, said)


def described(**changes: object) -> ModelDescription:
    fields = {
        "architecture": {"name": "onnx", "num_classes": 3},
        "input": {"channels": 1, "height": 8, "width": 8, "mean": [0.5], "std": [0.25]},
        "classes": ["cat", "dog", "owl"],
    }
    return ModelDescription.model_validate(fields | changes)


def test_a_file_describes_itself(tmp_path: Path) -> None:
    found = load(tmp_path, small_cnn()).description
    assert found.architecture.name == "onnx"
    assert found.input.model_dump() == {
        "channels": 1,
        "height": 8,
        "width": 8,
        "mean": (0.0,),
        "std": (1.0,),
    }
    assert found.classes == ("0", "1", "2")


def test_what_is_said_of_it_counts(tmp_path: Path) -> None:
    source = load(tmp_path, small_cnn(shape=("batch", 1, "height", "width")), described())
    assert source.description.classes == ("cat", "dog", "owl")
    pixels = torch.rand(2, 1, 8, 8)
    expected = by_runtime(small_cnn(), (pixels - 0.5) / 0.25)
    torch.testing.assert_close(source.classifier(pixels), expected, rtol=1e-4, atol=1e-5)


def test_layers_and_names_are_those_of_the_file(tmp_path: Path) -> None:
    source = load(tmp_path, small_cnn())
    parts = dict(source.classifier.module.named_children())
    assert list(parts) == ["conv1", "bn1", "conv2", "fc"]
    assert isinstance(parts["conv1"], Convolution)
    assert isinstance(parts["bn1"], BatchNorm)
    state = source.classifier.module.state_dict()
    assert {*state} == {
        *("conv1.weight", "conv1.bias", "bn1.weight", "bn1.bias", "bn1.running_mean"),
        *("bn1.running_var", "conv2.weight", "fc.weight", "fc.bias"),
    }
    assert all(torch.equal(value, state[key]) for key, value in source.checkpoint.tensors.items())


def test_weights_are_found_behind_nodes_that_pass_them_on(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Flatten", ["images"], ["a"]),
        helper.make_node("Identity", ["w"], ["same"]),
        helper.make_node("Transpose", ["same"], ["turned"], perm=[1, 0]),
        helper.make_node("MatMul", ["a", "turned"], ["b"]),
        helper.make_node("Add", ["b", "bias"], ["logits"]),
    ]
    made = model(nodes, {"w": weights(1, 3, 64), "bias": weights(2, 3)})
    source = load(tmp_path, made)
    network = source.classifier.module
    assert [(name, part.weight.shape) for name, part in network.named_children()] == [
        ("MatMul", (3, 64))
    ]
    assert {step.operator for step in network.plan.steps} == {"Flatten", "MatMul", "Add"}
    batch = noise(2, 1, 8, 8)
    torch.testing.assert_close(network(batch), by_runtime(made, batch))


def test_a_constant_may_be_a_weight(tmp_path: Path) -> None:
    made = small_cnn()
    (tensor,) = (one for one in made.graph.initializer if one.name == "fc.weight")
    node = helper.make_node("Constant", [], ["fc.weight"], value=tensor)
    made.graph.node.insert(0, node)
    made.graph.initializer.remove(tensor)
    source = load(tmp_path, made)
    assert "fc.weight" in source.checkpoint.tensors
    batch = noise(2, 1, 8, 8)
    torch.testing.assert_close(source.classifier.module(batch), by_runtime(made, batch))


def _ending_in_softmax(made: ModelProto) -> ModelProto:
    made.graph.node[-1].output[0] = "scores"
    made.graph.node.append(helper.make_node("Softmax", ["scores"], ["logits"]))
    return made


def test_of_a_softmax_at_the_end_its_input_is_taken(tmp_path: Path) -> None:
    source = load(tmp_path, _ending_in_softmax(small_cnn()))
    batch = noise(2, 1, 8, 8)
    found = source.classifier.module(batch)
    torch.testing.assert_close(found, by_runtime(small_cnn(), batch), rtol=1e-4, atol=1e-5)


def _for_one_image(fixed: int) -> ModelProto:
    """As exporters write a token that stands before those of the image."""
    nodes = [
        helper.make_node("Reshape", ["images", "shape"], ["tokens"]),
        helper.make_node("Concat", ["token", "tokens"], ["all"], axis=1),
        helper.make_node("MatMul", ["all", "w"], ["seen"]),
        helper.make_node("ReduceMean", ["seen", "axis"], ["logits"], keepdims=0),
    ]
    tensors = {
        "shape": np.array([fixed, 8, 8], np.int64),
        "token": np.repeat(weights(1, 1, 1, 8), fixed, axis=0),
        "w": weights(2, 8, 3),
        "axis": np.array([1], np.int64),
    }
    return model(nodes, tensors, shape=(fixed, 1, 8, 8), answer=(fixed, 3))


def test_a_graph_for_one_image_takes_any_number(tmp_path: Path) -> None:
    made = _for_one_image(1)
    network = load(tmp_path, made).classifier.module
    batch = noise(4, 1, 8, 8)
    expected = torch.cat([by_runtime(made, image[None]) for image in batch])
    torch.testing.assert_close(network(batch), expected, rtol=1e-4, atol=1e-5)


def test_a_graph_for_one_image_that_hides_it_is_refused(tmp_path: Path) -> None:
    made = _for_one_image(1)
    made.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    with pytest.raises(ArchitectureError, match="three images at once.*dynamic_axes"):
        load(tmp_path, made)


def test_operators_that_are_not_known_are_listed() -> None:
    made = small_cnn()
    for number, operator in ((2, "Bernoulli"), (4, "Bernoulli"), (5, "MaxUnpool")):
        made.graph.node[number].op_type = operator
    with pytest.raises(ModelFormatError, match=r"Bernoulli \(2\), MaxUnpool \(1\)"):
        read_onnx(content(made))


def test_a_graph_over_the_limits_is_refused() -> None:
    for limits in (
        OnnxLimits(max_nodes=7),
        OnnxLimits(max_tensors=8),
        OnnxLimits(max_packed_bytes=9),
    ):
        with pytest.raises(ModelFormatError, match="at most"):
            read_onnx(content(small_cnn()), limits)


@pytest.mark.parametrize(
    ("made", "said", "words"),
    [
        (small_cnn(), description(), "small_cnn; .onnx. is that of .onnx files"),
        (
            small_cnn(),
            described(classes=["a", "b"], architecture={"name": "onnx", "num_classes": 2}),
            "answers with",
        ),
        (small_cnn(shape=("n", 3, 8, 8)), None, "in the ONNX node Conv c1"),
        (small_cnn(shape=("n", 1, "h", "w")), None, "does not say what size"),
        (small_cnn(kind=TensorProto.UINT8), None, "normalised float32"),
    ],
    ids=["another architecture", "other classes", "other channels", "no size", "bytes"],
)
def test_what_does_not_fit_is_said(
    tmp_path: Path, made: ModelProto, said: ModelDescription | None, words: str
) -> None:
    with pytest.raises((ArchitectureError, ModelFormatError), match=words):
        load(tmp_path, made, said)


def test_the_architecture_alone_is_not_enough(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "model.safetensors"
    tensors: dict[str, Tensor] = {"conv1.weight": torch.zeros(4, 1, 3, 3)}
    save_file(tensors, path)
    with pytest.raises(ArchitectureError, match="of .onnx files"):
        load_classifier(path, described())


def test_what_the_logits_do_not_come_from_is_left_out(tmp_path: Path) -> None:
    made = small_cnn()
    made.graph.node.append(helper.make_node("Mul", ["g", "unused"], ["features"]))
    made.graph.initializer.append(numpy_helper.from_array(weights(1, 6), "unused"))
    made.graph.output.append(helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 6]))
    source = load(tmp_path, made)
    assert "unused" not in source.checkpoint.tensors
    source.classifier.requires_grad_()
    source.classifier(torch.rand(2, 1, 8, 8)).sum().backward()
    assert all(part.grad is not None for part in source.classifier.parameters())
