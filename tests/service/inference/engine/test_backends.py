"""Every backend gives eager torch's answers, for every architecture, with and without an alarm."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from service.inference.engine import choosing, onnx_backend
from service.inference.engine.backends import EagerBackend
from service.inference.engine.choosing import Choice
from service.inference.engine.fusing import adjacent
from service.inference.engine.improving import Improvement, Source, candidates
from service.inference.engine.served import ServedModel
from tests.polarizer.alarm.pairs import ARCHITECTURES, base_of, pixels_for, purified_of

CPU = torch.device("cpu")
WITH_BATCH_NORM = {"small_cnn": 3, "preact_resnet18": 8, "resnet20": 19, "vgg19_bn": 16}

needs_onnx = pytest.mark.skipif(
    not onnx_backend.is_available(), reason="the extra `onnx` is not installed"
)


def source(name: str, *, alarm: bool) -> Source:
    base = base_of(name)
    return Source(purified_of(base), base if alarm else None)


@pytest.mark.parametrize("alarm", [False, True])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_fused_network_agrees(name: str, alarm: bool) -> None:
    its = source(name, alarm=alarm)
    eager = EagerBackend(its.network(fused=False), CPU)
    fused = candidates(its, CPU)["fused"]()
    assert choosing.agrees(fused, eager, its.purified.spec)


@needs_onnx
@pytest.mark.parametrize(
    ("name", "alarm"), [("small_cnn", True), ("preact_resnet18", False), ("resnet20", True)]
)
def test_the_exported_network_agrees(name: str, alarm: bool) -> None:
    its = source(name, alarm=alarm)
    eager = EagerBackend(its.network(fused=False), CPU)
    exported = candidates(its, CPU)["onnxruntime"]()
    assert choosing.agrees(exported, eager, its.purified.spec)


@pytest.mark.parametrize("name", WITH_BATCH_NORM)
def test_batch_norms_right_after_a_convolution_are_found(name: str) -> None:
    base = base_of(name)
    pairs = adjacent(base, pixels_for(base, 2))
    assert len(pairs) == WITH_BATCH_NORM[name]
    for convolution, norm in pairs:
        assert isinstance(base.get_submodule(convolution), nn.Conv2d)
        assert isinstance(base.get_submodule(norm), nn.BatchNorm2d)


class Fake:
    """Answers with the sum of each image, and something more."""

    def __init__(self, name: str, more: float = 0.0, *, fails: bool = False) -> None:
        self.name = name
        self.nbytes = 1
        self._more = more
        self.fails = fails

    def __call__(self, pixels: Tensor) -> Tensor:
        if self.fails:
            raise RuntimeError(f"{self.name} fails")
        return pixels.flatten(1).sum(1, keepdim=True) + self._more


def improved(tmp_path: Path, backend: Fake) -> ServedModel:
    served = ServedModel(Fake("eager"), fall_back=lambda: Fake("eager"))
    spec = base_of("small_cnn").spec
    makes = {backend.name: lambda: backend}
    Improvement(spec, served, CPU, lambda: makes, tmp_path / "choice", lambda *_: None).run()
    return served


@pytest.mark.parametrize("backend", [Fake("fused", 0.1), Fake("fused", fails=True)])
def test_a_backend_that_fails_or_differs_is_not_taken(tmp_path: Path, backend: Fake) -> None:
    assert improved(tmp_path, backend).backend.name == "eager"


def test_a_model_that_is_gone_is_not_measured(tmp_path: Path) -> None:
    served = ServedModel(Fake("eager"), fall_back=lambda: Fake("eager"))
    spec = base_of("small_cnn").spec
    improvement = Improvement(
        spec, served, CPU, lambda: pytest.fail("made"), tmp_path / "choice", lambda *_: None
    )
    del served
    improvement.run()
    assert not list(tmp_path.iterdir())


def test_a_choice_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    choosing.remember(tmp_path / "choice", "cpu", Choice("fused", 16))
    monkeypatch.setattr(choosing, "measure", None)  # nothing is measured any more
    served = improved(tmp_path, Fake("fused"))
    assert (served.backend.name, served.most_rows) == ("fused", 16)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"backend": "fused", "surroundings": {}}'])
def test_a_note_that_is_damaged_or_of_elsewhere_is_ignored(tmp_path: Path, text: str) -> None:
    (tmp_path / "choice").write_text(text)
    assert choosing.recall(tmp_path / "choice", "cpu") is None


def test_the_fastest_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = {"eager": 1.0, "fused": 2.0}
    monkeypatch.setattr(
        choosing, "measure", lambda backend, _: choosing.Speed(scores[backend.name], 32)
    )
    served = improved(tmp_path, Fake("fused"))
    assert (served.backend.name, served.most_rows) == ("fused", 32)
    assert choosing.recall(tmp_path / "choice", "cpu") == Choice("fused", 32)


def test_a_backend_that_fails_later_is_replaced_by_eager() -> None:
    served = ServedModel(Fake("eager"), fall_back=lambda: Fake("eager"))
    served.use(Fake("fused", fails=True), 32)
    pixels = torch.rand(2, 1, 8, 8)
    expected = Fake("eager")(pixels)
    torch.testing.assert_close(served.compute(pixels).logits, expected)
    served.use(Fake("fused", fails=True), 32)  # found too late
    assert served.backend.name == "eager"
