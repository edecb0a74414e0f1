"""Identifiers that sort by time: a prefix that names the kind, then a lower-case ULID."""

from __future__ import annotations

from typing import Literal

from ulid import ULID

Kind = Literal["def", "upl", "mdl", "blb", "key", "aud", "msg", "whs", "era", "mpu"]


def new_id(kind: Kind) -> str:
    """``def_01jd…``: unique, and later ones sort after earlier ones (to the millisecond)."""
    return f"{kind}_{str(ULID()).lower()}"
