"""Every hostile file is refused by name, within little memory, and none of its code is run."""

from __future__ import annotations

import pickle
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from polarizer.checkpoints import load_classifier
from polarizer.datasets import read_images
from polarizer.errors import DataError, ModelError, PolarizerError
from tests.polarizer.archives import (
    CLASSES,
    class_folders,
    encoded,
    pixels,
    spec,
    write_npz,
    write_tar,
    write_zip,
)
from tests.polarizer.datasets.parquet_file import SNAPPY, images_table
from tests.polarizer.hostile import DATASETS, MODELS, datasets, models
from tests.polarizer.hostile.onnx_files import ONNX
from tests.polarizer.hostile.pickles import Payload
from tests.polarizer.models import description, state

_ROOM = 512 * 2**20  # bytes that reading may take, beside what the process has

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def little_memory() -> Iterator[None]:
    """Allocations beyond the room fail, so that a file that asks for gigabytes is found out."""
    if sys.platform != "linux":
        pytest.skip("the memory of a process is bounded on Linux only")
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + _ROOM, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


# What the message has to say, where another check further down would refuse the file as well.
WHY_MODEL = {
    "entries that overlap": "overlaps",
    "encrypted entries": "send the archive without a password",
    "four billion entries": "more than 81,000 entries",
    "a storage larger than its record": "number of bytes",
    "an artefact of a huge network": "asks for more than",
    **{name: "ONNX|no weights|asks for more|those of onnx" for name in ONNX if "NaN" not in name},
    **dict.fromkeys(models.PICKLES, "(pickle|more than hold weights).*Export the weights alone"),
    **dict.fromkeys(models.OTHER_FORMATS, "Export the weights alone|unusual way"),
}
WHY_DATA_SET = {
    "a zip bomb": "unpacks to",
    "a zip bomb of overlaps": "overlaps",
    "a bomb in gzip": "at most 67,108,864",
    "a dictionary of 1.5 GB": "Memory usage limit",
    "an extended header of 8 GB": "extended header of 8,589,934,592",
    "a name of 8 GB": "extended header of 8,589,934,592",
    "a sparse file by extension": "sparse",
    "an array of 256 TB": "its shape",
    "an array longer than its file": "should have 262,",
    "arrays in a bomb": "unpacks to",
    "an array of objects": "plain numbers",
    "a name twice": "twice",
    "a page in a bomb": "unpacks to more",
    "a page of copies": "unpacks to more",
    "a dictionary of a billion": "dictionary of more values",
    "a billion rows": "1,000,000,000 rows",
    "a footer of structures": "too many values|longer than its header",
    "a class of a megabyte": "too long to be a class",
    "tars in a zip in a bomb": "unpacks to",
    **dict.fromkeys(datasets.PATHS, "points outside|link|device|nested"),
    **{name: "pixels; at most 50000000 " for name in datasets.MEMORY if " x " in name},
}


@pytest.mark.parametrize("name", MODELS)
def test_a_hostile_model_is_refused(tmp_path: Path, name: str, little_memory: None) -> None:
    path, marker = tmp_path / "model", tmp_path / "marker"
    path.write_bytes(MODELS[name](marker))
    describes_itself = name in ONNX or b"polarizer.format" in path.read_bytes()
    described = None if describes_itself else description()
    with pytest.raises(ModelError, match=WHY_MODEL.get(name, ".")) as caught:
        load_classifier(path, described)
    assert not marker.exists()
    _assert_readable(str(caught.value))


@pytest.mark.parametrize("name", DATASETS)
def test_a_hostile_data_set_is_refused(tmp_path: Path, name: str, little_memory: None) -> None:
    path, marker = tmp_path / "in" / "set", tmp_path / "marker"
    path.parent.mkdir()
    path.write_bytes(DATASETS[name](marker))
    with pytest.raises(DataError, match=WHY_DATA_SET.get(name, ".")) as caught:
        read_images(path, spec=spec(), classes=CLASSES)
    assert not marker.exists()
    assert [found.name for found in tmp_path.rglob("*")] == ["in", "set"]
    _assert_readable(str(caught.value))


def _assert_readable(message: str) -> None:
    """One line for people: not empty, not endless, nothing that a terminal would obey."""
    assert message.isprintable()
    assert 20 < len(message) < 1200


def test_the_payload_would_have_run(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Payload(tmp_path / "marker")))
    assert (tmp_path / "marker").exists()


def _npz(path: Path) -> None:
    write_npz(path, compressed=True, images=torch.zeros(2, 8, 8).byte().numpy(), labels=[0, 1])


GOOD: dict[str, Callable[[Path], object]] = {
    "safetensors": lambda path: save_file(state(), path),
    "torch": lambda path: torch.save({"model": state(), "epoch": 1}, path),
    "zip": lambda path: write_zip(path, class_folders()),
    "tar": lambda path: write_tar(path, class_folders()),
    "gzip": lambda path: write_tar(path, class_folders(), "gz"),
    "bzip2": lambda path: write_tar(path, class_folders(), "bz2"),
    "xz": lambda path: write_tar(path, class_folders(), "xz"),
    "npz": _npz,
    "parquet": lambda path: path.write_bytes(
        images_table([encoded(pixels())] * 3, [0, 1, 2], codec=SNAPPY)
    ),
    "webdataset": lambda path: write_tar(path, {"0.png": encoded(pixels()), "0.cls": b"1"}),
}


@pytest.mark.parametrize("kind", GOOD)
@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_good_file_with_changed_bytes_is_read_or_refused(
    tmp_path: Path, kind: str, data: st.DataObject
) -> None:
    path = tmp_path / "file"
    GOOD[kind](path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        # The ends hold most of the structure.
        place = data.draw(st.integers(-600, min(600, len(content) - 1)))
        content[max(place, -len(content))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.none() | st.integers(0, len(content)))
    path.write_bytes(content[:cut])
    with suppress(PolarizerError):
        if kind in ("safetensors", "torch"):
            load_classifier(path, description())
        else:
            read_images(path, spec=spec(), classes=CLASSES)
