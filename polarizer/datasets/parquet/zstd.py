"""Zstandard's frames (RFC 8878), unpacked to no more than was allowed."""

from __future__ import annotations

import zstandard

from polarizer.datasets.parquet.damage import damaged

_WIDEST = 8 << 20
"""Bytes that a frame of unknown size may look back by: what the RFC asks every reader to bear."""


def unpack(body: memoryview, size: int) -> bytes:
    """What the one frame holds: ``size`` bytes, or it is damaged. A frame that says its size is
    unpacked into just that much memory, any other into ``size`` and the window it looks back by."""
    try:
        said = zstandard.frame_content_size(body)
        if said not in (-1, size):  # or else as much memory would be taken as the frame says
            damaged("a page that unpacks to another size than its header says")
        reader = zstandard.ZstdDecompressor(max_window_size=_WIDEST)
        return reader.decompress(body, max_output_size=size, allow_extra_data=False)
    except zstandard.ZstdError as error:
        damaged(str(error), error)
