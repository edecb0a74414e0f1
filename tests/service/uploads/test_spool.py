"""Files on their way in."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.errors import InvalidRequestError, TooLargeError, UnavailableError
from service.uploads import spool
from service.uploads.filenames import shown_name
from service.uploads.spool import SpoolFile, clean_spool


async def _write(folder: Path, chunks: list[bytes], limit: int = 100) -> tuple[str, bytes]:
    async with SpoolFile(folder, limit=limit, what="it") as file:
        for chunk in chunks:
            await file.write(chunk)
        spooled = await file.finish()
        assert spooled.size == len(spooled.path.read_bytes())
        return spooled.sha256, spooled.path.read_bytes()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=8), max_size=30))
def test_a_file_is_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunks: list[bytes]
) -> None:
    monkeypatch.setattr(spool, "BUFFER", 10)
    whole = b"".join(chunks)
    if not whole:
        with pytest.raises(InvalidRequestError, match="it is empty"):
            asyncio.run(_write(tmp_path, chunks, 1000))
    else:
        digest, content = asyncio.run(_write(tmp_path, chunks, 1000))
        assert content == whole
        assert digest == hashlib.sha256(whole).hexdigest()
    assert list(tmp_path.iterdir()) == []


def test_too_much_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TooLargeError, match="larger than 100 bytes"):
        asyncio.run(_write(tmp_path, [b"x" * 60, b"x" * 41]))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_says_so(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")

    async def write() -> None:
        file = SpoolFile(tmp_path, limit=100, what="it")
        async with file:
            assert file._file is not None
            file._file.close()
            file._file = full.open("wb", buffering=0)
            await file.write(b"x")
            await file.finish()

    with pytest.raises(UnavailableError, match="no room"):
        asyncio.run(write())
    assert list(tmp_path.iterdir()) == []


def test_what_a_dead_process_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("x")
    (tmp_path / "new").write_text("x")
    long_ago = time.time() - 7200
    os.utime(tmp_path / "old", (long_ago, long_ago))
    assert clean_spool(tmp_path, older_than=3600) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    assert clean_spool(tmp_path / "absent", older_than=0) == 0


def test_a_clock_that_is_wrong_removes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "arriving").write_text("x")
    true = time.time
    monkeypatch.setattr(time, "time", lambda: true() + 86_400)
    assert clean_spool(tmp_path, older_than=3600) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["arriving"]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("model.pt", "model.pt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\models\\m.pt", "m.pt"),
        ('a"b\r\nc', "a_b_c"),
        ("..", None),
        ("", None),
        (None, None),
        ("ä" * 300, "ä" * 255),
    ],
)
def test_a_file_name_is_for_showing(given: str | None, shown: str | None) -> None:
    assert shown_name(given) == shown


@given(st.text())
def test_no_name_can_leave_a_folder_or_a_header(name: str) -> None:
    shown = shown_name(name)
    if shown is not None:
        assert not set(shown) & set('/\\"\r\n\0')
        assert shown not in (".", "..")
        assert shown == shown_name(shown)
