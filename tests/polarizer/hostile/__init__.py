"""Files that attack whoever opens them, made on the spot. Each one has to be refused.

``MODELS`` and ``DATASETS`` are maps from what the file does to a function of the payload's marker:
a path that exists once any code of the file has run.
"""

from tests.polarizer.hostile.datasets import DATASETS
from tests.polarizer.hostile.models import MODELS

__all__ = ["DATASETS", "MODELS"]
