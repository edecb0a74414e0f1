"""How people say where something is."""

from __future__ import annotations

from pathlib import Path

import pytest

from client import InputError, Source

DIGEST = "ab" * 32


@pytest.mark.parametrize(
    ("given", "source"),
    [
        ("clean.npz", Source(path=Path("clean.npz"))),
        ("a#b/clean.npz", Source(path=Path("a#b/clean.npz"))),
        (f"m.pt#sha256={DIGEST.upper()}", Source(path=Path("m.pt"), sha256=DIGEST)),
        ("file:///a%20b/m", Source(path=Path("/a b/m"))),
        ("upl_1", Source(upload="upl_1")),
        (f"s3://b/k#sha256={DIGEST}", Source(uri="s3://b/k", sha256=DIGEST)),
        ("c:clean.npz", Source(path=Path("c:clean.npz"))),
    ],
)
def test_what_is_meant(given: str, source: Source) -> None:
    assert Source.parse(given) == source
    assert Source.parse(source) is source


@pytest.mark.parametrize("given", ["http://x/y", "gs://b/k", "m.pt#sha256=12"])
def test_what_is_not_read(given: str) -> None:
    with pytest.raises(InputError):
        Source.parse(given)


def test_what_the_api_is_told() -> None:
    assert Source.parse(f"s3://b/k#sha256={DIGEST}").reference == {
        "uri": "s3://b/k",
        "sha256": DIGEST,
    }
    assert Source.parse("upl_1").reference == {"upload": "upl_1"}
