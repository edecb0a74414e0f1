"""One pass says what two would, whatever the network, and computes only once what both share."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import nn

from polarizer.alarm.pairing import SideBySide, pair
from polarizer.classifier import Classifier
from polarizer.config import Method
from tests.polarizer.alarm.pairs import ARCHITECTURES, base_of, pixels_for, purified_of

CASES = [(name, Method.STAGE) for name in ARCHITECTURES]
CASES += [(name, Method.NPD) for name in ("small_cnn", "preact_resnet18", "huggingface-resnet")]


@pytest.mark.parametrize(("name", "method"), CASES)
def test_one_pass_gives_the_logits_of_both(name: str, method: Method) -> None:
    base = base_of(name)
    purified = purified_of(base, method)
    paired = pair(deepcopy(purified), deepcopy(base))
    assert not isinstance(paired, SideBySide), "a part is shared in each of these"
    for rows in (1, 4):
        pixels = pixels_for(base, rows)
        with torch.inference_mode():
            expected = torch.cat([purified(pixels), base(pixels)])
            found = paired(pixels)
        assert not torch.equal(expected[:rows], expected[rows:])
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_what_both_share_sees_each_image_once() -> None:
    base = base_of("preact_resnet18")
    paired = pair(purified_of(base), deepcopy(base))
    rows: dict[str, int] = {}
    for name in ("module.conv1", "module.layer3.1.conv2", "module.layer4.inner.0.conv1"):
        found = {n.replace(".inner", ""): m for n, m in paired.named_modules()}
        found[name.replace(".inner", "")].register_forward_hook(
            lambda _module, inputs, _output, name=name: rows.update({name: len(inputs[0])})
        )
    with torch.inference_mode():
        paired(pixels_for(base, 5))
    assert list(rows.values()) == [5, 5, 10]


def test_models_that_do_not_differ_can_be_paired() -> None:
    base = base_of("small_cnn")
    paired = pair(deepcopy(base), deepcopy(base))
    pixels = pixels_for(base, 3)
    with torch.inference_mode():
        torch.testing.assert_close(paired(pixels), base(pixels).repeat(2, 1))


class Mixed(nn.Module):
    """A shortcut around its layer, and answers that depend on the whole batch: no doubling is
    right."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        flat = images.flatten(1)
        return self.layer(flat) + flat.sum(1, keepdim=True) + len(images)


def test_a_network_that_cannot_be_paired_runs_twice() -> None:
    base = Classifier(Mixed(), base_of("small_cnn").spec)
    purified = deepcopy(base)
    purified.module.layer.weight.data += 1
    expected = [deepcopy(purified), deepcopy(base)]
    paired = pair(purified, base)
    assert isinstance(paired, SideBySide)
    pixels = pixels_for(base, 3)
    with torch.inference_mode():
        torch.testing.assert_close(paired(pixels), torch.cat([each(pixels) for each in expected]))
