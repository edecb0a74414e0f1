"""Parameters of a list."""

from __future__ import annotations

from client.call import Params


def page_params(limit: int, after: str | None, **more: str | None) -> Params:
    """Without what is not given."""
    given = {"limit": limit, "after": after, **more}
    return {name: value for name, value in given.items() if value is not None}
