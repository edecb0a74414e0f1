"""Which form of the report a caller would rather have (RFC 9110, 12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence


def preferred(accept: str, offered: Sequence[str]) -> str:
    """The media type that ``accept`` likes best; of equals, and where it likes none, the first."""
    wanted = _qualities(accept)
    return max(offered, key=lambda media: _quality(wanted, media))


def _quality(wanted: dict[str, float], media: str) -> float:
    """Of the most specific range that holds ``media``."""
    ranges = (media, f"{media.split('/')[0]}/*", "*/*")
    return next((wanted[one] for one in ranges if one in wanted), 0.0)


def _qualities(accept: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in accept.split(","):
        media, *parameters = (piece.strip().lower() for piece in part.split(";"))
        found[media] = _weight(parameters)
    return found


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return min(1.0, max(0.0, float(parameter[2:])))
            except ValueError:
                return 0.0
    return 1.0
