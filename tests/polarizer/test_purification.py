from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from polarizer.classifier import Classifier
from polarizer.config import PurifyConfig
from polarizer.descent import RATE_OF_STREAMS
from polarizer.description import InputSpec
from polarizer.errors import (
    ArchitectureError,
    ConfigError,
    DatasetFormatError,
    DatasetImagesError,
    DatasetLabelsError,
    DivergenceError,
    ModelValueError,
    PolarizerError,
)
from polarizer.images import LabelledImages
from polarizer.planning import planned
from polarizer.progress import Checked, Part, Prepared, Progress, Started, StepDone
from polarizer.purification import purify
from tests.polarizer.networks import SPEC, TinyCnn, some_images, tiny_classifier


def settings(**given: Any) -> PurifyConfig:
    return PurifyConfig(
        **{"method": "stage", "steps": 4, "batch_size": 8, "check_every": 2, **given}
    )


NPD = settings(method="npd", steps=4, warmup_steps=1)
DEEP = settings(method="deep")
STAGE = settings(method="stage")
AUTO = settings(method="auto")
EACH = pytest.mark.parametrize(
    "config", [AUTO, DEEP, STAGE, NPD], ids=["auto", "deep", "stage", "npd"]
)


class Snapshot:
    """Everything about a module that a purification must leave alone."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.seen = self._look()
        self.state = deepcopy(module.state_dict())

    def _look(self) -> list[Any]:
        return [
            (name, type(m), m.training, len(m._forward_hooks), len(m._forward_pre_hooks))
            for name, m in self.module.named_modules()
        ] + [(name, id(p), p.requires_grad, p.grad) for name, p in self.module.named_parameters()]

    def assert_unchanged(self) -> None:
        assert self._look() == self.seen
        state = self.module.state_dict()
        assert list(state) == list(self.state)
        assert all(torch.equal(state[name], value) for name, value in self.state.items())


class Raising(TinyCnn):
    """Works a few times, then raises."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.calls = calls

    def forward(self, images: Tensor) -> Tensor:
        self.calls -= 1
        if self.calls < 0:
            raise ZeroDivisionError
        return super().forward(images)


@EACH
def test_the_given_classifier_is_left_alone(config: PurifyConfig) -> None:
    classifier = tiny_classifier()
    classifier.module.norm.train()
    classifier.module.head.requires_grad_(True)
    snapshot = Snapshot(classifier)

    result = purify(classifier, some_images(), config)

    snapshot.assert_unchanged()
    given = {value.data_ptr() for value in classifier.state_dict().values()}
    assert given.isdisjoint(v.data_ptr() for v in result.classifier.state_dict().values())
    assert not any(module.training for module in result.classifier.modules())
    assert not any(parameter.requires_grad for parameter in result.classifier.parameters())


@EACH
@pytest.mark.parametrize("calls", range(0, 12, 2))
def test_a_raising_module_is_left_alone(calls: int, config: PurifyConfig) -> None:
    classifier = Classifier(Raising(calls), SPEC)
    snapshot = Snapshot(classifier)

    with pytest.raises(ZeroDivisionError):
        purify(classifier, some_images(), config)

    snapshot.assert_unchanged()


def test_only_the_weights_of_the_last_stage_differ() -> None:
    classifier = tiny_classifier()

    result = purify(classifier, some_images(), settings())

    before, after = classifier.module.state_dict(), result.classifier.module.state_dict()
    assert result.layers == ("down", "depthwise")
    assert list(after) == list(before)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"down.weight", "depthwise.weight"}


def test_deep_changes_every_weight_and_no_statistic() -> None:
    classifier = tiny_classifier()

    result = purify(classifier, some_images(), DEEP)

    before, after = classifier.module.state_dict(), result.classifier.module.state_dict()
    assert result.layers == ("entry", "down", "depthwise", "head")
    assert list(after) == list(before)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name, _ in classifier.module.named_parameters()}


def test_deep_changes_the_named_layers_alone() -> None:
    classifier = tiny_classifier()

    result = purify(classifier, some_images(), settings(method="deep", layers=("down",)))

    before, after = classifier.module.state_dict(), result.classifier.module.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"down.weight", "down.bias"}


