"""What a measurement was made on, as far as it matters to its numbers."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any

import torch

_PROCESSORS = Path("/proc/cpuinfo")


def about_machine(device: str, threads: int) -> dict[str, Any]:
    """Processor or GPU, threads, versions, day."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else device,
        "threads": threads,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "day": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def _processor() -> str:
    if _PROCESSORS.exists():
        for line in _PROCESSORS.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
