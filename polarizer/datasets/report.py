"""What was found in a data set, for the report of a job."""

from __future__ import annotations

from dataclasses import dataclass, field

_MOST_NAMES = 20


@dataclass
class Tally:
    """Counts of a kind of file, with the first names."""

    count: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        """One more."""
        self.count += 1
        if len(self.names) < _MOST_NAMES:
            self.names.append(name)


@dataclass(frozen=True)
class DatasetReport:
    """What was read and what was not; names are those of the first twenty."""

    source_format: str
    """``zip``, ``tar``, ``npz``, ``parquet`` or ``webdataset``"""
    images: int
    per_class: dict[str, int]
    resized: int
    """images that came in another size than the model's"""
    damaged: int = 0
    damaged_names: tuple[str, ...] = ()
    ignored: int = 0
    """files that are no images, or lie outside of class folders"""
    ignored_names: tuple[str, ...] = ()
