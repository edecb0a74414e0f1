"""Limits of a process that the kernel keeps (``setrlimit``), hard ones too."""

from __future__ import annotations

import resource
from collections.abc import Mapping


def limit(wanted: Mapping[int, int]) -> None:
    """From kinds (``resource.RLIMIT_…``) to values. A limit that is lower already stays. Raises
    OSError and ValueError."""
    for kind, value in wanted.items():
        _soft, hard = resource.getrlimit(kind)
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (allowed, allowed))
