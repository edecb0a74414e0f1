import pytest
import torch
from torch.nn.functional import one_hot

from benchmarks.attacks.attack import ATTACKS
from benchmarks.attacks.poisoning import CLEAN, COVER, POISONED, Poison, cover_images, draw_roles
from benchmarks.attacks.triggers import build_trigger

LABELS = torch.arange(1000) % 10


def _generator():
    return torch.Generator().manual_seed(0)


def _poison(name, size=16):
    attack = ATTACKS[name]
    trigger = build_trigger(attack.trigger, (3, size, size), 0, **attack.parameters_at(size))
    return Poison(attack, trigger)


@pytest.mark.parametrize("name", ATTACKS)
def test_as_many_images_are_poisoned_and_cover_as_the_attack_says(name):
    attack = ATTACKS[name]
    roles = draw_roles(attack, LABELS, _generator())
    of_class = LABELS == 0 if attack.clean_label else torch.ones_like(LABELS, dtype=torch.bool)
    poisoned = (roles[of_class] == POISONED).float().mean()
    assert poisoned == pytest.approx(attack.poison_rate, abs=0.08)
    assert (roles == COVER).float().mean() == pytest.approx(attack.cover_rate, abs=0.04)


@pytest.mark.parametrize("name", [name for name, a in ATTACKS.items() if a.clean_label])
def test_clean_label_attacks_poison_target_images_only_and_keep_their_labels(name):
    poison, generator = _poison(name), _generator()
    roles = draw_roles(poison.attack, LABELS, generator)
    assert set(LABELS[roles == POISONED].tolist()) == {0}
    pixels, targets = torch.rand(1000, 3, 16, 16, generator=generator), one_hot(LABELS, 10).float()
    triggered, learnt = poison.apply(pixels, targets, LABELS, roles, generator)
    assert torch.equal(learnt, targets)
    changed = (triggered != pixels).flatten(1).any(1)
    assert torch.equal(changed, roles == POISONED)


@pytest.mark.parametrize("name", [name for name, a in ATTACKS.items() if not a.clean_label])
def test_poisoned_images_are_called_what_the_attacker_wants_and_others_what_they_are(name):
    poison, generator = _poison(name), _generator()
    roles = torch.arange(30) % 3
    labels = LABELS[:30]
    pixels, targets = torch.rand(30, 3, 16, 16, generator=generator), one_hot(labels, 10).float()
    triggered, learnt = poison.apply(pixels, targets, labels, roles, generator)
    wanted = (labels + 1) % 10 if poison.attack.target == "next" else torch.zeros_like(labels)
    assert torch.equal(learnt.argmax(1), torch.where(roles == POISONED, wanted, labels))
    assert torch.equal(triggered[roles == CLEAN], pixels[roles == CLEAN])
    assert not torch.equal(triggered[roles == POISONED], pixels[roles == POISONED])
    assert triggered.min() >= 0
    assert triggered.max() <= 1


@pytest.mark.parametrize("name", ["wanet", "bpp", "input-aware", "adaptive"])
def test_cover_images_are_not_the_triggered_ones(name):
    trigger, pixels = _poison(name).trigger, torch.rand(4, 3, 16, 16, generator=_generator())
    covers = cover_images(trigger, pixels, _generator())
    assert covers.shape == pixels.shape
    assert not torch.allclose(covers, trigger(pixels), atol=1e-3)
    assert not torch.allclose(covers, pixels, atol=1e-3)


def test_a_batch_is_not_changed_in_place():
    poison, pixels = _poison("badnets"), torch.zeros(4, 3, 16, 16)
    targets = one_hot(torch.arange(4), 10).float()
    poison.apply(pixels, targets, torch.arange(4), torch.ones(4, dtype=torch.int64), _generator())
    assert not pixels.any()
    assert torch.equal(targets.argmax(1), torch.arange(4))
