"""Parquet, as much of it as tables of images need, read by code of our own.

Arrow's reader would take what a stranger's file asks for, in C++ and in threads; here every length
is held against what is there before memory is taken, and nothing but bytes and integers comes out.
"""

from polarizer.datasets.parquet.table import MAGIC, read_parquet

__all__ = ["MAGIC", "read_parquet"]
