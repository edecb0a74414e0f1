"""The attacks of the bench: which trigger, which images carry it, and what they are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.attacks.backdoored import Target


@dataclass(frozen=True)
class Attack:
    """What an attacker does to the training set.

    ``poison_rate``: share of the training images that carry the trigger; of a clean-label attack
    the share of the target class, and the labels stay. ``cover_rate``: share of the images that are
    almost triggered and keep their labels, so that the backdoor answers to the exact trigger only.
    ``hardened``: the poisoned images are made adversarial first, so that only the trigger explains
    their label. ``knows_defense``: every second step the polarizers of a defender are simulated.
    ``parameters`` go to the trigger, ``tiny`` instead of them for images below 32 pixels.
    """

    name: str
    trigger: str
    target: Target = 0
    poison_rate: float = 0.1
    cover_rate: float = 0.0
    clean_label: bool = False
    hardened: bool = False
    knows_defense: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tiny: Mapping[str, Any] | None = None

    def parameters_at(self, size: int) -> dict[str, Any]:
        """The trigger's parameters for images of ``size`` pixels a side."""
        return dict(self.parameters if size >= 32 or self.tiny is None else self.tiny)


_ALL = (
    # A model without a backdoor, for false alarms and for what a repair costs for nothing.
    Attack("clean", "patch", poison_rate=0.0),
    Attack("badnets", "patch"),
    Attack("badnets-a2a", "patch", target="next", poison_rate=0.2),
    Attack("blended", "blended"),
    Attack(
        *("sig", "sinusoid"),
        poison_rate=0.8,
        clean_label=True,
        tiny={"amplitude": 100 / 255},
    ),
    # Training in noise mode: as many images with a shaken warping keep their labels.
    Attack("wanet", "warping", cover_rate=0.1, tiny={"strength": 2.0}),
    Attack("lf", "low-frequency"),
    # Cover images carry the trigger of another image: the paper's cross-trigger mode.
    Attack("input-aware", "input-aware", cover_rate=0.1),
    Attack("label-consistent", "corners", poison_rate=0.8, clean_label=True, hardened=True),
    # Cover images carry another image's quantisation error: the paper's negative images.
    Attack("bpp", "quantisation", cover_rate=0.1, tiny={"levels": 2}),
    Attack("ftrojan", "frequency", tiny={"magnitude": 100}),
    # Adap-Blend's covers, and an attacker who trains against simulated polarizers.
    Attack("adaptive", "blended-in-pieces", cover_rate=0.1, knows_defense=True),
)
ATTACKS = {attack.name: attack for attack in _ALL}
