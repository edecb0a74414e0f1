"""Folders of the transformers library: which files of theirs matter, and what these say.

Imports no torch: who fetches such a folder chooses its files by the same rule as who reads it.
"""

from polarizer.pretrained.describing import described
from polarizer.pretrained.files import CONFIG, PREPROCESSOR, needed_files, weight_files

__all__ = ["CONFIG", "PREPROCESSOR", "described", "needed_files", "weight_files"]
