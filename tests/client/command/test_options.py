"""Options that come from files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from client import DigestError, InputError, Source
from client.command.options import config_of, description_of, target_of, weights_of


def test_hyper_parameters_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('steps = 5\nmethod = "npd"\nseed = 1\n')
    found = config_of(
        str(path), ["steps=7", 'layers=["a"]', "note=plain"], method="deep", seed=None
    )
    assert found == {"steps": 7, "method": "deep", "seed": 1, "layers": ["a"], "note": "plain"}
    assert config_of(None, [], method=None) is None
    assert config_of("", []) is None
    assert config_of(' {"steps": 3}', []) == {"steps": 3}


@pytest.mark.parametrize("content", ["{", "[1]", ""], ids=["broken", "list", "empty"])
def test_a_file_that_holds_no_object(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(content)
    with pytest.raises(InputError, match="config.json"):
        config_of(str(path), [])


def test_where_a_description_is(tmp_path: Path) -> None:
    model = Source(path=tmp_path / "model.bin")
    assert description_of(model, None) is None
    assert description_of(model, "") is None
    (tmp_path / "model.json").write_text('{"classes": 1}')
    assert description_of(model, None) == {"classes": 1}
    assert description_of(model, ' {"classes": 2}') == {"classes": 2}
    (tmp_path / "other.json").write_text('{"classes": 3}')
    assert description_of(model, str(tmp_path / "other.json")) == {"classes": 3}
    assert description_of(Source(uri="s3://b/k"), None) is None
    with pytest.raises(InputError, match="--description"):
        description_of(model, "{broken")


def test_the_weights_of_a_folder(tmp_path: Path) -> None:
    folder = Source(path=tmp_path)
    with pytest.raises(InputError, match="none"):
        weights_of(folder)
    (tmp_path / "best.pt").touch()
    (tmp_path / "model.json").touch()
    assert weights_of(folder) == Source(path=tmp_path / "best.pt")
    (tmp_path / "last.pt").touch()
    with pytest.raises(InputError, match=r"best.pt, last.pt"):
        weights_of(folder)
    (tmp_path / "model.safetensors").touch()
    assert weights_of(folder) == Source(path=tmp_path / "model.safetensors")
    assert weights_of(Source(upload="upl_1")) == Source(upload="upl_1")


def test_a_hugging_face_folder_is_one_thing(tmp_path: Path) -> None:
    folder, weights = Source(path=tmp_path), tmp_path / "model.safetensors"
    (tmp_path / "config.json").write_text("{}")
    weights.write_bytes(b"")
    (tmp_path / "old.safetensors").touch()
    assert weights_of(folder) == weights_of(Source(path=weights)) == folder
    assert description_of(folder, None) is None
    other = Source(path=tmp_path / "old.safetensors")
    assert weights_of(other) == other
    empty = hashlib.sha256().hexdigest()
    assert weights_of(Source(path=weights, sha256=empty)) == folder
    with pytest.raises(DigestError):
        weights_of(Source(path=weights, sha256="0" * 64))
    (tmp_path / "model.json").write_text('{"classes": 1}')
    assert weights_of(folder) == Source(path=weights)
    assert description_of(Source(path=weights), None) == {"classes": 1}
    (tmp_path / "inner").mkdir()
    assert description_of(Source(path=tmp_path / "inner"), None) is None


def test_a_class_by_index_or_name() -> None:
    assert [target_of(given) for given in ("3", "cat", "-1", None)] == [3, "cat", "-1", None]
