"""Defenses to compare with, each written from its paper, with the paper's settings as defaults.

All take a classifier and clean images, leave the one given as it was, and return an
:class:`~benchmarks.defense.rivals.outcome.Outcome`. ``share`` is the part of the published work
(epochs or steps) to do; the learning-rate schedule is compressed into it.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.defense.rivals.fine_tuning import FineTuning
from benchmarks.defense.rivals.ft_sam import FtSam
from benchmarks.defense.rivals.i_bau import ImplicitUnlearning
from benchmarks.defense.rivals.official_npd import OfficialNpd
from benchmarks.defense.rivals.outcome import Rival

__all__ = ["RIVALS", "make_rival"]

RIVALS = ("ft", "ft_sam", "i_bau", "official_npd")


def make_rival(
    name: str, *, share: float = 1.0, backdoorbench: Path | None = None, full: bool = False
) -> Rival:
    """The rival ``name`` with its published settings, doing ``share`` of the published work.

    ``backdoorbench`` is a checkout of BackdoorBench and ``full`` says whether its NPD is run to the
    end or one epoch of it is timed; both matter to ``official_npd`` alone. Raises
    :class:`ValueError` for an unknown name, or without the checkout that ``official_npd`` needs.
    """
    match name:
        case "ft":
            return FineTuning(share=share)
        case "ft_sam":
            return FtSam(share=share)
        case "i_bau":
            return ImplicitUnlearning(share=share)
        case "official_npd" if backdoorbench is not None:
            return OfficialNpd(checkout=backdoorbench, full=full)
        case "official_npd":
            raise ValueError("official_npd needs a checkout of BackdoorBench: --backdoorbench PATH")
    raise ValueError(f"unknown rival {name!r}; known are {', '.join(RIVALS)}")
