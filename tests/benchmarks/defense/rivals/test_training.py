from __future__ import annotations

import torch
from torch import nn

from benchmarks.defense.rivals.training import augmented, batches, cycled, statistics_kept
from tests.benchmarks.defense.conftest import bars

CPU = torch.device("cpu")


def test_an_epoch_gives_every_image_once() -> None:
    images = bars(10, seed=0)
    labels = [part for _, part in batches(images, 4, CPU, torch.Generator().manual_seed(0))]
    assert [len(part) for part in labels] == [4, 4, 2]
    assert torch.equal(torch.cat(labels).sort().values, images.labels.sort().values)


def test_a_last_single_image_is_left_out() -> None:
    sizes = [len(y) for _, y in batches(bars(9, 0), 4, CPU, torch.Generator().manual_seed(0))]
    assert sizes == [4, 4]


def test_batches_go_round_until_there_are_enough() -> None:
    images = bars(10, seed=0)
    drawn = list(cycled(5, images, 4, CPU, torch.Generator().manual_seed(0)))
    assert [len(labels) for _, labels in drawn] == [4, 4, 2, 4, 4]


def test_augmentation_shifts_by_at_most_an_eighth_and_mirrors_colour_only() -> None:
    grey, colour = torch.rand(64, 1, 16, 16), torch.rand(64, 3, 16, 16)
    for pixels, mirrored in ((grey, False), (colour, True)):
        out = augmented(pixels, torch.Generator().manual_seed(0))
        seen = set()
        for before, after in zip(pixels, out, strict=True):
            for flip in (False, True):
                source = nn.functional.pad(before.flip(-1) if flip else before, (2,) * 4)
                for top in range(5):
                    for left in range(5):
                        if torch.equal(source[:, top : top + 16, left : left + 16], after):
                            seen.add((top, left, flip))
        assert len({place[:2] for place in seen}) > 10
        assert any(flip for *_, flip in seen) == mirrored
        assert out.shape == pixels.shape


def test_statistics_stay_within_the_block_only() -> None:
    norm = nn.BatchNorm2d(3).train()
    with statistics_kept(norm):
        norm(5 + torch.rand(4, 3, 2, 2))
    assert torch.equal(norm.running_mean, torch.zeros(3))
    norm(5 + torch.rand(4, 3, 2, 2))
    assert norm.running_mean.min() > 0.4
