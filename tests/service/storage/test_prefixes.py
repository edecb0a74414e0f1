"""Everything below a prefix as one zip: only what is allowed, of safe names, within bounds."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from client.packing import pack, pack_model
from polarizer.pretrained import needed_files
from service.errors import LostBlobError, SourceRefusedError, TooLargeError, UnavailableError
from service.settings import Settings
from service.storage import prefixes
from service.storage.prefixes import fetch_prefix
from tests.servers import S3Bucket

IMAGES = {"cat/1.png": b"one", "cat/deep/2.png": b"", "dog/ü 3.png": b"three" * 1000}
MODEL = {"config.json": b"{}", "model.safetensors": b"weights", "preprocessor_config.json": b"{}"}
BESIDE = {"tf_model.h5": b"no", "onnx/config.json": b"no", ".gitattributes": b"no"}


class FakeS3:
    """The two calls of boto3's client, over a dictionary; two objects a page."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects
        self.asked: list[str] = []

    def get_paginator(self, _name: str) -> FakeS3:
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        assert Bucket == "data"
        found = [
            {"Key": key, "Size": len(content)}
            for key, content in self.objects.items()
            if key.startswith(Prefix)
        ]
        for start in range(0, len(found) + 1, 2):
            yield {"Contents": found[start : start + 2]}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        assert Bucket == "data"
        self.asked.append(Key)
        content = self.objects[Key]
        return {"Body": SimpleNamespace(iter_chunks=lambda _size: iter([content]))}


@pytest.fixture
def settings() -> Settings:
    return Settings(sources=("s3://data/in",), max_upload_bytes=100_000)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> FakeS3:
    fake = FakeS3({f"in/set/{name}": content for name, content in IMAGES.items()})
    monkeypatch.setattr(prefixes, "s3_client", lambda _settings: fake)
    return fake


def every(names: Collection[str]) -> Collection[str]:
    return names


def content(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_folder_of_images(s3: FakeS3, settings: Settings, tmp_path: Path) -> None:
    s3.objects |= {"in/set/": b"", "in/set/cat/": b"", "in/set/.git/x": b"no", "in/set2/a": b"no"}
    digest = fetch_prefix("s3://data/in/set/", tmp_path / "zip", settings, choose=every)
    assert content(tmp_path / "zip") == IMAGES
    s3.objects = dict(reversed(s3.objects.items()))
    assert fetch_prefix("s3://data/in/set/", tmp_path / "again", settings, choose=every) == digest


@pytest.mark.parametrize(
    ("files", "packed"), [(IMAGES, pack), (MODEL, pack_model)], ids=["images", "model"]
)
def test_the_bytes_that_the_client_packs(
    s3: FakeS3, settings: Settings, tmp_path: Path, files: dict[str, bytes], packed: Any
) -> None:
    """So that a folder is the same input, from wherever it comes."""
    s3.objects = {f"in/set/{name}": content for name, content in files.items()}
    for name, one in files.items():
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(one)
    packed(tmp_path / "folder", tmp_path / "packed")
    fetch_prefix("s3://data/in/set/", tmp_path / "fetched", settings, choose=every)
    assert (tmp_path / "fetched").read_bytes() == (tmp_path / "packed").read_bytes()


def test_of_a_model_only_what_is_needed(s3: FakeS3, settings: Settings, tmp_path: Path) -> None:
    s3.objects = {f"in/m/{name}": content for name, content in (MODEL | BESIDE).items()}
    fetch_prefix("s3://data/in/m/", tmp_path / "zip", settings, choose=needed_files)
    assert content(tmp_path / "zip") == MODEL
    assert len(s3.asked) == len(MODEL)


@pytest.mark.parametrize(
    "name",
    ["../x", "a/../../x", "a//b", "/x", "a\\..\\x", "a/./b", "a\nb", "..", "\x00"],
    ids=["up", "inside", "empty", "root", "backslash", "here", "line", "alone", "nul"],
)
def test_names_that_lead_elsewhere(
    s3: FakeS3, settings: Settings, tmp_path: Path, name: str
) -> None:
    s3.objects[f"in/set/{name}"] = b"x"
    with pytest.raises(SourceRefusedError, match="unusable name"):
        fetch_prefix("s3://data/in/set/", tmp_path / "zip", settings, choose=every)
    assert s3.asked == []


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize(
    "uri", ["s3://data/out/", "s3://data/", "s3://other/in/", "s3://data/in2/"]
)
def test_only_below_a_source(settings: Settings, tmp_path: Path, uri: str) -> None:
    with pytest.raises(SourceRefusedError):
        fetch_prefix(uri, tmp_path / "zip", settings, choose=every)


def test_bounds(
    s3: FakeS3, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, uri = tmp_path / "zip", "s3://data/in/set/"
    small = settings.model_copy(update={"max_upload_bytes": 5002})
    with pytest.raises(TooLargeError, match="5002 bytes"):
        fetch_prefix(uri, path, small, choose=every)
    monkeypatch.setattr(prefixes, "MOST_OBJECTS", 2)
    with pytest.raises(TooLargeError, match="2 objects"):
        fetch_prefix(uri, path, settings, choose=every)
    assert s3.asked == []


@pytest.mark.usefixtures("s3")
def test_nothing_to_take(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(LostBlobError, match="s3://data/in/none/"):
        fetch_prefix("s3://data/in/none/", tmp_path / "zip", settings, choose=every)
    with pytest.raises(LostBlobError):
        fetch_prefix("s3://data/in/set/", tmp_path / "zip", settings, choose=needed_files)


@pytest.mark.parametrize("now", [b"longer than before", b""], ids=["longer", "shorter"])
def test_an_object_that_changes_meanwhile(
    s3: FakeS3, settings: Settings, tmp_path: Path, now: bytes
) -> None:
    def change() -> None:
        s3.objects["in/set/cat/1.png"] = now

    with pytest.raises(UnavailableError, match="changed"):
        fetch_prefix("s3://data/in/set/", tmp_path / "zip", settings, choose=every, check=change)


def test_it_can_be_stopped(s3: FakeS3, settings: Settings, tmp_path: Path) -> None:
    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        fetch_prefix("s3://data/in/set/", tmp_path / "zip", settings, choose=every, check=stop)
    assert s3.asked == []


@pytest.mark.server
def test_a_real_server(s3_bucket: S3Bucket, tmp_path: Path) -> None:
    settings = Settings(
        sources=(f"s3://{s3_bucket.bucket}/in",),
        s3_endpoint_url=s3_bucket.endpoint_url,
        s3_access_key_id=s3_bucket.access_key,
        s3_secret_access_key=s3_bucket.secret_key,
        s3_region=s3_bucket.region,
    )
    with bucket_of(s3_bucket) as client:
        for name, one in IMAGES.items():
            client.put_object(Bucket=s3_bucket.bucket, Key=f"in/set/{name}", Body=one)
    base = f"s3://{s3_bucket.bucket}/in"
    fetch_prefix(f"{base}/set/", tmp_path / "zip", settings, choose=every)
    assert content(tmp_path / "zip") == IMAGES
    with pytest.raises(LostBlobError):
        fetch_prefix(f"{base}/se/", tmp_path / "zip", settings, choose=every)


@contextmanager
def bucket_of(bucket: S3Bucket) -> Iterator[Any]:
    client = boto3.client(
        "s3",
        endpoint_url=bucket.endpoint_url,
        aws_access_key_id=bucket.access_key,
        aws_secret_access_key=bucket.secret_key,
        region_name=bucket.region,
    )
    yield client
    client.close()