def test_npd_wraps_its_layer_and_changes_nothing_else() -> None:
    classifier = tiny_classifier()

    result = purify(classifier, some_images(), NPD)

    assert result.layers == ("down",)
    state = result.classifier.module.state_dict()
    renamed = {name.replace("down.", "down.layer."): value
               for name, value in classifier.module.state_dict().items()}  # fmt: skip
    assert {name for name in state if not name.startswith("down.polarizer.")} == set(renamed)
    assert all(torch.equal(state[name], value) for name, value in renamed.items())
    assert not torch.equal(state["down.polarizer.0.weight"].flatten(1), torch.eye(8))
    assert state["down.polarizer.1.running_mean"].abs().max() > 0


@EACH
def test_equal_seeds_give_equal_results(config: PurifyConfig) -> None:
    classifier, images = tiny_classifier(), some_images()
    other_seed = config.model_copy(update={"seed": 1})

    first, second, other = (
        purify(classifier, images, used).classifier.state_dict()
        for used in (config, config, other_seed)
    )

    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_the_global_random_state_is_not_touched() -> None:
    before = torch.random.get_rng_state()
    purify(tiny_classifier(), some_images(), settings())
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("config", [DEEP, STAGE, NPD], ids=["deep", "stage", "npd"])
def test_the_loss_falls(config: PurifyConfig) -> None:
    events: list[Progress] = []
    longer = config.model_copy(update={"steps": 80, "batch_size": 54, "check_every": 0})

    purify(tiny_classifier(), some_images(60), longer, on_progress=events.append)

    losses = [event.loss for event in events if isinstance(event, StepDone)]
    assert sum(losses[-10:]) < sum(losses[:10])


def test_progress_is_told_in_order() -> None:
    events: list[Progress] = []

    result = purify(tiny_classifier(), some_images(), settings(), on_progress=events.append)

    plan = planned(result.config, (3, 8, 8), 3, 27, 3)
    assert events[0] == Started(4, result.layers, result.trigger_norm, plan)
    told = [(type(event), event.step) for event in events[1:] if not isinstance(event, Started)]
    steps = [(StepDone, 1), (StepDone, 2), (StepDone, 3), (StepDone, 4)]
    assert told == [*steps, (Checked, 4)]
    assert result.steps == 4


def test_the_search_is_told_before_the_steps() -> None:
    events: list[Progress] = []

    purify(tiny_classifier(), some_images(), DEEP, on_progress=events.append)

    assert isinstance(events[0], Started)
    prepared = [event for event in events if isinstance(event, Prepared)]
    assert events[1 : 1 + len(prepared)] == prepared
    assert [event.step for event in prepared] == list(range(1, len(prepared) + 1))
    counts = {part: sum(event.part is part for event in prepared) for part in Part}
    plan = events[0].plan
    for part in (Part.SEARCH, Part.DOORS):
        assert counts[part] == plan[part].count
    assert counts[Part.AUGMENTATION] >= 2
    seconds = [event.seconds for event in events if not isinstance(event, Started)]
    assert seconds == sorted(seconds)


@pytest.mark.parametrize("part", [Part.SEARCH, Part.DOORS, Part.AUGMENTATION])
def test_a_listener_that_raises_stops_the_search(part: Part) -> None:
    classifier = tiny_classifier()
    snapshot = Snapshot(classifier)
    told: list[Progress] = []

    def stop(event: Progress) -> None:
        told.append(event)
        if isinstance(event, Prepared) and event.part is part:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        purify(classifier, some_images(), DEEP, on_progress=stop)
    snapshot.assert_unchanged()
    assert [event.part for event in told if isinstance(event, Prepared)].count(part) == 1


def test_a_listener_that_raises_stops_the_work() -> None:
    classifier = tiny_classifier()
    snapshot = Snapshot(classifier)

    def stop(event: Progress) -> None:
        if isinstance(event, StepDone) and event.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        purify(classifier, some_images(), settings(), on_progress=stop)
    snapshot.assert_unchanged()


def test_it_stops_early_and_keeps_the_best_check() -> None:
    events: list[Progress] = []
    hopeless = settings(
        steps=200, learning_rate=1.0, schedule="constant", check_every=1, patience=3
    )
    classifier, images = tiny_classifier(), some_images()

    result = purify(classifier, images, hopeless, on_progress=events.append)

    checks = [event for event in events if isinstance(event, Checked)]
    best = min(checks, key=lambda check: check.loss)
    assert result.steps == best.step + 3 < 200
    shorter = hopeless.model_copy(update={"steps": best.step, "check_every": 0})
    again = purify(classifier, images, shorter).classifier.state_dict()
    kept = result.classifier.state_dict()
    assert all(torch.allclose(again[name], value) for name, value in kept.items())


