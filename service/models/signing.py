"""Signatures of models and their reports, as OpenSSF Model Signing 1.0 has them: a Sigstore bundle
that `model_signing verify key` checks against the operator's public key.

What is signed are the digests that the service knows; no file is read for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIGNATURE_FILE = "model.sig"
MODEL_FILE, REPORT_FILE = "model.safetensors", "report.json"
"""What the files must be called where they are verified."""


class SigningKeyError(ValueError):
    """``POLARIZER_SIGNING_KEY`` cannot be used."""


def require_usable(key: Path | None) -> None:
    """Raises SigningKeyError for a key that nothing could be signed with; None is none."""
    if key is not None:
        _configured(key)


def signed(key: Path, name: str, digests: Mapping[str, str]) -> bytes:
    """The bundle over files of these names and sha256 digests. ``name`` is for people, and no part
    of what is verified. Raises SigningKeyError."""
    config = _configured(key)
    with TemporaryDirectory(prefix="signature-") as folder:
        target = Path(folder) / SIGNATURE_FILE
        config.set_hashing_config(_Known(digests)).sign(Path(name), target)
        return target.read_bytes()


@dataclass(frozen=True)
class _Known:
    """In the place of what would read the files of a folder: their digests by their names."""

    digests: Mapping[str, str]

    def hash(self, model_path: Path) -> Any:  # noqa: ANN401
        """The manifest to sign."""
        manifest, hashing = _package("manifest"), _package("_hashing.hashing")
        kind = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
        serialization = manifest.SerializationType.from_args(kind)
        items = [
            serialization.new_item(name, hashing.Digest("sha256", bytes.fromhex(sha256)))
            for name, sha256 in self.digests.items()
        ]
        return manifest.Manifest(model_path.name, items, serialization)


def _package(module: str) -> Any:  # noqa: ANN401
    """The package is an extra, and its functions are only half typed."""
    return import_module(f"model_signing.{module}")


@lru_cache(maxsize=1)
def _configured(key: Path) -> Any:  # noqa: ANN401
    """Takes a second: the package loads all of Sigstore."""
    try:
        signing = _package("signing")
    except ImportError as error:
        raise SigningKeyError(
            "POLARIZER_SIGNING_KEY is set, and the package model-signing is not installed:"
            " pip install 'neural-polarizer-service[signing]'"
        ) from error
    try:
        return signing.Config().use_elliptic_key_signer(private_key=key)
    except OSError as error:
        raise SigningKeyError(f"POLARIZER_SIGNING_KEY: {key}: {error.strerror}") from error
    except (ValueError, TypeError, AttributeError) as error:  # of other kinds, or with a password
        raise SigningKeyError(
            f"POLARIZER_SIGNING_KEY: {key} is no private key that can be used: PEM without a"
            " password, on one of the curves prime256v1, secp384r1, secp521r1"
        ) from error
