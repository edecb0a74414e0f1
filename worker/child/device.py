"""Where the child computes."""

from __future__ import annotations

import torch

from worker.child.failure import DeviceError


def choose_device(asked: str) -> torch.device:
    """``asked``, or CUDA where there is some, or the CPU. Raises DeviceError for one that is not
    there."""
    if not asked:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(asked)
    except RuntimeError as error:
        raise DeviceError(f"POLARIZER_DEVICE={asked!r} names no device; use cpu or cuda") from error
    if device.type == "cpu" or _is_there(device):
        return device
    raise DeviceError(
        f"POLARIZER_DEVICE={asked!r} is not there: this worker has"
        f" {torch.cuda.device_count()} CUDA devices; leave it empty to let the worker choose"
    )


def take_share(device: torch.device, share: float) -> None:
    """Of a graphics card's memory no more than this from now on: torch says that memory ran out, to
    this job, where others of the worker would have found none left."""
    if device.type == "cuda" and share < 1:
        torch.cuda.set_per_process_memory_fraction(share, device)


def _is_there(device: torch.device) -> bool:
    if device.type != "cuda" or not torch.cuda.is_available():
        return False
    return (device.index or 0) < torch.cuda.device_count()
