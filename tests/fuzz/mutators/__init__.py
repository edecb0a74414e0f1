"""Bytes changed at random: anywhere, and where the format has its structure.

A structural mutator takes a file apart, changes a part, and puts it together again with lengths and
checksums that fit, so that the change reaches the code behind them. All draw from the ``Random``
that they are given, and nothing else.
"""

from __future__ import annotations

from random import Random

from tests.fuzz.mutators.anywhere import Mutator, anywhere


def mixed(*mutators: Mutator) -> Mutator:
    """One of them, or changes anywhere."""

    def mutate(rng: Random, data: bytes) -> bytes:
        changed = rng.choice((*mutators, *mutators, anywhere))(rng, data)
        return anywhere(rng, changed) if rng.random() < 0.1 else changed

    return mutate
