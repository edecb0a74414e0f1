"""How much memory a defense takes at its peak, beyond what was held when it began."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import torch

_STATUS = Path("/proc/self/status")
_MEGABYTE = 1e6


@dataclass
class Peak:
    """``megabytes`` (10⁶ bytes) is filled in when the block ends; ``None`` where unknown."""

    megabytes: float | None = None


@contextmanager
def peak_memory(device: torch.device) -> Iterator[Peak]:
    """Measures the block: on CUDA what the allocator held at most, else the resident set's growth.

    The resident set is that of this process, so one process must run one defense; it is read from
    ``/proc``, and unknown where that is missing (not Linux).
    """
    peak = Peak()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        yield peak
        peak.megabytes = torch.cuda.max_memory_allocated(device) / _MEGABYTE
        return
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
    before = _resident("VmRSS")
    yield peak
    after = _resident("VmHWM")
    if before is not None and after is not None:
        peak.megabytes = max(0.0, after - before)


def _resident(field: str) -> float | None:
    if not _STATUS.exists():
        return None
    for line in _STATUS.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024 / _MEGABYTE
    return None
