"""How much an uploaded data set may ask for."""

from __future__ import annotations

from dataclasses import dataclass

_MEGABYTE = 2**20


@dataclass(frozen=True)
class DatasetLimits:
    """Bounds that are checked before memory is taken. Sizes in bytes."""

    max_entries: int = 200_000
    """files and folders of an archive"""
    max_entry_bytes: int = 64 * _MEGABYTE
    """one file of an archive, unpacked (an array of an ``.npz`` may take ``max_total_bytes``)"""
    max_total_bytes: int = 4 * 1024 * _MEGABYTE
    """of the whole archive, packed or unpacked"""
    max_ratio: int = 200
    """unpacked to packed size, for archives that unpack to more than ``ratio_free_bytes``"""
    ratio_free_bytes: int = 64 * _MEGABYTE
    max_shard_bytes: int = 512 * _MEGABYTE
    """one of several Parquet files or tars in a zip"""
    max_page_bytes: int = 256 * _MEGABYTE
    """one page of a Parquet file, packed or unpacked: the images of a group of rows"""
    max_pixels: int = 50_000_000
    """width x height of one image, by its header"""
    max_decoded_bytes: int = 2 * 1024 * _MEGABYTE
    """all images at the model's size"""
    max_damaged: float = 0.1
    """fraction of the images that may be damaged"""

    def unpacked(self, packed: int) -> int:
        """How many bytes an archive of ``packed`` bytes may unpack to."""
        return min(self.max_total_bytes, max(self.ratio_free_bytes, self.max_ratio * packed))