def test_the_images_held_out_are_the_first_draw_of_the_seed() -> None:
    images = some_images(60)
    config = settings(holdout=0.25, seed=5)

    result = purify(tiny_classifier(), images, config)

    expected = images.split(0.25, torch.Generator().manual_seed(5))[1]
    assert torch.equal(result.held_out.images, expected.images)


def one_class() -> LabelledImages:
    return some_images().select(some_images().labels == 1)


BAD_IMAGES: dict[str, tuple[LabelledImages, type[PolarizerError], str]] = {
    "empty": (some_images(0), DatasetImagesError, "no image"),
    "one class": (one_class(), DatasetLabelsError, "class 1"),
    "unknown class": (some_images(classes=4), DatasetLabelsError, "label 3"),
    "wrong size": (
        LabelledImages(torch.zeros(4, 3, 9, 8, dtype=torch.uint8), torch.tensor([0, 1, 2, 0])),
        DatasetFormatError,
        r"\(3, 9, 8\)",
    ),
}


@pytest.mark.parametrize(("images", "error", "message"), BAD_IMAGES.values(), ids=BAD_IMAGES)
def test_bad_clean_images_are_named(
    images: LabelledImages, error: type[PolarizerError], message: str
) -> None:
    with pytest.raises(error, match=message):
        purify(tiny_classifier(), images, settings())


def test_a_missing_layer_is_named() -> None:
    with pytest.raises(ConfigError, match="'dwon'.*down"):
        purify(tiny_classifier(), some_images(), settings(layers=["dwon"]))


def with_weight(value: float) -> nn.Module:
    network = TinyCnn()
    nn.init.constant_(network.head.weight, value)
    return network


class NoLogits(TinyCnn):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images)[:, :, None]


@pytest.mark.parametrize(
    ("network", "error"),
    [
        (with_weight(float("nan")), ModelValueError),
        (with_weight(float("inf")), ModelValueError),
        (NoLogits(), ArchitectureError),
    ],
    ids=["NaN", "infinite", "no logits"],
)
def test_a_model_without_finite_logits_is_named(
    network: nn.Module, error: type[PolarizerError]
) -> None:
    with pytest.raises(error):
        purify(Classifier(network, SPEC), some_images(), settings())


def test_divergence_is_named_with_its_step() -> None:
    wild = settings(
        optimizer="sgd", learning_rate=10.0, clean_weight=100.0, steps=100, check_every=0
    )

    with pytest.raises(DivergenceError, match=r"at step \d+"):
        purify(tiny_classifier(), some_images(), wild)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_handful_of_images_is_enough_to_run(count: int) -> None:
    result = purify(tiny_classifier(), some_images(count), settings())
    by_default = purify(tiny_classifier(), some_images(count), AUTO)

    assert result.steps == 4
    assert by_default.steps == 4


def test_the_configuration_says_what_the_images_decide() -> None:
    done = purify(tiny_classifier(), some_images(), PurifyConfig(steps=1)).config
    assert (done.batch_size, done.learning_rate) == (64, RATE_OF_STREAMS)  # by its depthwise layer
    given = PurifyConfig(steps=1, batch_size=5, learning_rate=0.01)
    kept = purify(tiny_classifier(), some_images(), given).config
    assert (kept.batch_size, kept.learning_rate) == (5, 0.01)


class Steep(nn.Module):
    """Answers that are finite for small scales only, whichever way the scale goes."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(64, 3)
        self.scale = nn.Parameter(torch.tensor(20.0))

    def forward(self, pixels: Tensor) -> Tensor:
        return self.head(pixels.flatten(1)) * self.scale.cosh()


def test_a_repaired_model_that_answers_no_numbers_is_no_repair() -> None:
    spec = InputSpec(channels=1, height=8, width=8, mean=(0.0,), std=(1.0,))
    pixels = torch.randint(0, 256, (12, 1, 8, 8), dtype=torch.uint8)
    clean = LabelledImages(pixels, torch.arange(12) % 3)
    leap = PurifyConfig(method="deep", steps=1, learning_rate=10.0, check_every=0, strength=1.0)
    with pytest.raises(DivergenceError, match="answers NaN or infinity"):
        purify(Classifier(Steep(), spec), clean, leap)
