"""Numbers as people read them."""

from __future__ import annotations

UNKNOWN = "not measured"


def percent(share: float | None) -> str:
    """``0.931`` → ``93.1 %``."""
    return UNKNOWN if share is None else f"{100 * share:.1f} %"


def points(before: float | None, after: float | None) -> str:
    """The change between two shares, in percentage points with its sign."""
    if before is None or after is None:
        return "–"
    change = round(100 * (after - before), 1)
    return f"{'+' if change > 0 else '−' if change < 0 else '±'}{abs(change):.1f} points"


def number(value: float, digits: int = 3) -> str:
    """With so many significant digits, and a real minus."""
    return f"{value:.{digits}g}".replace("-", "−")


def seconds(value: float) -> str:
    """``75.2`` → ``1 min 15 s``; below a minute with one decimal."""
    if value < 60:
        return f"{value:.1f} s"
    whole = round(value)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {whole % 60} s"


def count(value: int) -> str:
    """``12345`` → ``12,345``."""
    return f"{value:,}"


def size(value: int) -> str:
    """Bytes as MB or kB (powers of ten)."""
    if value >= 1_000_000:
        return f"{value / 1e6:.1f} MB"
    return f"{value / 1e3:.1f} kB" if value >= 1000 else f"{value} bytes"


def plural(amount: int, one: str, many: str | None = None) -> str:
    """``1 image``, ``2 images``."""
    return f"{count(amount)} {one if amount == 1 else many or one + 's'}"
