"""The adapter, with a stand-in for BackdoorBench that has its calls and does nothing."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from benchmarks.defense.rivals.official_npd import OfficialNpd, import_npd
from polarizer.architectures import build
from polarizer.classifier import Classifier
from polarizer.description import InputSpec, PreActResNet18
from tests.benchmarks.defense.conftest import CLASSES, bars

CPU = torch.device("cpu")
SPEC = InputSpec(channels=1, height=8, width=8, mean=(0.4,), std=(0.2,))
FAKE = """
import absent_package.part as part
from absent_package import deeper, Thing
from torch import nn

class Sub(deeper.Base):
    def method(self, given: deeper.transforms.Normalize): ...

SEEN = []

class NPD:
    @staticmethod
    def add_arguments(parser):
        parser.add_argument("--warm_epochs", default=5)
        parser.add_argument("--batch_size", default=4)
        parser.add_argument("--target_layer_name", default="layer4.1.conv1")
        parser.add_argument("--frequency_save", default=1)

    def __init__(self, args):
        assert args.yaml_path.endswith("cifar10.yaml")
        args.epochs, args.amp = 50, True
        self.args = args

    def set_devices(self):
        self.device = "cpu"

    def prepare_polarizer(self, model, args, loader):
        pixels, *_ = next(iter(loader))
        assert args is globals()["args"] and not args.amp
        restored = self.denormalization(pixels)
        assert 0 <= restored.min() and restored.max() <= 1.00001
        assert self.normalization(restored).allclose(pixels, atol=1e-5)
        channels = model.get_submodule(args.target_layer_name).in_channels
        return nn.Conv2d(channels, channels, 1)

    def train_npd(self, model, polarizer, loader, **named):
        Metric_Aggregator()({"loss": 1})
        for _ in range(args.warm_epochs + args.epochs):
            SEEN.append([len(labels) for _, labels, _, _, _ in loader])
            assert sum(self.evaluation(args, model, None, None)) == 0
        return polarizer
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "defense").mkdir()
    (tmp_path / "defense" / "npd.py").write_text(FAKE)
    modules = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


@pytest.fixture
def classifier() -> Classifier:
    network = build(PreActResNet18(width=1, channels=1, num_classes=CLASSES))
    return Classifier(network, SPEC)


def test_one_epoch_of_each_kind_is_timed_and_extrapolated(
    checkout: Path, classifier: Classifier
) -> None:
    generator = torch.Generator().manual_seed(0)
    outcome = OfficialNpd(checkout).repair(classifier, bars(9, 0), CPU, generator)
    assert outcome.classifier is None
    assert outcome.share == pytest.approx(2 / 55)
    assert outcome.full_seconds is not None
    assert outcome.full_seconds > 0
    assert "1 of 50 epochs" in outcome.note
    assert sys.modules["defense.npd"].SEEN == [[4, 4], [4, 4]]


def test_a_full_run_gives_the_network_with_its_polarizer(
    checkout: Path, classifier: Classifier
) -> None:
    generator = torch.Generator().manual_seed(0)
    outcome = OfficialNpd(checkout, full=True).repair(classifier, bars(8, 0), CPU, generator)
    assert len(sys.modules["defense.npd"].SEEN) == 55
    assert outcome.share == 1
    assert outcome.classifier is not None
    pixels = bars(8, 0).pixels()
    with torch.no_grad():
        assert not torch.allclose(outcome.classifier(pixels), classifier(pixels))
        polarizer = outcome.classifier.module.get_submodule("layer4.1.conv1").polarizer
        polarizer.weight.copy_(torch.eye(len(polarizer.weight))[:, :, None, None])
        polarizer.bias.zero_()
        assert torch.allclose(outcome.classifier(pixels), classifier(pixels), atol=1e-6)
    assert not any("polarizer" in name for name, _ in classifier.named_modules())


def test_a_library_may_look_for_a_package_that_was_replaced(checkout: Path) -> None:
    import_npd(checkout)
    assert importlib.util.find_spec("absent_package") is not None


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no checkout of BackdoorBench"):
        import_npd(tmp_path)


def test_a_missing_module_of_its_own_is_not_made_up(checkout: Path) -> None:
    (checkout / "defense" / "npd.py").write_text("import utils.gone")
    with pytest.raises(ModuleNotFoundError, match="utils"):
        import_npd(checkout)
