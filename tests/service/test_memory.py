"""The web process stays small: it loads what its settings need, and gives back what is left."""

from __future__ import annotations

import gc
import json
import subprocess
import sys

import pytest

from service import memory

ELSEWHERE = ("torch", "transformers", "boto3", "botocore", "psycopg", "redis")
"""Loaded by what needs them: the engine, the worker, another store, database or broker."""


def test_what_only_some_settings_need_is_not_loaded() -> None:
    code = (
        "import json, sys, service.__main__\n"
        f"print(json.dumps([name for name in {ELSEWHERE} if name in sys.modules]))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == []


class Cycle:
    """Nothing refers to it but itself."""

    freed = 0

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        Cycle.freed += 1


@pytest.mark.parametrize("give_back", [memory.tidy, memory.settle], ids=["tidy", "settle"])
def test_cycles_are_freed(give_back) -> None:
    threshold = gc.get_threshold()
    Cycle.freed = 0
    gc.disable()
    try:
        Cycle()
        assert Cycle.freed == 0
        give_back()
        assert Cycle.freed == 1
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)
        gc.enable()


def test_a_process_that_settled_looks_at_what_is_new_only() -> None:
    code = (
        "import gc\n"
        "from service import memory\n"
        "kept = [[] for _ in range(1000)]\n"
        "memory.settle()\n"
        "print(gc.get_freeze_count() > 1000, gc.get_threshold()[0])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.stdout == f"True {memory.YOUNG}\n", ended.stderr
