"""A model in another format: whole or not at all."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from client import AnswerError, ConflictError, DigestError, Polarizer, UnreachableError
from tests.client.wobbly import Say, wobbly

CONTENT = bytes(range(256)) * 40


def said(content: bytes, *, cut: int | None = None, of: bytes | None = None) -> Say:
    """An export; ``of``: what the digest is of, if not of the content."""
    digest = base64.b64encode(hashlib.sha256(of or content).digest()).decode()
    headers = {"content-type": "application/octet-stream", "repr-digest": f"sha-256=:{digest}:"}
    return Say(body=content, headers=headers, cut=cut)


def packed(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, name)
    return file.getvalue()


def bring(answer: Say, path: Path, wanted: str) -> Path:
    with wobbly(answer) as server, Polarizer(server.url) as service:
        made = service.models.export("mdl_1", path, wanted)
        assert server.asked[0].path == f"/v1/models/mdl_1/export?format={wanted}"
    return made


def test_a_file_is_brought(tmp_path: Path) -> None:
    made = bring(said(CONTENT), tmp_path / "m.onnx", "onnx")
    assert made == tmp_path / "m.onnx"
    assert made.read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]


def test_a_repository_is_unpacked_in_its_place(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    old = folder / "mdl_1" / "2" / "old"
    old.parent.mkdir(parents=True)
    old.write_text("of before")
    (folder / "other").mkdir()
    made = bring(said(packed("mdl_1/config.pbtxt", "mdl_1/1/model.onnx")), folder, "triton")
    assert made == folder / "mdl_1"
    assert (made / "1" / "model.onnx").read_text() == "mdl_1/1/model.onnx"
    assert sorted(path.name for path in folder.iterdir()) == ["mdl_1", "other"]
    assert not old.exists()


@pytest.mark.parametrize(
    "names",
    [("mdl_1/../../x",), ("/etc/x",), ("mdl_1/x", "b/x"), ("b/x",), ("mdl_1",), ()],
    ids=["outside", "absolute", "two folders", "another folder", "no folder", "nothing"],
)
def test_what_is_no_repository_is_not_unpacked(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(AnswerError, match="no model repository"):
        bring(said(packed(*names)), tmp_path / "in", "triton")
    assert not list(tmp_path.rglob("x"))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (said(CONTENT, of=b"other"), DigestError),
        (said(CONTENT, cut=100), UnreachableError),
        (Say(body=CONTENT, headers={"content-type": "application/octet-stream"}), AnswerError),
        (Say(409, b'{"type": "urn:polarizer:problem:conflict"}'), ConflictError),
    ],
    ids=["another file", "broken off", "no digest", "no such form"],
)
def test_nothing_is_left_of_what_fails(tmp_path: Path, answer: Say, error: type[Exception]) -> None:
    with pytest.raises(error):
        bring(answer, tmp_path / "m.onnx", "onnx")
    assert list(tmp_path.iterdir()) == []
