"""Every method on every architecture for a step: what it leaves alone, its bounds, its answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from polarizer.architectures.huggingface import MODEL_TYPES
from polarizer.checkpoints import load_classifier
from polarizer.classifier import Classifier
from polarizer.config import Method, PurifyConfig
from polarizer.deep import passes
from polarizer.description import InputSpec
from polarizer.errors import ConfigError
from polarizer.images import LabelledImages
from polarizer.polarizers import polarized
from polarizer.purification import choose_layers, purify
from polarizer.stages import trace
from tests.polarizer import hub
from tests.polarizer.models import description, network
from tests.polarizer.networks import TinyCnn
from tests.polarizer.onnx.graphs import content, small_cnn
from tests.polarizer.test_purification import Snapshot

CLASSES = 3


def spec(channels: int = 3, height: int = 8, width: int = 8) -> InputSpec:
    one_each = {"mean": (0.5,) * channels, "std": (0.25,) * channels}
    return InputSpec(channels=channels, height=height, width=width, **one_each)


def named(architecture: dict[str, Any], size: int) -> Classifier:
    return Classifier(network(architecture), description(architecture, size).input)


def made(make: Callable[[], nn.Module], **form: int) -> Classifier:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Classifier(make(), spec(**form))


def plain(channels: int, side: int = 8) -> nn.Module:
    """Two convolutions and nothing that normalises."""
    layers = [nn.Conv2d(channels, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, stride=2)]
    return nn.Sequential(
        *layers, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, CLASSES)
    )


def layer_norms() -> nn.Module:
    """Nothing but linear layers and LayerNorm."""
    return nn.Sequential(
        nn.Flatten(),
        *(nn.Linear(192, 8), nn.LayerNorm(8), nn.GELU()),
        *(nn.Linear(8, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, CLASSES)),
    )


def from_onnx(folder: Path) -> Classifier:
    path = folder / "model.onnx"
    path.write_bytes(content(small_cnn()))
    return load_classifier(path).classifier


def _own(name: str) -> dict[str, Any]:
    return {"name": name, "width": 2, "channels": 3, "num_classes": CLASSES}


ARCHITECTURES: dict[str, Callable[[Path], Classifier]] = {
    "small_cnn": lambda _: named(_own("small_cnn"), 8),
    "preact_resnet18": lambda _: named(_own("preact_resnet18"), 16),
    "resnet20": lambda _: named(_own("resnet20"), 16),
    "vgg19_bn": lambda _: named(_own("vgg19_bn"), 32),
    "onnx": from_onnx,
    "grouped": lambda _: made(TinyCnn),
    "no normalisation": lambda _: made(partial(plain, 3)),
    "LayerNorm alone": lambda _: made(layer_norms),
    "grey": lambda _: made(partial(plain, 1), channels=1),
    "16 channels": lambda _: made(partial(plain, 16), channels=16),
    "oblong": lambda _: made(partial(plain, 3), height=9, width=14),
    "4x4 pixels": lambda _: made(partial(plain, 3), height=4, width=4),
    **{
        name: lambda _, kind=name: named(hub.architecture(kind), hub.size(kind))  # type: ignore[misc]
        for name in ("vit", "resnet", "convnext", "mobilenet_v2", "swin")
    },
}
METHODS = [method for method in Method if method is not Method.AUTO]  # which is one of these
OTHERS = [name for name in MODEL_TYPES if name not in ARCHITECTURES]
ON_OTHERS = [Method.DEEP, Method.STAGE, Method.NPD]


@pytest.fixture(autouse=True)
def short_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of stand-ins, which takes most of the time of a single step."""
    monkeypatch.setattr(passes, "SEARCH_STEPS", 1)


def images(form: InputSpec, count: int = 8) -> LabelledImages:
    generator = torch.Generator().manual_seed(0)
    shape = (count, form.channels, form.height, form.width)
    pixels = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
    return LabelledImages(pixels, torch.arange(count) % CLASSES)


def one_step(method: Method, **given: Any) -> PurifyConfig:
    settings = {"steps": 1, "warmup_steps": 0, "batch_size": 4, "check_every": 0}
    return PurifyConfig(**{"method": method, "precision": "float32", **settings, **given})


