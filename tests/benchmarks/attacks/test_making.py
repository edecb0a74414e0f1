from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from benchmarks.attacks.attack import ATTACKS
from benchmarks.attacks.backdoored import read, read_record
from benchmarks.attacks.data import Parts
from benchmarks.attacks.making import Maker
from benchmarks.attacks.plan import Plan
from benchmarks.attacks.suites import SUITES, suite
from benchmarks.attacks.training import Machine, Recipe
from polarizer.images import LabelledImages

RECIPE = Recipe(epochs=1, learning_rate=1e-2, batch_size=16)
ON_CPU = Machine(torch.device("cpu"), None)


@pytest.fixture
def maker(tmp_path, monkeypatch):
    """One that reads 32 random images instead of real ones."""
    generator = torch.Generator().manual_seed(0)
    images = LabelledImages(
        torch.randint(0, 256, (32, 1, 8, 8), dtype=torch.uint8, generator=generator),
        torch.arange(32) % 10,
    )
    parts = Parts(images, images, images, tuple("0123456789"))
    for module in ("making", "backdoored"):
        monkeypatch.setattr(f"benchmarks.attacks.{module}.load", lambda *_: parts)
    return Maker(tmp_path, tmp_path, ON_CPU)


def _plan(attack, **changes):
    fields = {
        "name": f"tiny-{attack}",
        "attack": ATTACKS[attack],
        "source": "digits",
        "size": 8,
        "architecture": {"name": "small_cnn", "width": 4},
        "recipe": RECIPE,
        "seed": 1,
    }
    return Plan(**fields | changes)


@pytest.mark.parametrize("attack", ATTACKS)
def test_every_attack_trains_and_reads_back_with_what_was_measured(attack, maker, tmp_path):
    record = maker.make(_plan(attack))
    backdoored = read(tmp_path / record.name, tmp_path)
    assert backdoored.attack == attack
    with torch.no_grad():
        clean = backdoored.classifier(backdoored.test.pixels()).argmax(1)
        triggered = backdoored.classifier(backdoored.triggered.pixels()).argmax(1)
    share = (clean == backdoored.test.labels).float().mean().item()
    assert backdoored.accuracy == pytest.approx(share, abs=1e-4)
    share = (triggered == backdoored.targets).float().mean().item()
    assert backdoored.attack_success == pytest.approx(share, abs=1e-4)


@pytest.mark.parametrize("attack", ["wanet", "input-aware", "adaptive"])
def test_a_seed_makes_the_same_model_again(attack, maker):
    plan = _plan(attack)
    first = maker.make(plan).digests
    assert maker.make(plan).digests == first
    assert maker.make(replace(plan, seed=2)).digests != first


def test_implanting_starts_from_the_named_model(maker, tmp_path):
    maker.make(_plan("clean"))
    still = Recipe(epochs=1, learning_rate=1e-12)
    record = maker.make(_plan("badnets", recipe=still, implant_into="tiny-clean"))
    assert record.implanted
    before, after = (
        load_file(tmp_path / name / "model.safetensors") for name in ("tiny-clean", "tiny-badnets")
    )
    torch.testing.assert_close(after["linear.weight"], before["linear.weight"])


def test_the_input_aware_generator_is_learnt_and_kept(maker, tmp_path):
    maker.make(_plan("input-aware"))
    learnt = load_file(tmp_path / "tiny-input-aware" / "trigger.safetensors")
    maker.make(_plan("input-aware", recipe=replace(RECIPE, epochs=2)))
    longer = load_file(tmp_path / "tiny-input-aware" / "trigger.safetensors")
    assert any(not torch.equal(learnt[name], longer[name]) for name in learnt)


def test_the_adaptive_attacker_leaves_no_polarizer_behind(maker, tmp_path):
    maker.make(_plan("adaptive"))
    names = load_file(tmp_path / "tiny-adaptive" / "model.safetensors")
    assert not [name for name in names if "parametrizations" in name]


@pytest.mark.parametrize("name", SUITES)
def test_the_models_of_a_suite_have_names_of_their_own_and_fit_their_images(name):
    plans = suite(name)
    names = [plan.name for plan in plans]
    assert len(set(names)) == len(names)
    for plan in plans:
        assert plan.description.input.height == plan.size
        assert plan.implant_into in (None, "shared", *names[: names.index(plan.name)])


def test_a_record_says_how_much_was_poisoned(maker, tmp_path):
    maker.make(_plan("sig"))
    settings = read_record(tmp_path / "tiny-sig").settings
    assert settings["poisoned_share_of"] == "target class"
