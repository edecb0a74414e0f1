"""What an attacker who knows the trigger could win back after a repair."""

from polarizer.winback.reactivation import Reactivation, ReactivationBudget, reactivate
from polarizer.winback.retuning import Retuning, RetuningBudget, retune

__all__ = [
    "Reactivation",
    "ReactivationBudget",
    "Retuning",
    "RetuningBudget",
    "reactivate",
    "retune",
]
