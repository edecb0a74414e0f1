"""BackdoorBench's own NPD, run from the user's checkout (CC BY-NC: nothing of it is kept here).

It gets our network and images and its own CIFAR-10 configuration, in float32; its evaluation on the
attack's test set, which it does after every epoch, is switched off and not timed. It is written for
one architecture, PreAct-ResNet18, and takes 50 epochs after 5 of warm-up. Unless ``full``, one of
each is run and the time of all is extrapolated; there is no repaired model to judge then.

Packages that it imports and this environment lacks (torchvision, pandas, …) are replaced by empty
stand-ins: the training itself uses none of them.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import torch
from torch import Tensor, nn

from benchmarks.defense.rivals.outcome import Outcome
from benchmarks.defense.rivals.training import batches
from polarizer.architectures.preact_resnet import PreActResNet
from polarizer.classifier import Classifier
from polarizer.images import LabelledImages

_MOST_STAND_INS = 100


@dataclass(frozen=True)
class OfficialNpd:
    """``checkout``: the folder that holds ``defense/npd.py``."""

    checkout: Path
    full: bool = False

    def repair(
        self,
        classifier: Classifier,
        clean: LabelledImages,
        device: torch.device,
        generator: torch.Generator,
    ) -> Outcome:
        """Train its polarizer before ``layer4.1.conv1`` of a copy.

        Raises :class:`ValueError` for another architecture or a folder without BackdoorBench.
        """
        if not isinstance(classifier.module, PreActResNet):
            raise ValueError("official_npd supports PreAct-ResNet18 only")
        npd = import_npd(self.checkout)
        copied = deepcopy(classifier).to(device, torch.float32).eval()
        with tempfile.TemporaryDirectory(prefix="official-npd-") as folder:
            settings = _settings(npd, self.checkout, copied, device, folder)
            published = (settings.warm_epochs, settings.epochs)
            if not self.full:
                settings.warm_epochs, settings.epochs = 1, 1
            loader = _Loader(clean, settings.batch_size, copied, device, generator)
            clock = _EpochClock()
            polarizer = _train(npd, settings, copied, loader, clock)
        if not self.full:
            return _timed(clock, published)
        _keep(polarizer, copied.module.get_submodule(settings.target_layer_name))
        return Outcome(copied.requires_grad_(False).eval().to("cpu"))


def import_npd(checkout: Path) -> ModuleType:
    """BackdoorBench's ``defense.npd``; :class:`ValueError` when the folder does not hold it."""
    if not (checkout / "defense" / "npd.py").is_file():
        raise ValueError(f"{checkout} is no checkout of BackdoorBench: it has no defense/npd.py")
    if str(checkout) not in sys.path:
        sys.path.insert(0, str(checkout))
    for _ in range(_MOST_STAND_INS):
        try:
            return importlib.import_module("defense.npd")
        except ModuleNotFoundError as missing:
            if missing.name is None or missing.name.split(".")[0] in ("defense", "utils"):
                raise
            sys.modules[missing.name] = _StandIn(missing.name)
    raise ValueError(f"{checkout} imports too many packages that are not installed")


class _Anything(type):
    """A class that has every attribute, itself a class of this kind."""

    def __getattr__(cls, name: str) -> type:
        return _stand_in(name)


class _StandIn(ModuleType):
    """Takes the place of a package that is not installed."""

    __path__: list[str] = []
    __all__: list[str] = []

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__spec__ = ModuleSpec(name, None)  # libraries ask it whether the package is there

    def __getattr__(self, name: str) -> type:
        return _stand_in(name)


def _stand_in(name: str) -> type:
    if name.startswith("__"):
        raise AttributeError(name)
    return _Anything(name, (), {"__init__": lambda *_, **__: None})


@dataclass
class _EpochClock:
    """Stands in for the evaluation, which is called once an epoch; notes when."""

    ends: list[float] = field(default_factory=lambda: [time.perf_counter()])

    def __call__(self, *_: object) -> tuple[float, ...]:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.ends.append(time.perf_counter())
        return (0.0,) * 6


class _Loader:
    """Yields what its own loader would: normalised images, labels, index, poison mark, labels."""

    def __init__(
        self,
        clean: LabelledImages,
        size: int,
        classifier: Classifier,
        device: torch.device,
        generator: torch.Generator,
    ) -> None:
        self._parts = (clean, size, device, generator)
        self._classifier = classifier

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        for pixels, labels in batches(*self._parts):
            normalised = (pixels - self._classifier.mean) / self._classifier.std
            yield normalised, labels, labels, torch.zeros_like(labels), labels

    def __len__(self) -> int:
        clean, size, *_ = self._parts
        return -(-len(clean) // size)


def _settings(
    npd: Any,  # noqa: ANN401
    checkout: Path,
    classifier: Classifier,
    device: torch.device,
    folder: str,
) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    npd.NPD.add_arguments(parser)
    settings = parser.parse_args([])
    settings.yaml_path = str(checkout / "config" / "defense" / "npd" / "cifar10.yaml")
    settings.dataset, settings.device, settings.save_path = "cifar10", str(device), f"{folder}/"
    settings.result_file = None
    settings = npd.NPD(settings).args
    settings.amp = False
    spec = classifier.spec
    settings.input_channel, settings.input_height, settings.input_width = (
        *(spec.channels, spec.height, spec.width),
    )
    return settings


def _train(
    npd: Any,  # noqa: ANN401
    settings: argparse.Namespace,
    classifier: Classifier,
    loader: _Loader,
    clock: _EpochClock,
) -> nn.Module:
    defense = npd.NPD.__new__(npd.NPD)
    defense.args, defense.evaluation = settings, clock
    defense.set_devices()
    defense.normalization = lambda pixels: (pixels - classifier.mean) / classifier.std
    defense.denormalization = lambda inputs: inputs * classifier.std + classifier.mean
    npd.args, npd.Metric_Aggregator = settings, MagicMock
    npd.plug_layer = defense.prepare_polarizer(classifier.module, settings, loader)
    clock.ends[:] = [time.perf_counter()]
    trained: nn.Module = defense.train_npd(
        classifier.module,
        npd.plug_layer,
        loader,
        clean_test_dataloader=None,
        data_bd_loader=None,
        total_epoch_num=settings.epochs,
        criterion=nn.CrossEntropyLoss(),
        optimizer=None,
        scheduler=None,
        device=defense.device,
        frequency_save=settings.frequency_save,
        save_folder_path=settings.save_path,
        save_prefix="npd",
        prefetch=False,
        prefetch_transform_attr_name="",
        non_blocking=False,
    )
    return trained


def _timed(clock: _EpochClock, published: tuple[int, int]) -> Outcome:
    start, warm_end, end = clock.ends
    warm_epochs, epochs = published
    seconds = warm_epochs * (warm_end - start) + epochs * (end - warm_end)
    return Outcome(
        None,
        share=2 / (warm_epochs + epochs),
        full_seconds=seconds,
        note=f"1 of {warm_epochs} warm-up epochs and 1 of {epochs} epochs timed, extrapolated",
    )


def _keep(polarizer: nn.Module, layer: nn.Module) -> None:
    polarizer.eval().requires_grad_(False)
    layer.polarizer = polarizer

    def polarize(module: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
        return module.polarizer(inputs[0])  # type: ignore[no-any-return,operator]

    layer.register_forward_pre_hook(polarize)
