"""Copies of models that the inference engines of this process keep on disk, of what was deleted:
by another process, by the sweep, or with everything of its tenant."""

from __future__ import annotations

from collections.abc import Callable, Collection

from sqlalchemy import select

from service.database import Database
from service.records import BlobRecord


def tidy(
    database: Database, cached: Callable[[], Collection[str]], forget: Callable[[str], object]
) -> int:
    """Forgets the digests among those that are cached that no blob has any more; how many."""
    digests = set(cached())
    if not digests:
        return 0
    query = select(BlobRecord.sha256).where(BlobRecord.sha256.in_(digests))
    with database.read() as session:
        known = set(session.scalars(query))
    for sha256 in sorted(digests - known):
        forget(sha256)
    return len(digests - known)
