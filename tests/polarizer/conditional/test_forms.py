from __future__ import annotations

import pytest
import torch
from torch import nn

from polarizer.conditional.forms import MOST_REPLICAS, form
from polarizer.config import CONDITIONING, Method
from polarizer.errors import ConfigError

FORMS = pytest.mark.parametrize("method", CONDITIONING)
FEATURES = torch.randn(6, 5, 4, generator=torch.Generator().manual_seed(0))
CLASSES = torch.tensor([2, 0, 1, 2, 2, 0])


def some_form(method: Method, seed: int = 0) -> nn.Module:
    return form(method, channels=4, classes=3, generator=torch.Generator().manual_seed(seed))


def trained(method: Method) -> nn.Module:
    polarizer = some_form(method)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(1)
        for parameter in polarizer.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return polarizer


@FORMS
def test_untrained_it_is_the_identity(method: Method) -> None:
    assert torch.equal(some_form(method)(FEATURES, CLASSES), FEATURES)


@FORMS
def test_every_image_is_polarized_for_its_own_class(method: Method) -> None:
    polarizer = trained(method)
    together = polarizer(FEATURES, CLASSES)
    alone = [
        polarizer(image[None], of_image[None])
        for image, of_image in zip(FEATURES, CLASSES, strict=True)
    ]
    assert torch.allclose(together, torch.cat(alone), atol=1e-6)


@FORMS
@pytest.mark.parametrize("positions", [1, 5])
def test_the_class_makes_a_difference(method: Method, positions: int) -> None:
    polarizer, features = trained(method), FEATURES[:, :positions]
    changed = (CLASSES + 1) % 3
    assert (
        not torch.isclose(polarizer(features, CLASSES), polarizer(features, changed)).all(2).any()
    )


@FORMS
def test_every_parameter_is_drawn_from_the_generator_or_zero(method: Method) -> None:
    first, again, other = (some_form(method, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert all(not value.any() or not torch.equal(value, other[name])
               for name, value in first.items())  # fmt: skip


@FORMS
def test_every_parameter_is_trained(method: Method) -> None:
    polarizer = trained(method)
    polarizer(FEATURES, CLASSES).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0
               for parameter in polarizer.parameters())  # fmt: skip


def test_replicas_for_too_many_classes_are_refused() -> None:
    with pytest.raises(ConfigError, match=r'has 101; use "e-cnpd"'):
        form(Method.R_CNPD, channels=4, classes=MOST_REPLICAS + 1, generator=None)


@pytest.mark.parametrize("method", [Method.E_CNPD, Method.A_CNPD])
def test_embeddings_serve_many_classes(method: Method) -> None:
    polarizer = form(method, channels=4, classes=1000, generator=torch.Generator())
    classes = torch.tensor([999] * 6)
    assert torch.equal(polarizer(FEATURES, classes), FEATURES)
