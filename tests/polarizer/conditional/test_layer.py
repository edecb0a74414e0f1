from __future__ import annotations

import pytest
import torch

from polarizer.conditional.layer import Base, attach_conditioned, conditioned
from polarizer.config import CONDITIONING, Method
from polarizer.errors import ConfigError
from tests.polarizer.networks import CLASSES, TinyCnn

IMAGES = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
FORMS = pytest.mark.parametrize("method", CONDITIONING)


@FORMS
@pytest.mark.parametrize("layer", ["down", "depthwise", "head"])
def test_untrained_it_changes_nothing_for_any_class(method: Method, layer: str) -> None:
    network = TinyCnn().eval()
    expected = network(IMAGES)
    attach_conditioned(network, layer, method, CLASSES, torch.Generator())
    with conditioned(network, torch.tensor([0, 1, 2, 0])):
        assert torch.allclose(network(IMAGES), expected, atol=1e-6)


@FORMS
def test_without_a_class_it_does_not_run(method: Method) -> None:
    network = TinyCnn().eval()
    attach_conditioned(network, "down", method, CLASSES)
    with pytest.raises(ConfigError, match=r"call it through polarizer\.Classifier"):
        network(IMAGES)


def test_as_the_base_it_is_the_layer_as_it_was() -> None:
    network = TinyCnn().eval()
    expected = network(IMAGES)
    wrapper = attach_conditioned(network, "down", Method.R_CNPD, CLASSES)
    torch.nn.init.normal_(wrapper.polarizer.deviations)  # type: ignore[arg-type]
    with conditioned(network, Base.BASE):
        assert torch.equal(network(IMAGES), expected)


def test_the_condition_ends_with_its_block_also_when_it_raises() -> None:
    network = TinyCnn()
    wrapper = attach_conditioned(network, "down", Method.E_CNPD, CLASSES)
    with pytest.raises(ZeroDivisionError), conditioned(network, Base.BASE):
        raise ZeroDivisionError
    assert wrapper.condition is None


def test_rows_of_one_image_share_its_class() -> None:
    network = TinyCnn().eval()
    wrapper = attach_conditioned(network, "head", Method.R_CNPD, CLASSES)
    torch.nn.init.normal_(wrapper.polarizer.shifts)  # type: ignore[arg-type]
    windows = torch.rand(6, 8)  # three images, cut in two
    with conditioned(network, torch.tensor([2, 0, 1])):
        rows = wrapper(windows)
    with conditioned(network, torch.tensor([2, 2, 0, 0, 1, 1])):
        assert torch.allclose(rows, wrapper(windows), atol=1e-6)
    four = torch.zeros(4, dtype=torch.int64)
    with conditioned(network, four), pytest.raises(ConfigError, match="6 rows for 4 images"):
        wrapper(windows)


def test_a_layer_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="'dwon'.*down"):
        attach_conditioned(TinyCnn(), "dwon", Method.R_CNPD, CLASSES)


def test_neither_network_silently_takes_the_weights_of_the_other() -> None:
    base, defended = TinyCnn(), TinyCnn()
    attach_conditioned(defended, "down", Method.R_CNPD, CLASSES)

    into_defended = defended.load_state_dict(base.state_dict(), strict=False)
    into_base = base.load_state_dict(defended.state_dict(), strict=False)

    assert {"down.layer.weight", "down.polarizer.deviations"} <= set(into_defended.missing_keys)
    assert "down.weight" in into_base.missing_keys
