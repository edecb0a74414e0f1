"""The text of a key: ``np_<id>_<secret><checksum>``.

The prefix and the checksum let scanners of repositories find keys, and let us refuse what cannot be
one without asking the database. The secret holds 256 random bits, so a plain SHA-256 keeps it: a
slow hash defends guessable passwords, and would cost every request its time here.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass

PREFIX = "np"
KIND = "key_"
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SECRET_LENGTH = 43  # of 62 characters each: 256.03 bits
_CHECK_LENGTH = 6
_FORM = re.compile(
    rf"{PREFIX}_([0-9a-hjkmnp-tv-z]{{26}})_[0-9A-Za-z]{{{_SECRET_LENGTH + _CHECK_LENGTH}}}"
)

_ANY = re.compile(rf"{PREFIX}_[0-9a-z]{{26}}_[0-9A-Za-z]{{0,{_SECRET_LENGTH + _CHECK_LENGTH}}}")


@dataclass(frozen=True)
class Token:
    """What a caller sent, in the right form; ``key_id`` says whose secret it should be."""

    key_id: str
    sha256: str

    def is_of(self, sha256: str) -> bool:
        """Whether it is the key with this hash; takes the same time whatever differs."""
        return hmac.compare_digest(self.sha256, sha256)


def new(key_id: str) -> str:
    """The text of a new key with this id, to be shown once."""
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_LENGTH))
    text = f"{PREFIX}_{key_id.removeprefix(KIND)}_{secret}"
    return text + _checksum(text)


def digest(text: str) -> str:
    """What is kept of it."""
    return hashlib.sha256(text.encode()).hexdigest()


def parse(text: str) -> Token | None:
    """None when it cannot be a key of ours."""
    found = _FORM.fullmatch(text)
    if found is None or text[-_CHECK_LENGTH:] != _checksum(text[:-_CHECK_LENGTH]):
        return None
    return Token(KIND + found[1], digest(text))


def without_secrets(text: str) -> str:
    """The text with ``np_***`` in place of whatever may be a key."""
    return _ANY.sub(f"{PREFIX}_***", text)


def _checksum(text: str) -> str:
    rest, made = zlib.crc32(text.encode()), ""
    for _ in range(_CHECK_LENGTH):
        rest, digit = divmod(rest, len(_ALPHABET))
        made = _ALPHABET[digit] + made
    return made
