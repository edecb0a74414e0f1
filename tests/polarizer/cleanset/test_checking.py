"""The check as a whole: what it finds on sets that are poor in a known way, and what it leaves."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from polarizer.classifier import Classifier
from polarizer.cleanset import CleanSetReport, Severity, check
from polarizer.errors import (
    DatasetFormatError,
    DatasetImagesError,
    DatasetLabelsError,
    ModelValueError,
)
from polarizer.images import LabelledImages
from tests.polarizer.cleanset.sets import (
    CLASSES,
    SPEC,
    classifier,
    clean_set,
    pictures,
    relabelled,
)


def changed(change: Callable[[Tensor], Tensor]) -> LabelledImages:
    clean = clean_set()
    return LabelledImages(change(clean.images).contiguous(), clean.labels)


def test_a_good_set_gives_no_finding() -> None:
    report = check(classifier(), clean_set())

    assert report.findings == ()
    assert report.images == report.looked_at == 400
    assert report.agreement > 0.95
    assert report.wrong_labels == report.near_duplicates == 0
    assert report.shift is not None
    assert report.shift < 0.5


@pytest.mark.parametrize("count", [40, 80, 160, 240])
def test_the_estimate_of_wrong_labels_grows_with_their_number(count: int) -> None:
    report = check(classifier(), relabelled(clean_set(), count))

    assert report.wrong_labels == pytest.approx(count / 400, abs=0.05)
    finding = next(item for item in report.findings if item.code == "wrong-labels")
    assert finding.count == pytest.approx(count, rel=0.1)
    assert all(position < count for position in finding.examples)
    assert finding.severity is (Severity.SERIOUS if count >= 80 else Severity.WARNING)


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("inverted-colours", lambda images: 255 - images),
        ("upside-down", lambda images: images.flip(2)),
        ("transposed", lambda images: images.mT),
        ("rotated", lambda images: images.rot90(1, (2, 3))),
        ("rotated", lambda images: images.rot90(3, (2, 3))),
        ("narrow-range", lambda images: (images > 127).to(torch.uint8)),
        ("another-distribution", lambda images: images // 3),
        ("blank-images", lambda images: images * 0 + 9),
    ],
)
def test_images_that_were_prepared_otherwise(code: str, change: Callable[[Tensor], Tensor]) -> None:
    report = check(classifier(), changed(change))

    assert code in report.codes()
    assert report.findings[0].severity is Severity.SERIOUS


def test_swapped_channels_matter_only_where_the_model_sees_colours() -> None:
    """All pictures here differ in one channel only, which a swap moves away."""
    coloured = classifier(0.02)
    weight = coloured.module.head.weight.data.view(CLASSES, 3, -1)
    weight[:, 1:] = 0
    weight[:, 0] *= 3

    assert "swapped-channels" in check(coloured, changed(lambda images: images.flip(1))).codes()


@pytest.mark.parametrize("step", [1, 3])
def test_all_labels_off_by_a_number(step: int) -> None:
    clean = clean_set()
    report = check(classifier(), LabelledImages(clean.images, (clean.labels + step) % CLASSES))

    assert [finding.code for finding in report.findings] == ["permuted-labels"]
    assert f"off by {CLASSES - step}" in report.findings[0].message
    assert report.findings[0].count == 400


def test_two_classes_that_changed_places_are_named() -> None:
    clean = clean_set()
    labels = clean.labels.clone()
    labels[clean.labels == 3], labels[clean.labels == 5] = 5, 3
    names = [f"kind {label}" for label in range(CLASSES)]

    (finding,) = check(classifier(), LabelledImages(clean.images, labels), classes=names).findings

    assert finding.code == "permuted-labels"
    assert "kind 3 looks like kind 5" in finding.message
    assert finding.count == 80


@pytest.mark.parametrize("count", [20, 30])
def test_a_class_in_which_many_images_are_of_another(count: int) -> None:
    """40 twos, and so many sevens among them."""
    clean = clean_set()
    labels = clean.labels.clone()
    labels[(clean.labels == 7).nonzero()[:count, 0]] = 2

    (finding,) = check(classifier(), LabelledImages(clean.images, labels)).findings

    assert (finding.code, finding.label, finding.count) == ("class-disagrees", 2, count)
    assert "labelled 2 7" in finding.message
    assert all(clean.labels[position] == 7 for position in finding.examples)


def test_foreign_images_among_the_clean_ones_are_not_silent() -> None:
    clean = clean_set()
    images = clean.images.clone()
    images[:200] = torch.randint(0, 256, (200, 3, 8, 8), dtype=torch.uint8)

    assert check(classifier(), LabelledImages(images, clean.labels)).findings


def test_a_set_that_is_too_large_is_looked_at_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polarizer.cleanset.checking.MOST_LOOKED_AT", 300)

    report = check(classifier(), clean_set(10).select(torch.arange(500) % 10))

    assert (report.images, report.looked_at) == (500, 300)
    assert report.near_duplicates > 0.9
    assert "near-duplicates" in report.codes()


def test_examples_are_positions_in_the_whole_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polarizer.cleanset.checking.MOST_LOOKED_AT", 300)
    clean = relabelled(clean_set(), 120)

    examples = [i for item in check(classifier(), clean).findings for i in item.examples]

    assert examples
    assert all(position < 120 for position in examples)
    assert max(examples) > 60


def test_the_most_severe_finding_comes_first_and_every_message_is_short() -> None:
    clean = relabelled(clean_set(40), 20)
    report = check(classifier(), LabelledImages(clean.images // 3, clean.labels))

    severities = [list(Severity).index(finding.severity) for finding in report.findings]
    assert severities == sorted(severities, reverse=True)
    assert all(0 < len(finding.message) <= 1000 for finding in report.findings)


def test_the_model_is_left_as_it_was_and_equal_seeds_agree() -> None:
    model = classifier()
    before = deepcopy(model.state_dict())

    first, second = (check(model, relabelled(clean_set(), 60), seed=4) for _ in range(2))

    assert first == second
    assert not any(module._forward_pre_hooks for module in model.modules())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_a_network_without_batch_normalisation_has_no_shift() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, CLASSES))

    report: CleanSetReport = check(Classifier(network, SPEC), clean_set())

    assert report.shift is None


def test_input_errors() -> None:
    model, clean = classifier(), clean_set(20)
    with pytest.raises(DatasetImagesError):
        check(model, clean.select(torch.arange(0)))
    with pytest.raises(DatasetLabelsError, match="label 10"):
        check(model, LabelledImages(clean.images, clean.labels + 1))
    with pytest.raises(DatasetFormatError):
        check(model, LabelledImages(clean.images[:, :, 1:], clean.labels))
    model.module.head.bias.data.fill_(float("nan"))
    with pytest.raises(ModelValueError):
        check(model, clean)


def test_the_better_explanation_wins() -> None:
    """Standing on their heads, these pictures of two classes are taken for each other."""
    twisted = classifier()
    upside_down = pictures().flip(2)
    weight = twisted.module.head.weight.data.view(CLASSES, 3, 8, 8)
    shapes = twisted.module.norm((upside_down - 0.5) / 0.25)
    weight[3] += 0.2 * shapes[5]
    weight[5] += 0.2 * shapes[3]

    report = check(twisted, changed(lambda images: images.flip(2)))

    assert "upside-down" in report.codes()
    assert "permuted-labels" not in report.codes()
