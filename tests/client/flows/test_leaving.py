"""Everything of a tenant brought here and checked; everything deleted, and the proof checked."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from client import DigestError, Polarizer, Retries, UnreachableError
from client.command.app import app
from client.flows import leaving
from tests.client.wobbly import Say, wobbly

TAR = {"content-type": "application/x-tar"}
FILES = {"rows/uploads.jsonl": b'{"id":"upl_1"}\n', "blobs/x": b"content"}


def archive(files: dict[str, bytes], promised: dict[str, bytes] | None) -> bytes:
    """With the digests of ``promised``, or none."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as tar:
        if promised is not None:
            lines = (
                f"{hashlib.sha256(content).hexdigest()}  {name}\n"
                for name, content in promised.items()
            )
            files = files | {"SHA256SUMS": "".join(lines).encode()}
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return sink.getvalue()


def bring(answer: Say, path: Path) -> Path:
    with wobbly(answer) as server, Polarizer(server.url, retries=Retries(attempts=1)) as service:
        return service.tenant.export(path)


def test_an_archive_is_brought_and_checked(tmp_path: Path) -> None:
    sent = archive(FILES, FILES)
    assert bring(Say(body=sent, headers=TAR), tmp_path / "all.tar").read_bytes() == sent
    assert [path.name for path in tmp_path.iterdir()] == ["all.tar"]


@pytest.mark.parametrize(
    ("sent", "word"),
    [
        (archive(FILES, None), "not whole"),
        (archive(FILES, FILES | {"blobs/x": b"other"}), "not those"),
        (archive(FILES, {"blobs/x": FILES["blobs/x"]}), "not those"),
        (archive({}, FILES), "not those"),
        (b"no archive at all" * 100, "damaged"),
    ],
    ids=["no end", "other bytes", "one too many", "nothing", "garbage"],
)
def test_what_is_not_whole_is_not_kept(tmp_path: Path, sent: bytes, word: str) -> None:
    with pytest.raises(DigestError, match=word):
        bring(Say(body=sent, headers=TAR), tmp_path / "all.tar")
    assert list(tmp_path.iterdir()) == []


def test_a_broken_connection_is_told_and_begun_anew(tmp_path: Path) -> None:
    sent = archive(FILES, FILES)
    with pytest.raises(UnreachableError):
        bring(Say(body=sent, headers=TAR, cut=700), tmp_path / "all.tar")
    assert not (tmp_path / "all.tar").exists()
    assert bring(Say(body=sent, headers=TAR), tmp_path / "all.tar").read_bytes() == sent


PROOF = b'{"erasure":"era_1"}\n{"kind":"uploads","id":"upl_1"}\n'
ASKED = {
    "id": "era_1",
    "tenant": "acme",
    "everything": False,
    "deleted": 1,
    "sha256": None,
    "requested_by": None,
    "created_at": "2026-11-01T00:00:00Z",
    "finished_at": None,
}
DONE = ASKED | {
    "sha256": hashlib.sha256(PROOF).hexdigest(),
    "finished_at": "2026-11-01T00:00:09Z",
}


def said(body: dict[str, object], status: int = 200) -> Say:
    return Say(status, json.dumps(body).encode())


def test_an_erasure_is_waited_for_and_its_proof_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaving, "POLL_SECONDS", 0)
    proof = Say(body=PROOF, headers={"content-type": "application/jsonl"})
    with wobbly(said(ASKED, 202), said(ASKED), said(DONE), proof) as server:
        out = tmp_path / "proof"
        arguments = ["--url", server.url, "erase", "--confirm", "acme", "--out", str(out)]
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, done.output
        assert json.loads(server.asked[0].body) == {"confirm": "acme"}
        assert [asked.path for asked in server.asked[1:]] == [
            "/v1/erasures/era_1",
            "/v1/erasures/era_1",
            "/v1/erasures/era_1/certificate",
        ]
    assert out.read_bytes() == PROOF
    assert str(DONE["sha256"]) in done.stdout


def test_another_proof_is_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "POLL_SECONDS", 0)
    forged = Say(body=PROOF + b"\n", headers={"content-type": "application/jsonl"})
    with (
        wobbly(said(ASKED, 202), said(DONE), forged) as server,
        Polarizer(server.url) as service,
        pytest.raises(DigestError),
    ):
        service.tenant.erase_and_wait(confirm="acme")


# With a real service


def test_a_real_archive_and_periods(url: str, tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["--url", url, "--json", *arguments])
        assert done.exit_code == 0, done.output
        return done.stdout

    path = tmp_path / "all.tar"
    told = json.loads(run("export", str(path)))["data"]
    assert told == {"path": str(path), "size": path.stat().st_size}
    with tarfile.open(path) as tar:
        assert "rows/tenants.jsonl" in tar.getnames()
    found = json.loads(run("retention", "--events", "3650"))["data"]
    assert found["own"]["events_days"] == 3650
    assert json.loads(run("retention"))["data"]["periods"]["events_days"] == 3650
