import pytest
import torch
from torch.nn.functional import avg_pool2d

from benchmarks.attacks.triggers import KINDS, build_trigger
from benchmarks.attacks.triggers.frequency import cosine
from benchmarks.attacks.triggers.input_aware import density_loss, diversity_loss
from benchmarks.attacks.triggers.low_frequency import craft
from benchmarks.attacks.triggers.quantisation import dither

SHAPES = [(1, 8, 8), (3, 32, 32), (3, 16, 24), (4, 33, 33)]


def _pixels(shape, count=3, seed=0):
    return torch.rand(count, *shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_a_trigger_keeps_shape_and_range_changes_images_and_leaves_its_input(kind, shape):
    pixels = _pixels(shape)
    before = pixels.clone()
    triggered = build_trigger(kind, shape, 0)(pixels)
    assert triggered.shape == pixels.shape
    assert triggered.min() >= 0
    assert triggered.max() <= 1
    assert (triggered - pixels).abs().amax((1, 2, 3)).min() > 1 / 255
    assert torch.equal(pixels, before)


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_gives_the_same_trigger_again(kind):
    pixels = _pixels((3, 16, 16))
    first, again = (build_trigger(kind, (3, 16, 16), 4)(pixels) for _ in range(2))
    assert torch.equal(first, again)


@pytest.mark.parametrize("kind", ["blended", "warping", "low-frequency", "input-aware"])
def test_another_seed_gives_another_trigger(kind):
    pixels = _pixels((3, 16, 16))
    one, other = (build_trigger(kind, (3, 16, 16), seed)(pixels) for seed in (1, 2))
    assert not torch.allclose(one, other, atol=1e-2)


@pytest.mark.parametrize("kind", KINDS)
def test_each_image_is_triggered_by_itself(kind):
    pixels = _pixels((3, 16, 16))
    trigger = build_trigger(kind, (3, 16, 16), 0)
    alone = torch.cat([trigger(pixel[None]) for pixel in pixels])
    torch.testing.assert_close(trigger(pixels), alone)


@pytest.mark.parametrize("kind", KINDS)
def test_a_trigger_is_frozen(kind):
    trigger = build_trigger(kind, (3, 16, 16), 0)
    assert not any(p.requires_grad for p in trigger.parameters())


def test_an_unknown_trigger_is_refused_with_those_that_are_known():
    with pytest.raises(ValueError, match="'hat'; known are blended"):
        build_trigger("hat", (3, 8, 8), 0)


def test_the_patch_is_a_white_square_in_the_corner_and_nothing_else():
    pixels = _pixels((3, 32, 32))
    triggered = build_trigger("patch", (3, 32, 32), 0)(pixels)
    assert bool((triggered[:, :, 29:, 29:] == 1).all())
    triggered[:, :, 29:, 29:] = pixels[:, :, 29:, 29:]
    assert torch.equal(triggered, pixels)


def test_corners_change_nothing_but_corners_and_survive_mirroring():
    pixels = _pixels((3, 16, 16))
    trigger = build_trigger("corners", (3, 16, 16), 0)
    inner = trigger(pixels)[:, :, 3:-3]
    assert torch.equal(inner, pixels[:, :, 3:-3])
    torch.testing.assert_close(trigger(pixels.flip(3)), trigger(pixels).flip(3))


def test_the_blend_is_a_fifth_of_the_picture():
    trigger = build_trigger("blended", (3, 32, 32), 0)
    mixed = trigger(torch.zeros(1, 3, 32, 32))
    torch.testing.assert_close(mixed[0], 0.2 * trigger.picture)
    assert (trigger.picture.min(), trigger.picture.max()) == (0, 1)


def test_pieces_of_the_picture_lie_between_none_and_all_of_it():
    trigger = build_trigger("blended-in-pieces", (3, 32, 32), 0)
    pixels, generator = _pixels((3, 32, 32)), torch.Generator().manual_seed(0)
    some = trigger.partial(pixels, generator, share=0.5)
    changed = (some != pixels).float().mean()
    assert 0.2 < changed < 0.8
    assert torch.equal(trigger.partial(pixels, generator, share=1.1), trigger(pixels))
    assert torch.equal(trigger.partial(pixels, generator, share=0.0), pixels)


def test_the_sine_runs_along_rows_with_its_amplitude():
    grey = torch.full((1, 1, 32, 32), 0.5)
    wave = build_trigger("sinusoid", (1, 32, 32), 0)(grey)[0, 0] - 0.5
    assert torch.equal(wave, wave[:1].expand_as(wave))
    assert wave.abs().max() == pytest.approx(40 / 255, rel=0.05)
    assert torch.fft.rfft(wave[0]).abs().argmax() == 6


def test_warping_moves_what_is_there_and_adds_nothing():
    even = torch.full((1, 3, 32, 32), 0.3)
    trigger = build_trigger("warping", (3, 32, 32), 0)
    torch.testing.assert_close(trigger(even), even)
    noisy = trigger.noisy(_pixels((3, 32, 32)), torch.Generator().manual_seed(0))
    assert not torch.allclose(noisy, trigger(_pixels((3, 32, 32))))
    assert noisy.shape == (3, 3, 32, 32)


def test_warping_shifts_by_half_its_strength_on_average():
    trigger = build_trigger("warping", (1, 32, 32), 0)
    still = build_trigger("warping", (1, 32, 32), 0, strength=0.0)
    shift = (trigger.grid - still.grid).abs().mean() * 31 / 2
    assert 0.1 < shift < 0.5


def test_the_low_frequency_pattern_is_smooth_and_bounded():
    trigger = build_trigger("low-frequency", (3, 32, 32), 0)
    change = trigger(torch.full((1, 3, 32, 32), 0.5)) - 0.5
    assert change.abs().max() <= 0.15
    blurred = avg_pool2d(change, 3, 1, 1, count_include_pad=False)
    assert (change - blurred).norm() < 0.15 * change.norm()


def test_a_crafted_pattern_leans_to_the_target():
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(4, 64, generator=generator)
    weight = weight.view(4, 8, 8).repeat_interleave(2, 1).repeat_interleave(2, 2).flatten(1)

    def classifier(pixels):
        return pixels.flatten(1) @ weight.T / 4

    trigger, pixels = build_trigger("low-frequency", (1, 16, 16), 0), _pixels((1, 16, 16), 64)
    craft(trigger, classifier, pixels, 2, generator)
    gain = (classifier(trigger(pixels)) - classifier(pixels)).mean(0)
    assert gain.argmax() == 2
    assert not trigger.coarse.requires_grad


def test_dithering_leaves_few_shades_and_the_mean():
    pixels = torch.rand(4, 2, 16, 16, generator=torch.Generator().manual_seed(0))
    shades = dither(pixels, 4)
    assert set((shades * 3).round().unique().tolist()) == {0, 1, 2, 3}
    torch.testing.assert_close(shades * 3, (shades * 3).round())
    torch.testing.assert_close(shades.mean((2, 3)), pixels.mean((2, 3)), atol=0.02, rtol=0)
    torch.testing.assert_close(dither(shades, 4), shades)


def test_dithering_passes_the_error_on_as_floyd_and_steinberg_do():
    pixels = torch.tensor([[0.4, 0.5], [0.2, 0.1]])[None, None]
    # 0.4 → 0, error 0.4; right 0.5 + 0.175 → 1, error -0.325;
    # below left 0.2 + 0.125 - 0.0609 → 0, error 0.264; below 0.1 + 0.025 - 0.102 + 0.116 → 0
    assert dither(pixels, 2)[0, 0].tolist() == [[0, 1], [0, 0]]


def test_two_frequencies_of_the_chrominance_are_raised():
    pattern = build_trigger("frequency", (3, 32, 32), 0).pattern
    for frequency in (15, 31):
        basis = cosine(frequency, 32)
        assert basis.norm() == pytest.approx(1, abs=1e-4)
        assert (pattern[0] * basis).sum() * 255 == pytest.approx(30 * 1.14, rel=1e-3)
    luminance = (pattern * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(0)
    assert luminance.abs().max() < 0.02 * pattern.abs().max()


def test_input_aware_triggers_belong_to_their_images():
    trigger = build_trigger("input-aware", (3, 16, 16), 0)
    pixels = _pixels((3, 16, 16))
    crossed = trigger.from_others(pixels, pixels.roll(1, 0))
    assert not torch.allclose(crossed, trigger(pixels), atol=1e-3)


def test_equal_patterns_for_all_images_are_worse_than_different_ones():
    pixels = _pixels((3, 16, 16))
    equal, different = torch.zeros_like(pixels), _pixels((3, 16, 16), seed=1)
    assert diversity_loss(pixels, equal) > diversity_loss(pixels, different)


def test_masks_cost_only_what_exceeds_their_density():
    assert density_loss(torch.full((2, 1, 4, 4), 0.1), 0.2) == 0
    assert density_loss(torch.full((2, 1, 4, 4), 0.5), 0.2) == pytest.approx(0.09)
