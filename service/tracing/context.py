"""Which trace something belongs to, as W3C Trace Context writes it: ``traceparent``."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Self

_HEADER = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NOWHERE = frozenset("0")


@dataclass(frozen=True, slots=True)
class TraceContext:
    """32 and 16 hexadecimal digits, and whether the trace is being recorded."""

    trace_id: str
    span_id: str
    sampled: bool

    @classmethod
    def new(cls) -> Self:
        """A trace that nobody records; its id still holds log lines together."""
        digits = os.urandom(24).hex()
        return cls(digits[:32], digits[32:], sampled=False)

    @classmethod
    def parse(cls, header: str | None) -> Self | None:
        """None for what is not a ``traceparent``."""
        found = _HEADER.fullmatch(header) if header and len(header) <= 128 else None
        if found is None:
            return None
        version, trace_id, span_id, flags, more = found.groups()
        if version == "ff" or (version == "00" and more):
            return None
        if _NOWHERE.issuperset(trace_id) or _NOWHERE.issuperset(span_id):
            return None
        return cls(trace_id, span_id, sampled=bool(int(flags, 16) & 1))

    @property
    def header(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}"
