"""How many threads to compute with: measured, since cores that others use make more of them slower.

The threads of one operation wait for each other. Beside another busy process two threads on two
cores have been five to ten times slower than one (docs/operations.md).
"""

from __future__ import annotations

import os
import time

import torch

SIZE = 512  # of the matrices; a product takes some milliseconds
PRODUCTS = 6


def choose_threads(most: int) -> int:
    """``most`` threads or half of them and so on down to one: the number that is fastest now. Never
    more than ``OMP_NUM_THREADS``, where it is set: in a container that is given two of a machine's
    64 cores' time, the cores say nothing."""
    candidates = [min(most, _allowed(most))]
    while candidates[-1] > 1:
        candidates.append(candidates[-1] // 2)
    return min(candidates, key=_seconds) if len(candidates) > 1 else candidates[0]


def _allowed(most: int) -> int:
    told = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(told)) if told.isdigit() else most


def _seconds(threads: int) -> float:
    torch.set_num_threads(threads)
    matrix = torch.ones(SIZE, SIZE)
    matrix @ matrix  # starts the threads
    began = time.perf_counter()
    for _ in range(PRODUCTS):
        matrix @ matrix
    return time.perf_counter() - began