class Seen:
    """The least and the largest pixel that a classifier, or a copy of it, was shown."""

    def __init__(self, classifier: Classifier) -> None:
        self.least, self.largest = 1.0, 0.0
        classifier.register_forward_pre_hook(self._look)

    def __deepcopy__(self, memo: dict[int, Any]) -> Seen:
        return self

    def _look(self, _classifier: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self.least = min(self.least, inputs[0].min().item())
        self.largest = max(self.largest, inputs[0].max().item())


def takes_a_step(classifier: Classifier, method: Method) -> None:
    """The properties of one step of ``method``."""
    clean, seen = images(classifier.spec), Seen(classifier)
    snapshot = Snapshot(classifier)

    result = purify(classifier, clean, one_step(method))

    snapshot.assert_unchanged()
    assert result.steps == 1
    assert result.layers
    assert seen.least >= 0
    assert seen.largest <= 1
    answers = result.classifier(clean.pixels())
    assert answers.shape == (len(clean), CLASSES)
    assert answers.isfinite().all()
    before, after = classifier.module.state_dict(), result.classifier.module.state_dict()
    assert (list(after) == list(before)) is not method.attaches


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("method", METHODS)
def test_every_method_takes_a_step(method: Method, name: str, tmp_path: Path) -> None:
    takes_a_step(ARCHITECTURES[name](tmp_path), method)


@pytest.mark.parametrize("model_type", OTHERS)
def test_every_type_of_the_hub_takes_a_step(model_type: str) -> None:
    classifier = named(hub.architecture(model_type), hub.size(model_type))
    for method in ON_OTHERS:
        takes_a_step(classifier, method)


def test_every_type_of_the_hub_is_here() -> None:
    assert set(hub.TINY) == set(MODEL_TYPES)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_folded_and_unfolded_agree(name: str, tmp_path: Path) -> None:
    classifier = ARCHITECTURES[name](tmp_path)
    pixels = images(classifier.spec).pixels()
    generator = torch.Generator().manual_seed(0)

    with (
        torch.no_grad(),
        polarized(classifier.module, choose_layers(classifier, Method.STAGE)) as maps,
    ):
        for polarizer in maps:
            noise = torch.randn(polarizer.deviation.shape, generator=generator)
            polarizer.deviation.copy_(0.2 * noise / noise.norm())
        unfolded = classifier(pixels)

    bound = 1e-5 * max(1.0, unfolded.abs().max().item())
    assert (classifier(pixels) - unfolded).abs().max() <= bound


@pytest.mark.parametrize("method", [Method.NPD, *(m for m in METHODS if m.conditions)])
@pytest.mark.parametrize("name", ["vit", "convnext", "small_cnn", "LayerNorm alone"])
def test_any_layer_may_be_polarized(method: Method, name: str, tmp_path: Path) -> None:
    """Also where a network asks for the type of its first layer's weights, as transformers do."""
    classifier = ARCHITECTURES[name](tmp_path)
    calls = trace(classifier, images(classifier.spec, 2).pixels())
    for layer in dict.fromkeys(call.name.removeprefix("module.") for call in calls):
        result = purify(classifier, images(classifier.spec), one_step(method, layers=(layer,)))
        assert result.layers == (layer,)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("labels", [[0, 2], [0, 1]], ids=["a gap", "the last one"])
def test_a_class_may_be_missing(method: Method, labels: list[int]) -> None:
    clean = images(spec(), 9)
    clean = clean.select(torch.isin(clean.labels, torch.tensor(labels)))
    result = purify(made(TinyCnn), clean, one_step(method))
    assert result.classifier(clean.pixels()).isfinite().all()


class Aside(TinyCnn):
    """Has a layer that it never calls, and none that its answer depends on."""

    def __init__(self) -> None:
        super().__init__()
        self.aside = nn.Linear(4, 4)


@pytest.mark.parametrize("method", METHODS)
def test_a_layer_that_is_never_called_is_refused(method: Method) -> None:
    classifier = made(Aside)
    with pytest.raises(ConfigError, match="aside"):
        purify(classifier, images(classifier.spec), one_step(method, layers=("aside",)))


@pytest.mark.parametrize("method", METHODS)
def test_a_network_without_layers_is_refused(method: Method) -> None:
    pooled = made(lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    with pytest.raises(ConfigError, match="nothing to polarize"):
        purify(pooled, images(pooled.spec), one_step(method))


def test_what_nothing_takes_stays_as_it_was() -> None:
    """A transformer's mask token, say: it has no gradient."""
    classifier = made(Aside)
    result = purify(classifier, images(classifier.spec), one_step(Method.DEEP))
    before, after = (it.module.aside.weight for it in (classifier, result.classifier))
    assert torch.equal(before, after)
