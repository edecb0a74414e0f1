"""Folders of class folders as archives."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from client import InputError
from client.packing import pack


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
