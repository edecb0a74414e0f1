"""The digest of a whole whose parts came in order: true, or not there at all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.uploads.multipart.plan import KeptPart
from service.uploads.multipart.running import RunningDigests
from tests.service.conftest import Site
from tests.service.uploads.multipart.conftest import Sending

CONTENTS = (b"", b"a", b"bc")


def a_part(number: int, content: bytes) -> KeptPart:
    digest = hashlib.sha256(content).hexdigest()
    return KeptPart(number, len(content), digest, hashlib.md5(content).hexdigest())


def add(running: RunningDigests, folder: Path, number: int, content: bytes) -> None:
    path = folder / "part"
    path.write_bytes(content)
    running.add("mpu_1", a_part(number, content), running.ahead("mpu_1", number, path))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from(CONTENTS)), max_size=8))
def test_it_is_that_of_what_came_last(tmp_path: Path, came: list[tuple[int, bytes]]) -> None:
    running, stored = RunningDigests(), dict[int, bytes]()
    for number, content in came:
        add(running, tmp_path, number, content)
        stored[number] = content
    parts = [a_part(number, stored[number]) for number in sorted(stored)]
    whole = hashlib.sha256(b"".join(stored[number] for number in sorted(stored))).hexdigest()
    found = running.of("mpu_1", parts)
    in_order = [number for number, _ in came] == list(range(1, len(came) + 1))
    assert found == whole if in_order and came else found in (None, whole)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2), st.sampled_from(["number", "sha256", "tag", "less", "more"]))
def test_of_other_parts_there_is_none(tmp_path: Path, place: int, other: str) -> None:
    running = RunningDigests()
    parts = [a_part(number, CONTENTS[number - 1]) for number in (1, 2, 3)]
    for part, content in zip(parts, CONTENTS, strict=True):
        add(running, tmp_path, part.number, content)
    assert running.of("mpu_1", parts)
    match other:
        case "number":
            parts[place] = KeptPart(9, *list(vars(parts[place]).values())[1:])
        case "sha256":
            parts[place] = KeptPart(place + 1, 1, None, parts[place].tag)  # sent by a link
        case "tag":
            parts[place] = KeptPart(place + 1, 1, parts[place].sha256, "another")
        case "less":
            del parts[place]
        case "more":
            parts.insert(place, a_part(4, b"d"))
    assert running.of("mpu_1", parts) is None


def test_what_is_forgotten_is_not_there(tmp_path: Path) -> None:
    running = RunningDigests(most=2)
    path = tmp_path / "part"
    path.write_bytes(b"a")
    for upload in ("first", "second", "third"):
        running.add(upload, a_part(1, b"a"), running.ahead(upload, 1, path))
    running.forget("third")
    parts = [a_part(1, b"a")]
    known = [upload for upload in ("first", "second", "third") if running.of(upload, parts)]
    assert known == ["second"]


def test_a_part_that_cannot_be_read_again_ends_it(tmp_path: Path) -> None:
    running = RunningDigests()
    add(running, tmp_path, 1, b"a")
    running.add("mpu_1", a_part(2, b"b"), running.ahead("mpu_1", 2, tmp_path / "gone"))
    assert running.of("mpu_1", [a_part(1, b"a")]) is None


def test_of_two_parts_that_are_stored_at_once_none_is_taken_for_the_other(tmp_path: Path) -> None:
    """Each was the next one when it began to be stored."""
    running, path = RunningDigests(), tmp_path / "part"
    add(running, tmp_path, 1, b"a")
    path.write_bytes(b"b")
    first, second = (running.ahead("mpu_1", 2, path) for _ in range(2))
    running.add("mpu_1", a_part(2, b"b"), first)
    assert running.of("mpu_1", [a_part(1, b"a"), a_part(2, b"b")])
    running.add("mpu_1", a_part(2, b"b"), second)
    assert running.of("mpu_1", [a_part(1, b"a"), a_part(2, b"b")]) is None


@pytest.fixture
def reads(room: Site, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keys that are read from the store."""
    read, asked = room.resources.store.read, list[str]()

    def counted(key: str) -> Iterator[bytes]:
        asked.append(key)
        return read(key)

    monkeypatch.setattr(room.resources.store, "read", counted)
    return asked


def test_parts_in_order_are_not_read_again_where_the_store_tells_them_apart(
    room: Site, reads: list[str]
) -> None:
    sending = Sending(room)
    sending.put(1, bytes(len(sending.part(1))))
    sending.put_all()
    assert sending.complete().json()["sha256"] == sending.digest
    assert len(reads) == (0 if room.resources.store.parts.tags_bind else 1)


@pytest.mark.parametrize("order", [(2, 1, 3), (1, 3, 2)], ids=str)
def test_parts_out_of_order_are(room: Site, reads: list[str], order: tuple[int, ...]) -> None:
    sending = Sending(room)
    for number in order:
        sending.put(number)
    assert sending.complete().json()["sha256"] == sending.digest
    assert len(reads) == 1


def test_other_bytes_are_found_out_without_reading(room: Site, reads: list[str]) -> None:
    sending = Sending(room)
    for number in (1, 2, 3):
        sending.put(number, bytes(len(sending.part(number))))
    assert sending.complete().status_code == 422
    assert sending.state() == "failed"
    assert len(reads) == (0 if room.resources.store.parts.tags_bind else 1)
