"""The backdoored classifier of the tests of defenses."""

from __future__ import annotations

from tests.benchmarks.defense.conftest import bench

__all__ = ["bench"]
