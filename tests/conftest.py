"""What holds for every test: few threads, no network, repeatable properties, servers on demand."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.network import block_outside

pytest_plugins = ["tests.servers.fixtures"]

# Read by torch (and numpy, and ONNX Runtime) when first imported, here and in child processes: the
# test processes share the cores.
_processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // _processes)))

settings.register_profile(
    "polarizer",
    deadline=None,  # says more about the machine than about the code
    derandomize=bool(os.environ.get("CI")),
    max_examples=50,
    print_blob=True,
)
settings.load_profile("polarizer")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first: one that came last would leave a core without work."""
    long = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in long)


def pytest_collection_finish() -> None:
    """What is there by now stays: the collector need not go through all modules and tests again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _loopback_only() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        block_outside(patch)
        yield
