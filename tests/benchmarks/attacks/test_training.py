import pytest
import torch

from benchmarks.attacks.augmentation import mirrored, shifted
from benchmarks.attacks.training import share_of_rate


@pytest.mark.parametrize("steps", [40, 200])
def test_the_learning_rate_is_that_of_one_cycle(steps):
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([parameter], lr=1.0)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, 1.0, total_steps=steps, pct_start=0.1, cycle_momentum=False
    )
    for step in range(steps):
        assert share_of_rate(steps, step) == pytest.approx(optimiser.param_groups[0]["lr"])
        optimiser.step()
        if step < steps - 1:
            cycle.step()


@pytest.mark.parametrize("steps", [2, 3, 10, 11])
def test_the_learning_rate_is_positive_in_short_training_too(steps):
    assert all(0 < share_of_rate(steps, step) <= 1 for step in range(steps))


def test_a_shift_moves_each_image_by_itself_within_reach():
    pixels = torch.zeros(64, 2, 9, 9)
    pixels[:, :, 4, 4] = 1
    moved = shifted(pixels, torch.Generator().manual_seed(0), reach=2)
    places = moved[:, 0].flatten(1).argmax(1)
    down, right = places // 9 - 4, places % 9 - 4
    assert torch.equal(moved.sum((2, 3)), torch.ones(64, 2))
    for offsets in (down, right):
        assert set(offsets.tolist()) == {-2, -1, 0, 1, 2}
    assert not torch.equal(down, right)


def test_mirroring_turns_about_half_of_the_images():
    pixels = torch.rand(200, 1, 4, 4)
    turned = mirrored(pixels, torch.Generator().manual_seed(0))
    same = (turned == pixels).flatten(1).all(1)
    assert torch.equal(turned[~same], pixels[~same].flip(3))
    assert 60 < int(same.sum()) < 140
