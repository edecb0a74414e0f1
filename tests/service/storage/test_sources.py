"""References to data outside: only what the settings allow, only as much as is allowed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import LostBlobError, SourceRefusedError, TooLargeError, UnavailableError
from service.settings import Settings
from service.storage.s3 import S3Store, s3_client
from service.storage.sources import fetch_source, require_allowed

SETTINGS = Settings(sources=("s3://data/clean", "s3://open/"))


@pytest.mark.parametrize(
    "uri", ["s3://data/clean", "s3://data/clean/a/b.npz", "s3://open/x", "s3://open/x/y z.zip"]
)
def test_what_lies_under_a_source(uri: str) -> None:
    require_allowed(uri, SETTINGS)


@pytest.mark.parametrize(
    "uri",
    [
        "s3://data/cleaner",
        "s3://data/",
        "s3://data",
        "s3://opener/x",
        "s3://data/clean/../secret",
        "s3://data/clean/./../secret",
        "s3://data/clean/./x",
        "s3://data/clean/..",
        "s3://data/clean/%2e%2e/secret",
        "s3://data/clean/%252E%252e/secret",
        "s3://data/clean/..%2fsecret",
        "s3://data/clean\\..\\..\\secret",
        "s3://data//clean/x",
        "s3://data/Clean/x",
        "s3://Data/clean/x",
        "s3://data/clea",
        "s3://data/cleanx/y",
        "s3://data/clean\u2215x",
        "s3://data/cle\u0430n/x",
        "s3://data/clean/\n../secret",
        "s3://data/clean/.\t./secret",
        " s3://data/clean/x",
        "s3://data/clean/\x00",
        "s3://user@data/clean/x",
        "s3://data:80/clean/x",
        "s3://data.other/clean/x",
        "s3:/data/clean/x",
        "s3://arn:aws:s3:::data/clean/x",
        "s3://data/clean/x?versionId=1",
        "s3://data/clean/x#y",
        "S3://data/clean/x",
        "http://data/clean/x",
        "file:///data/clean/x",
        "data/clean/x",
        "",
    ],
)
def test_what_does_not(uri: str) -> None:
    with pytest.raises(SourceRefusedError):
        require_allowed(uri, SETTINGS)


@given(st.text(max_size=50))
def test_nothing_is_allowed_without_sources(uri: str) -> None:
    with pytest.raises(SourceRefusedError):
        require_allowed(uri, Settings())


@pytest.mark.server
def test_an_allowed_object_is_fetched(
    s3_bucket, tmp_path: Path, make_file: Callable[[bytes], Path]
) -> None:
    settings = Settings(
        data_dir=tmp_path,
        sources=(f"s3://{s3_bucket.bucket}/in",),
        s3_endpoint_url=s3_bucket.endpoint_url,
        s3_access_key_id=s3_bucket.access_key,
        s3_secret_access_key=s3_bucket.secret_key,
        s3_region=s3_bucket.region,
        max_upload_bytes=10,
    )
    store = S3Store(s3_client(settings), s3_bucket.bucket, "")
    store.put("in/clean", make_file(b"0123456789"))
    store.put("in/large", make_file(b"0123456789a"))
    store.put("out/secret", make_file(b"x"))
    target = tmp_path / "fetched"
    base = f"s3://{s3_bucket.bucket}"
    digest = fetch_source(f"{base}/in/clean", target, settings)
    assert target.read_bytes() == b"0123456789"
    assert digest == hashlib.sha256(b"0123456789").hexdigest()
    with pytest.raises(TooLargeError):
        fetch_source(f"{base}/in/large", target, settings)
    with pytest.raises(SourceRefusedError):
        fetch_source(f"{base}/out/secret", target, settings)
    with pytest.raises(LostBlobError, match="in/absent"):
        fetch_source(f"{base}/in/absent", target, settings)


def test_an_unreachable_server(tmp_path: Path) -> None:
    settings = Settings(
        sources=("s3://b/",),
        s3_endpoint_url="http://127.0.0.1:9",
        s3_access_key_id="a",
        s3_secret_access_key="hush",
    )
    with pytest.raises(UnavailableError) as raised:
        fetch_source("s3://b/key", tmp_path / "x", settings)
    assert "hush" not in str(raised.value)
