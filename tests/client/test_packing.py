"""Folders as archives."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from client import InputError
from client.packing import pack, pack_model


def make(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return folder


def test_the_same_content_is_the_same_file(tmp_path: Path) -> None:
    names = ["cat/2.png", "cat/1.png", "dog/deep/3.png", "dog/.hidden", ".git/x", "README"]
    made = []
    for index, order in enumerate((names, names[::-1])):
        folder, target = make(tmp_path / str(index), *order), tmp_path / f"{index}.zip"
        assert pack(folder, target) == 3
        made.append(target.read_bytes())
        with zipfile.ZipFile(target) as archive:
            assert archive.namelist() == ["cat/1.png", "cat/2.png", "dog/deep/3.png"]
            assert archive.read("dog/deep/3.png") == b"dog/deep/3.png"
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("names", "says"),
    [((), "is empty"), (("a.PNG",), "in no class folder"), (("notes.txt",), "no class folders")],
    ids=["empty", "flat", "other"],
)
def test_what_is_no_folder_of_classes(tmp_path: Path, names: tuple[str, ...], says: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    make(folder, *names)
    with pytest.raises(InputError, match=says):
        pack(folder, tmp_path / "x.zip")


def test_a_model_takes_what_it_needs_along(tmp_path: Path) -> None:
    beside = ["README.md", "config.json", "optimizer.pt", "preprocessor_config.json"]
    folder = make(tmp_path / "model", *beside, "pytorch_model.bin", ".git/config.json")
    assert packed(folder) == ["config.json", "preprocessor_config.json", "pytorch_model.bin"]
    parts = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    make(folder, *parts)
    assert packed(folder) == ["config.json", *parts, "preprocessor_config.json"]
    make(folder, "model.safetensors")
    assert packed(folder) == ["config.json", "model.safetensors", "preprocessor_config.json"]


def packed(folder: Path) -> list[str]:
    target = folder.parent / "model.zip"
    pack_model(folder, target)
    with zipfile.ZipFile(target) as archive:
        return archive.namelist()


def test_a_model_without_weights(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model\.safetensors"):
        pack_model(make(tmp_path / "model", "config.json"), tmp_path / "x.zip")
