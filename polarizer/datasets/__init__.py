"""Labelled images that strangers send: archives of class folders, and arrays."""

from polarizer.datasets.decoding import decode_image
from polarizer.datasets.labels import Labels
from polarizer.datasets.limits import DatasetLimits
from polarizer.datasets.reading import Dataset, read_images
from polarizer.datasets.report import DatasetReport

__all__ = [
    "Dataset",
    "DatasetLimits",
    "DatasetReport",
    "Labels",
    "decode_image",
    "read_images",
]
