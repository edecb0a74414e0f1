"""What every store promises, on a folder and on an S3 server."""

from __future__ import annotations

import errno
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from service.errors import LostBlobError, UnavailableError
from service.settings import Settings
from service.storage import Store, open_store
from service.storage.base import CHUNK
from service.storage.local import LocalStore
from service.storage.s3 import _TRANSFER, S3Store

MakeFile = Callable[[bytes], Path]


def content(store: Store, key: str) -> bytes:
    return b"".join(store.read(key))


def test_what_was_put_is_read(store: Store, make_file: MakeFile) -> None:
    data = bytes(range(256)) * 5000
    store.put("ab/key-1_.x", make_file(data))
    chunks = list(store.read("ab/key-1_.x"))
    assert b"".join(chunks) == data
    assert max(map(len, chunks)) <= CHUNK


def test_a_large_object_is_put_in_parts_and_whole(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "large"
    part = _TRANSFER.multipart_chunksize
    with path.open("wb") as sink:
        for byte in b"abc":
            sink.write(bytes([byte]) * (part - 1))
    store.put("large", path)
    (found,) = store.list("large")
    assert found.size == 3 * (part - 1) > _TRANSFER.multipart_threshold
    total = 0
    for chunk in store.read("large"):
        total += len(chunk)
        assert set(chunk) <= set(b"abc")
    assert total == found.size


def test_putting_again_replaces(store: Store, make_file: MakeFile) -> None:
    store.put("key", make_file(b"first, and longer"))
    store.put("key", make_file(b"second"))
    assert content(store, "key") == b"second"


def test_a_file_may_be_taken(store: Store, make_file: MakeFile) -> None:
    data = bytes(range(256)) * 5000
    path = make_file(data)
    store.take("ab/key", path)
    assert content(store, "ab/key") == data
    path.unlink(missing_ok=True)
    assert content(store, "ab/key") == data
    assert [item.key for item in store.list()] == ["ab/key"]
    with pytest.raises((UnavailableError, OSError)):
        store.take("key", path)


def test_a_file_on_another_file_system_is_copied(
    tmp_path: Path, make_file: MakeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, replace = LocalStore(tmp_path / "store"), Path.replace

    def over_there(path: Path, target: Path) -> Path:
        if path.parent != tmp_path / "store":
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", over_there)
    store.take("key", make_file(b"bytes"))
    assert content(store, "key") == b"bytes"


def test_an_empty_object(store: Store, make_file: MakeFile) -> None:
    store.put("empty", make_file(b""))
    assert content(store, "empty") == b""


def test_what_is_not_there(store: Store) -> None:
    with pytest.raises(LostBlobError):
        store.read("nothing")
    store.delete("nothing")
    assert list(store.list()) == []


def test_deleted_is_gone(store: Store, make_file: MakeFile) -> None:
    store.put("a/key", make_file(b"x"))
    store.delete("a/key")
    with pytest.raises(LostBlobError):
        store.read("a/key")


def test_lists_in_order_by_prefix(store: Store, make_file: MakeFile) -> None:
    keys = ["b/2", "a/1", "a/10", "a/2", "c"]
    for key in keys:
        store.put(key, make_file(key.encode()))
    found = list(store.list())
    assert [item.key for item in found] == sorted(keys)
    assert [item.size for item in found] == [len(item.key) for item in found]
    assert [item.key for item in store.list("a/1")] == ["a/1", "a/10"]
    for item in found:
        assert abs(datetime.now(UTC) - item.modified) < timedelta(minutes=5)


def test_a_file_that_cannot_be_read_stores_nothing(store: Store, tmp_path: Path) -> None:
    with pytest.raises((UnavailableError, OSError)):
        store.put("key", tmp_path / "nothing")
    assert list(store.list()) == []


def test_a_link_lets_anybody_get_it(store: Store, make_file: MakeFile) -> None:
    store.put("key", make_file(b"bytes"))
    link = store.presigned_url("key", filename="model.safetensors", seconds=60)
    if link is None:  # a folder has none
        return
    answer = httpx.get(link)
    assert answer.content == b"bytes"
    assert "model.safetensors" in answer.headers["content-disposition"]


def test_a_link_names_the_address_that_users_reach_or_there_is_none() -> None:
    inner = {
        "store_url": "s3://bucket",
        "s3_endpoint_url": "http://inner:8333",
        "s3_access_key_id": "key",
        "s3_secret_access_key": "secret",
    }
    store = open_store(Settings(**inner))
    assert store.presigned_url("key", filename="f", seconds=60) is None
    store = open_store(Settings(**inner, s3_public_url="https://files.example"))
    link = store.presigned_url("key", filename="f", seconds=60)
    assert link is not None
    assert link.startswith("https://files.example/bucket/key?")


def test_what_was_begun_and_never_finished_is_removed(store: Store, make_file: MakeFile) -> None:
    """What a process leaves that is killed while it stores something."""
    store.put("whole", make_file(b"x"))
    begin(store, "torn")
    assert [item.key for item in store.list()] == ["whole"], "a sweep would take it for garbage"
    assert store.tidy(older_than=3600) == 0, "somebody may be at it"
    assert store.tidy(older_than=-3600) == 1
    assert store.tidy(older_than=-3600) == 0
    assert content(store, "whole") == b"x"


def begin(store: Store, key: str) -> None:
    """As ``put`` does before it dies."""
    if isinstance(store, LocalStore):
        (store._root / "0123456789abcdef.partial").write_bytes(b"half")
        return
    assert isinstance(store, S3Store)
    named = {"Bucket": store._bucket, "Key": store._prefix + key}
    begun = store._client.create_multipart_upload(**named)
    part = {"PartNumber": 1, "UploadId": begun["UploadId"], "Body": b"half"}
    store._client.upload_part(**named, **part)


def test_a_folder_is_kept_before_what_lies_in_it(
    tmp_path: Path, make_file: MakeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file whose folder is lost with the power is lost too."""
    kept: list[Path] = []
    monkeypatch.setattr("service.storage.durable.fsync_folder", kept.append)
    store = LocalStore(tmp_path)
    store.put("ab/digest/blob-1", make_file(b"x"))
    store.put("ab/digest/blob-2", make_file(b"x"))
    folder = tmp_path / "ab" / "digest"
    assert kept == [folder, folder.parent, tmp_path, folder]


def test_it_answers_a_ping(store: Store) -> None:
    store.ping()


# What a store does when it cannot


def test_a_folder_that_is_a_file(tmp_path: Path, make_file: MakeFile) -> None:
    (tmp_path / "store").write_text("")
    store = open_store(Settings(data_dir=tmp_path))
    for attempt in (
        store.ping,
        lambda: store.put("key", make_file(b"x")),
        lambda: store.read("key"),
        lambda: store.delete("key"),
    ):
        with pytest.raises(UnavailableError):
            attempt()


@pytest.mark.parametrize("wrong", ["secret", "bucket", "port"])
@pytest.mark.server
def test_an_s3_server_that_refuses(
    wrong: str, s3_bucket, tmp_path: Path, make_file: MakeFile
) -> None:
    settings = Settings(
        data_dir=tmp_path,
        store_url=f"s3://{'absent' if wrong == 'bucket' else s3_bucket.bucket}",
        s3_endpoint_url="http://127.0.0.1:9" if wrong == "port" else s3_bucket.endpoint_url,
        s3_access_key_id=s3_bucket.access_key,
        s3_secret_access_key="wrong" if wrong == "secret" else s3_bucket.secret_key,
        s3_region=s3_bucket.region,
    )
    store = open_store(settings)
    for attempt in (
        store.ping,
        lambda: store.put("key", make_file(b"x")),
        lambda: store.read("key"),
        lambda: list(store.list()),
    ):
        with pytest.raises(UnavailableError) as raised:
            attempt()
        told = str(raised.value)
        assert s3_bucket.secret_key not in told
        assert s3_bucket.access_key not in told
        assert s3_bucket.endpoint_url not in told


@pytest.mark.parametrize("url", ["ftp://x/y", "s3:///nothing", "folder"])
def test_a_url_of_another_kind(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValueError, match="POLARIZER_STORE_URL"):
        open_store(Settings(data_dir=tmp_path, store_url=url))
