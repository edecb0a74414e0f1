"""Signatures: verified by OpenSSF Model Signing's own command, refused when anything differs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from model_signing import verifying

from service.models.signing import SigningKeyError, require_usable
from service.settings import Settings
from tests.service.conftest import TEST_LIMITS, Site, migrate, running
from tests.service.defenses.conftest import Worker
from tests.service.defenses.test_endpoints import make
from tests.service.models.test_report import add
from tests.service.reports import samples
from tests.service.test_app import problem

CURVES = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1()}


def write_pair(folder: Path, curve: ec.EllipticCurve) -> tuple[Path, Path]:
    """A private key and its public one."""
    key = ec.generate_private_key(curve)
    private, public = folder / "signing.key", folder / "signing.pub"
    private.write_bytes(pem(key))
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return private, public


def pem(
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, password: bytes | None = None
) -> bytes:
    locked = serialization.BestAvailableEncryption(password) if password else None
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        locked or serialization.NoEncryption(),
    )


@pytest.fixture(params=CURVES.values(), ids=CURVES)
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
    return write_pair(tmp_path, request.param)


@pytest.fixture
def signing_site(pair: tuple[Path, Path], tmp_path: Path) -> Iterator[Site]:
    settings = Settings(data_dir=tmp_path / "data", signing_key=pair[0], **TEST_LIMITS)
    settings.data_dir.mkdir()
    migrate(settings)
    with running(settings) as site:
        yield site


def verify(folder: Path, public: Path) -> None:
    """By the package itself. Raises ValueError."""
    config = verifying.Config().use_elliptic_key_verifier(public_key=public)
    config.verify(folder, folder.parent / "model.sig")


def download(site: Site, model_id: str, folder: Path) -> None:
    folder.mkdir()
    place = f"/v1/models/{model_id}"
    files = {
        folder / "model.safetensors": "/file?redirect=false",
        folder / "report.json": "/report",
        folder.parent / "model.sig": "/signature",
    }
    for target, path in files.items():
        answer = site.client.get(place + path)
        assert answer.status_code == 200
        target.write_bytes(answer.content)


def test_a_model_and_its_report_are_signed(
    signing_site: Site, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    defense_id = make(signing_site)
    worker = Worker(signing_site.resources, tmp_path)
    worker.succeed(worker.claim(defense_id), samples.everything().model_dump_json().encode())
    model_id = add(signing_site, tmp_path, defense_id)
    shown = signing_site.client.get(f"/v1/models/{model_id}")
    assert f"</v1/models/{model_id}/signature>" in shown.headers["link"]
    taken = tmp_path / "taken"
    download(signing_site, model_id, taken)
    verify(taken, pair[1])
    for name in ("model.safetensors", "report.json"):
        file = taken / name
        content = file.read_bytes()
        file.write_bytes(bytes([content[0] ^ 1]) + content[1:])
        with pytest.raises(ValueError, match=name):
            verify(taken, pair[1])
        file.write_bytes(content)
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(ValueError, match="[Kk]ey"):
        verify(taken, write_pair(other, ec.SECP256R1())[1])


def test_a_model_without_a_defense_is_signed_alone(
    signing_site: Site, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    model_id = add(signing_site, tmp_path, None)
    answer = signing_site.client.get(f"/v1/models/{model_id}/signature")
    assert answer.headers["content-type"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    assert 'filename="model.sig"' in answer.headers["content-disposition"]
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "model.sig").write_bytes(answer.content)
    (taken / "model.safetensors").write_bytes(b"artefact")
    public = ["--public_key", str(pair[1])]
    done = subprocess.run(
        [sys.executable, "-m", "model_signing", "verify", "key", str(taken), *public]
        + ["--signature", str(taken / "model.sig")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    missing = signing_site.client.get("/v1/models/mdl_none/signature")
    assert "mdl_none" in str(problem(missing, 404, "not-found")["detail"])


def test_nothing_is_signed_without_a_key(small_site: Site, tmp_path: Path) -> None:
    model_id = add(small_site, tmp_path, None)
    answer = small_site.client.get(f"/v1/models/{model_id}/signature")
    assert "POLARIZER_SIGNING_KEY" in str(problem(answer, 404, "not-found")["detail"])
    assert "link" not in small_site.client.get(f"/v1/models/{model_id}").headers


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"", "no private key"),
        (pem(ec.derive_private_key(7, ec.SECP256K1())), "prime256v1"),
        (pem(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))), "prime256v1"),
        (pem(ec.derive_private_key(7, ec.SECP256R1()), b"secret"), "without a password"),
    ],
    ids=["missing", "empty", "curve", "kind", "locked"],
)
def test_a_key_that_cannot_be_used_is_told_at_the_start(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    key = tmp_path / "signing.key"
    if content is not None:
        key.write_bytes(content)
    with pytest.raises(SigningKeyError, match=words) as caught:
        require_usable(key)
    assert "secret" not in str(caught.value)
    require_usable(None)
