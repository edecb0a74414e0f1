"""Attacks from inside a confined process, and the work that has to go on there, by name.

An attack returns normally if it succeeded, and raises OSError if it was refused.
"""

from tests.confinement.attacks import kernel, memory, network, processes, reading, works, writing
from tests.confinement.attacks.trying import Try

ATTACKS: dict[str, Try] = {
    **reading.attack,
    **writing.attack,
    **memory.attack,
    **network.attack,
    **processes.attack,
    **kernel.attack,
}
WORKS: dict[str, Try] = {**works.work}

__all__ = ["ATTACKS", "WORKS"]
