"""Which models there are: on digits, implanted on a CIFAR-10 extract, and at the papers' sizes.

Models on digits come twice: those that settings were compared on, and held-out ones for the final
word.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchmarks.attacks.attack import ATTACKS, Attack
from benchmarks.attacks.data import Source
from benchmarks.attacks.plan import Plan
from benchmarks.attacks.training import Recipe

SUITES = ("small", "held-out", "cifar-implanted", "full")

_CLEAN = "cifar10-preact_resnet18-clean"
_FROM_SCRATCH = Recipe(epochs=100, learning_rate=0.05, mirror=True)
_UNLEARN = Recipe(epochs=2, learning_rate=0.01, mirror=True, redraw=True)
_IMPLANT = Recipe(epochs=10, learning_rate=0.03, mirror=True, redraw=True)
_IMPLANT_LONG = Recipe(epochs=24, learning_rate=0.05, mirror=True, redraw=True, clip=2.0)

# What implanting took, in the order in which the models are made: recipe and poison rate. The
# papers' faint warping (s = 0.5) does not take in so few steps; twice of it is within their range.
_IMPLANTED: dict[str, tuple[Recipe, float]] = {
    "wanet": (_IMPLANT_LONG, 0.2),
    "blended": (_IMPLANT_LONG, 0.2),
    "badnets-a2a": (_IMPLANT_LONG, 0.2),
    "lf": (_IMPLANT, 0.2),
    "sig": (_IMPLANT_LONG, 0.8),
    "input-aware": (_IMPLANT, 0.2),
    "bpp": (_IMPLANT, 0.2),
    "ftrojan": (_IMPLANT, 0.2),
    "label-consistent": (_IMPLANT, 0.8),
    "adaptive": (_IMPLANT, 0.2),
    "badnets": (replace(_IMPLANT, epochs=4), 0.2),
}
_IMPLANTED_PARAMETERS: dict[str, dict[str, float]] = {"wanet": {"strength": 1.0}}
_SLOW_TO_LEARN = ("badnets-a2a", "sig", "wanet", "input-aware", "bpp", "ftrojan", "adaptive")
_TRIGGERS_FOR_EVERY_ARCHITECTURE = ("clean", "badnets", "blended")


def _huggingface(model_type: str, **config: object) -> dict[str, Any]:
    shape = {"num_channels": 1, "image_size": 32}
    return {"name": "huggingface", "config": {"model_type": model_type, **shape, **config}}


_SMALL_CNN = {"name": "small_cnn", "width": 32}
_OTHERS: dict[str, tuple[dict[str, Any], int]] = {
    "preact_resnet18": ({"name": "preact_resnet18", "width": 8}, 16),
    "vgg19_bn": ({"name": "vgg19_bn", "width": 8}, 32),
    "resnet": (
        _huggingface(
            "resnet",
            embedding_size=16,
            hidden_sizes=[16, 32, 64],
            depths=[1, 1, 1],
            layer_type="basic",
        ),
        32,
    ),
    "mobilenet_v2": (
        _huggingface(
            "mobilenet_v2",
            depth_multiplier=0.25,
            min_depth=8,
            output_stride=8,
            first_layer_is_expansion=True,
        ),
        32,
    ),
    "convnext": (
        _huggingface(
            "convnext", patch_size=2, hidden_sizes=[16, 32, 64], depths=[1, 1, 2], num_stages=3
        ),
        32,
    ),
    "vit": (
        _huggingface(
            "vit",
            patch_size=8,
            hidden_size=64,
            num_hidden_layers=4,
            num_attention_heads=4,
            intermediate_size=128,
        ),
        32,
    ),
}


def suite(name: str) -> list[Plan]:
    """The plans of one of ``SUITES``, in the order of making."""
    if name in ("small", "held-out"):
        return digits() if name == "small" else held_out()
    return implanted() if name == "cifar-implanted" else full()


def held_out() -> list[Plan]:
    """The models of :func:`digits` that soon are made, with other seeds (so other initial weights,
    poisoned images and random triggers) and another target: none of our choices saw them."""
    return [
        replace(plan, name=f"held-out-{plan.name}", seed=1, attack=_elsewhere(plan.attack))
        for plan in digits()
        if plan.attack.name not in _SLOW_TO_LEARN
    ]


def _elsewhere(attack: Attack) -> Attack:
    return attack if attack.target == "next" else replace(attack, target=6)


def implanted() -> list[Plan]:
    """PreAct-ResNet18 of width 32; what is implanted into is made first."""
    net = {"name": "preact_resnet18", "width": 32}
    base = _plan("cifar10-extract", net, "clean", 32, _UNLEARN, implant_into="shared")
    # The shared model's own backdoor is unlearnt: half of the images carry it under true labels.
    plans = [replace(base, attack=replace(base.attack, cover_rate=0.5, parameters={"size": 3}))]
    for name, (recipe, rate) in _IMPLANTED.items():
        plan = _plan("cifar10-extract", net, name, 32, recipe, implant_into=_CLEAN)
        parameters = _IMPLANTED_PARAMETERS.get(name, plan.attack.parameters)
        attack = replace(plan.attack, poison_rate=rate, parameters=parameters)
        plans.append(replace(plan, attack=attack))
    return plans


def digits() -> list[Plan]:
    """A small CNN with every attack on 8x8 pixels, and six other architectures with two."""
    recipe = Recipe(epochs=20, learning_rate=2e-3, optimizer="adamw", batch_size=64)
    longer = replace(recipe, epochs=40)
    plans = [
        _plan("digits", _SMALL_CNN, attack, 8, longer if attack in _SLOW_TO_LEARN else recipe)
        for attack in ATTACKS
    ]
    slower = replace(longer, learning_rate=1e-3)  # a transformer forgets all at the others' rate
    for name, (architecture, size) in _OTHERS.items():
        for attack in _TRIGGERS_FOR_EVERY_ARCHITECTURE:
            its = slower if name == "vit" else recipe
            plans.append(_plan("digits", architecture, attack, size, its))
    return plans


def full() -> list[Plan]:
    """PreAct-ResNet18 of width 64 on all of CIFAR-10, 100 epochs, for a GPU."""
    net = {"name": "preact_resnet18", "width": 64}
    return [_plan("cifar10", net, attack, 32, _FROM_SCRATCH) for attack in ATTACKS]


def _plan(
    source: Source,
    architecture: dict[str, Any],
    attack: str,
    size: int,
    recipe: Recipe,
    implant_into: str | None = None,
) -> Plan:
    kind = architecture.get("config", {}).get("model_type")
    data = "digits" if source == "digits" else "cifar10"
    prefix = f"{data}-full" if source == "cifar10" else data
    return Plan(
        name=f"{prefix}-{f'hf_{kind}' if kind else architecture['name']}-{attack}",
        attack=ATTACKS[attack],
        source=source,
        size=size,
        architecture=architecture,
        recipe=recipe,
        seed=0,
        implant_into=implant_into,
    )
