"""An ``.npz`` with ``images`` and ``labels``, as ``numpy.savez`` writes it."""

from __future__ import annotations

from typing import Any
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from polarizer.datasets.decoding import fit
from polarizer.datasets.limits import DatasetLimits
from polarizer.datasets.npy import LONGEST_HEADER, array_from, parse_npy_header
from polarizer.datasets.zip_archive import read_member
from polarizer.description import InputSpec
from polarizer.errors import DatasetFormatError, DatasetImagesError, DatasetLabelsError
from polarizer.listing import some
from polarizer.zips import ZIP_ERRORS

_IMAGES, _LABELS = "images.npy", "labels.npy"
_CHUNK = 1024  # images that are converted at a time


def is_npz(archive: ZipFile) -> bool:
    """Whether the archive holds arrays, and nothing else."""
    names = archive.namelist()
    return bool(names) and all(name.endswith(".npy") for name in names)


def read_npz(
    archive: ZipFile, limits: DatasetLimits
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """``(images, labels)``: uint8 (N, H, W) or (N, H, W, C), and int64 (N,).

    Floating point images are taken to be 0 … 1. Raises :class:`DatasetFormatError`,
    :class:`DatasetImagesError` or :class:`DatasetLabelsError` when they are anything else.
    """
    for name in (_IMAGES, _LABELS):
        if name not in archive.namelist():
            raise DatasetFormatError(
                f"the .npz holds {some(archive.namelist())}; it needs images and labels: "
                "numpy.savez(path, images=images, labels=labels)"
            )
    labels = _labels(_array(archive, _LABELS, limits))
    images = _images(_array(archive, _IMAGES, limits))
    if len(images) != len(labels):
        raise DatasetLabelsError(f"the .npz has {len(labels)} labels for {len(images)} images")
    return images, labels


def fit_arrays(
    images: NDArray[np.uint8], spec: InputSpec, limits: DatasetLimits
) -> tuple[NDArray[np.uint8], int]:
    """``(pixels, resized)``: (N, H, W) or (N, H, W, C) → (N, C, H, W) as ``spec`` says.

    ``resized`` counts the images that had another size. Raises :class:`DatasetFormatError` for
    channels that cannot be converted, and for more images than ``limits`` allow.
    """
    if len(images) * spec.channels * spec.height * spec.width > limits.max_decoded_bytes:
        raise DatasetFormatError(f"the data set has more images ({len(images):,}) than are read")
    with_channels = images if images.ndim == 4 else images[..., None]
    if with_channels.shape[1:] == (spec.height, spec.width, spec.channels):
        return with_channels.transpose(0, 3, 1, 2), 0
    channels = with_channels.shape[3]
    if channels not in (1, 3, 4):
        raise DatasetFormatError(
            f"the images have {channels} channels, the model takes {spec.channels}"
        )
    plain = with_channels[..., 0] if channels == 1 else with_channels
    fitted = [fit(Image.fromarray(np.ascontiguousarray(pixels)), spec) for pixels in plain]
    return np.stack([pixels for pixels, _ in fitted]), sum(resized for _, resized in fitted)


def _array(archive: ZipFile, name: str, limits: DatasetLimits) -> NDArray[Any]:
    info = archive.getinfo(name)
    try:
        with archive.open(info) as member:
            header = parse_npy_header(name, member.read(LONGEST_HEADER))
    except ZIP_ERRORS as error:
        raise DatasetFormatError(f"the .npz is damaged: {name} cannot be read") from error
    if (
        header.start + header.data_bytes != info.file_size
        or info.file_size > limits.max_total_bytes
    ):
        raise DatasetFormatError(
            f"the .npz is damaged or too large: {name} should have "
            f"{header.start + header.data_bytes:,} bytes and has {info.file_size:,}"
        )
    content = read_member(archive, info)
    if content is None:
        raise DatasetFormatError(f"the .npz is damaged: {name} cannot be read")
    return array_from(name, header, content)


def _labels(labels: NDArray[Any]) -> NDArray[np.int64]:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DatasetLabelsError(
            f"labels must be whole numbers of shape (N,), not {labels.dtype} of shape "
            f"{labels.shape}"
        )
    return labels.astype(np.int64)


def _images(images: NDArray[Any]) -> NDArray[np.uint8]:
    if images.ndim not in (3, 4) or (images.ndim == 4 and not 1 <= images.shape[3] <= 16):
        raise DatasetImagesError(
            f"images must be of shape (N, height, width) or (N, height, width, channels), "
            f"not {images.shape}; channels come last"
        )
    if images.size == 0:
        raise DatasetImagesError(f"the .npz holds no image: images has shape {images.shape}")
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind != "f":
        raise DatasetImagesError(
            f"images must be uint8 (0 … 255) or floating point (0 … 1), not {images.dtype}"
        )
    converted = np.empty(images.shape, np.uint8)
    for start in range(0, len(images), _CHUNK):
        converted[start : start + _CHUNK] = _bytes(images[start : start + _CHUNK])
    return converted


def _bytes(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    if not (pixels.min() >= 0 and pixels.max() <= 1):  # false for NaN too
        raise DatasetImagesError(
            "floating point images must lie between 0 and 1; divide them by their largest value, "
            "or send uint8"
        )
    scaled: NDArray[np.uint8] = np.rint(pixels * 255).astype(np.uint8)
    return scaled
