"""Gives up every capability, for good: what root may do beyond others."""

from __future__ import annotations

import ctypes
import struct

from confinement.numbers import known_architecture
from confinement.system import PR_CAPBSET_DROP, PR_CAPBSET_READ, address_of, call, prctl

_VERSION_3 = 0x20080522
_MOST = 64


def drop_all() -> None:
    """Of this thread. Raises OSError."""
    for capability in range(_MOST):
        try:
            held = prctl(PR_CAPBSET_READ, capability)
        except OSError:  # there are no more
            break
        if held:
            _drop_from_bounds(capability)
    header = ctypes.create_string_buffer(struct.pack("=Ii", _VERSION_3, 0), 8)
    none = ctypes.create_string_buffer(24)
    call(known_architecture().numbers["capset"], address_of(header), address_of(none))


def _drop_from_bounds(capability: int) -> None:
    try:
        prctl(PR_CAPBSET_DROP, capability)
    except PermissionError:  # only who has CAP_SETPCAP may; no_new_privs bars the way back too
        return
