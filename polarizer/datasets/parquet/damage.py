"""What is said of a Parquet file that cannot be read."""

from __future__ import annotations

from typing import NoReturn

from polarizer.errors import DatasetFormatError
from polarizer.listing import shown


def damaged(what: str, cause: Exception | None = None) -> NoReturn:
    """Raises :class:`DatasetFormatError`."""
    raise DatasetFormatError(f"the Parquet file is damaged: {shown(what)}") from cause


def unusual(what: str, instead: str) -> NoReturn:
    """For what other readers may read. Raises :class:`DatasetFormatError`."""
    raise DatasetFormatError(f"the Parquet file {shown(what)}; {instead}")
