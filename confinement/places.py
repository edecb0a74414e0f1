"""What a Python with torch reads: its installation, the system's libraries, a few facts about the
machine. No home, no data directory, no other process."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from confinement.landlock import DEVICE, READ

_PACKAGES = ("confinement", "polarizer", "service", "worker")
_LIBRARIES = ("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib")
_FILES = (
    *("/etc/ld.so.cache", "/etc/localtime", "/etc/timezone", "/etc/ssl/openssl.cnf"),
    *("/usr/share/zoneinfo", "/usr/share/locale"),
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/filesystems"),
    "/proc/sys/vm/overcommit_memory",
    *("/sys/devices/system", "/sys/fs/cgroup"),
    *("/dev/random", "/dev/urandom"),  # not zero: to map it is to have shared memory
)
_GPU_FILES = (
    *("/proc/driver/nvidia", "/proc/driver/nvidia-uvm", "/proc/devices", "/proc/modules"),
    *("/proc/sys/vm/mmap_min_addr", "/proc/self", "/sys/bus/pci", "/sys/devices", "/sys/module"),
    *("/sys/class/drm", "/usr/share/nvidia", "/etc/nvidia-container-runtime", "/usr/local/cuda"),
    *("/run/nvidia-persistenced", "/dev/zero"),
)


def needed(*, gpu: bool) -> Iterator[tuple[Path, int]]:
    """Places and rights, for ``landlock.restrict``; some may not be there."""
    yield Path("/dev/null"), DEVICE
    for place in (*libraries(), *map(Path, _FILES)):
        yield place, READ
    if gpu:
        yield from ((Path(name), READ) for name in _GPU_FILES)
        yield from ((device, DEVICE) for device in sorted(Path("/dev").glob("nvidia*")))


def libraries() -> Iterator[Path]:
    """Folders of what is trusted: Python, its packages, ours, the system's libraries."""
    yield from _installation()
    yield from map(Path, _LIBRARIES)


def _installation() -> Iterator[Path]:
    """Python, its packages, and ours. The folder that ours lie in may hold the data directory, so
    it is not among them."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    yield from {Path(found) for name in names if (found := sysconfig.get_path(name))}
    yield from (Path(sys.prefix) / "lib", Path(sys.prefix) / "lib64", Path(sys.base_prefix) / "lib")
    root = Path(__file__).resolve().parent.parent
    yield from (root / package for package in _PACKAGES)
    yield from root.glob("*.egg-info")  # the version, where the packages run from their source
