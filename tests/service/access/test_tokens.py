"""The text of a key: found by scanners, refused when mistyped, kept as a hash."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.access import tokens
from service.ids import new_id
from service.redaction import Redaction
from service.settings import Settings


def test_a_key_has_a_prefix_its_id_and_256_random_bits() -> None:
    key_id = new_id("key")
    text = tokens.new(key_id)
    found = re.fullmatch(r"np_([0-9a-z]{26})_([0-9A-Za-z]{43})[0-9A-Za-z]{6}", text)
    assert found
    assert found[1] == key_id.removeprefix("key_")
    assert 62**43 > 2**256
    assert len({tokens.new(key_id) for _ in range(100)}) == 100


def test_what_is_kept_is_a_hash() -> None:
    text = tokens.new(new_id("key"))
    token = tokens.parse(text)
    assert token
    assert token.sha256 == tokens.digest(text) == hashlib.sha256(text.encode()).hexdigest()
    assert text.split("_")[2] not in repr(token)
    assert token.is_of(tokens.digest(text))
    assert not token.is_of(tokens.digest(tokens.new(new_id("key"))))


@given(position=st.integers(min_value=3, max_value=78), character=st.sampled_from("0aZ_ \n"))
def test_a_mistyped_key_is_known_without_asking(position: int, character: str) -> None:
    text = tokens.new(new_id("key"))
    other = text[:position] + character + text[position + 1 :]
    assert (tokens.parse(other) is None) is (other != text)


@given(st.text(max_size=100))
def test_nothing_else_is_a_key(text: str) -> None:
    assert tokens.parse(text) is None


@pytest.mark.parametrize("changed", [str.upper, lambda text: text + "0", lambda text: text[:-1]])
def test_a_key_is_taken_whole(changed) -> None:
    assert tokens.parse(changed(tokens.new(new_id("key")))) is None


def test_a_key_in_a_text_is_taken_out(tmp_path: Path) -> None:
    text = tokens.new(new_id("key"))
    for path in (f"/v1/names/{text}", f"/v1/names/{text[:-20]}", f"{text}{text}"):
        cleaned = Redaction(Settings(data_dir=tmp_path))(None, "info", {"path": path})["path"]
        assert text.split("_")[2][:20] not in cleaned
        assert "np_***" in cleaned
    assert tokens.without_secrets("np_short, np_") == "np_short, np_"
