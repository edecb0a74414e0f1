"""Clients of S3: each its own session, and what boto3 knows of S3 read once for all."""

from __future__ import annotations

import pytest
from botocore.loaders import JSONFileLoader
from pydantic import SecretStr

from service.settings import Settings
from service.storage.s3 import s3_client


def client(name: str) -> object:
    return s3_client(
        Settings(
            s3_endpoint_url="http://127.0.0.1:9",
            s3_access_key_id=name,
            s3_secret_access_key=SecretStr("secret"),
        )
    )


def test_a_second_client_reads_no_descriptions(monkeypatch: pytest.MonkeyPatch) -> None:
    first = client("first")
    read: list[str] = []
    load = JSONFileLoader.load_file

    def watched(self: JSONFileLoader, path: str) -> object:
        read.append(path)
        return load(self, path)

    monkeypatch.setattr(JSONFileLoader, "load_file", watched)
    second = client("second")
    assert read == []
    keys = [one._request_signer._credentials.access_key for one in (first, second)]
    assert keys == ["first", "second"]
