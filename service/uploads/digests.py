"""What a caller says that the bytes are: ``?sha256=`` or a ``Content-Digest`` header (RFC 9530)."""

from __future__ import annotations

import base64
import binascii
import re

from service.errors import InvalidRequestError

_MEMBER = re.compile(r"sha-256=:([A-Za-z0-9+/=]+):")


def promised_digest(sha256: str | None, content_digest: str | None) -> str | None:
    """The sha256 in hex that both name, or the one that is given; None without any.

    Raises InvalidRequestError when they differ or the header holds no readable sha-256 although
    it names one. Other algorithms in the header are left to others to check.
    """
    from_header = _of_header(content_digest) if content_digest else None
    given = {digest for digest in (sha256, from_header) if digest}
    if len(given) > 1:
        raise InvalidRequestError("sha256 and Content-Digest name different digests")
    return given.pop() if given else None


def require_equal(promised: str | None, found: str) -> None:
    """Raises InvalidRequestError when another digest was promised."""
    if promised is not None and promised != found:
        raise InvalidRequestError(f"the bytes have sha256 {found}, not {promised} as promised")


def _of_header(content_digest: str) -> str | None:
    member = _MEMBER.search(content_digest)
    if member is None:
        if "sha-256=" in content_digest:
            raise InvalidRequestError("Content-Digest: sha-256 must be sha-256=:BASE64:")
        return None
    try:
        digest = base64.b64decode(member[1], validate=True)
    except binascii.Error as error:
        raise InvalidRequestError("Content-Digest: sha-256 is not base64") from error
    if len(digest) != 32:
        raise InvalidRequestError(f"Content-Digest: sha-256 has {len(digest)} bytes, not 32")
    return digest.hex()
