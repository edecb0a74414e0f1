import io
import pickle
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.attacks.cifar import read_cifar

LABELS = {"data_batch_1": [3, 0], "data_batch_2": [9, 1], "test_batch": [5, 7]}
IMAGES = {
    name: np.random.default_rng(number).integers(0, 256, (2, 3, 32, 32), np.uint8)
    for number, name in enumerate(LABELS)
}


def _pickled(name, **changes):
    batch = {b"data": IMAGES[name].reshape(2, -1), b"labels": LABELS[name], b"batch_label": b"x"}
    return pickle.dumps(batch | changes, protocol=2)


def _binary(name):
    labels = np.array(LABELS[name], np.uint8)[:, None]
    return np.concatenate([labels, IMAGES[name].reshape(2, -1)], axis=1).tobytes()


FORMS = {"python": ("", _pickled), "binary": (".bin", _binary)}


def _check(path):
    training, test = read_cifar(path)
    expected = np.concatenate([IMAGES["data_batch_1"], IMAGES["data_batch_2"]])
    assert torch.equal(training.images, torch.from_numpy(expected))
    assert training.labels.tolist() == [3, 0, 9, 1]
    assert torch.equal(test.images, torch.from_numpy(IMAGES["test_batch"]))
    assert test.labels.tolist() == [5, 7]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("below", ["", "cifar-10-batches"])
def test_a_folder_of_batches(tmp_path, form, below):
    suffix, content = FORMS[form]
    folder = tmp_path / below
    folder.mkdir(exist_ok=True)
    (folder / "batches.meta").write_bytes(b"not read")
    for name in LABELS:
        (folder / f"{name}{suffix}").write_bytes(content(name))
    _check(tmp_path)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_an_archive_of_batches(tmp_path, form, mode):
    suffix, content = FORMS[form]
    with tarfile.open(tmp_path / "cifar.tar", mode) as archive:
        for name in LABELS:
            info = tarfile.TarInfo(f"cifar-10/{name}{suffix}")
            info.size = len(content(name))
            archive.addfile(info, io.BytesIO(content(name)))
    _check(tmp_path / "cifar.tar")


def test_an_npz(tmp_path):
    training = np.concatenate([IMAGES["data_batch_1"], IMAGES["data_batch_2"]])
    np.savez(
        tmp_path / "cifar.npz",
        x_train=training.transpose(0, 2, 3, 1),
        y_train=np.array([[3], [0], [9], [1]]),
        x_test=IMAGES["test_batch"].transpose(0, 2, 3, 1),
        y_test=np.array([[5], [7]]),
    )
    _check(tmp_path / "cifar.npz")


def test_folders_of_images_by_class(tmp_path):
    for part in ("train", "test"):
        for number, name in enumerate(("airplane", "bird")):
            (tmp_path / part / name).mkdir(parents=True)
            pixels = IMAGES["test_batch"][number].transpose(1, 2, 0)
            Image.fromarray(pixels).save(tmp_path / part / name / "0001.png")
    for images in read_cifar(tmp_path):
        assert torch.equal(images.images, torch.from_numpy(IMAGES["test_batch"]))
        assert images.labels.tolist() == [0, 1]


def test_a_batch_that_would_run_code_is_refused(tmp_path):
    for name in LABELS:
        (tmp_path / name).write_bytes(_pickled(name, more=print))
    with pytest.raises(ValueError, match="asks for .*print, which CIFAR-10 does not hold"):
        read_cifar(tmp_path)


def test_what_is_no_copy_is_refused_with_the_forms_that_are_read(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    for path in (tmp_path, tmp_path / "notes.txt", tmp_path / "missing"):
        with pytest.raises(ValueError, match="no copy of CIFAR-10 .* python batches"):
            read_cifar(path)


def test_an_npz_without_a_test_set_is_refused(tmp_path):
    np.savez(tmp_path / "half.npz", x_train=np.zeros((1, 32, 32, 3), np.uint8))
    with pytest.raises(ValueError, match="it needs x_train, y_train, x_test, y_test"):
        read_cifar(tmp_path / "half.npz")
