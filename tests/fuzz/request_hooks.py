"""Loaded by schemathesis: half of the paths name things that are there, so that requests get
further than "not found"; and deletions of these are left out, or they would soon be gone."""

from __future__ import annotations

import json
import os
import random
from typing import Any

import schemathesis

_IDS: dict[str, list[str]] = json.loads(os.environ["FUZZ_IDS"])
_rng = random.Random(20261123)
_SLOW = "/{model_id}/export"


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any = None) -> None:
    """Path parameters become ids of what is there, for half of the requests; not where the answer
    takes a process of its own, longer than a request may take here."""
    if case.method == "DELETE" or case.path.endswith(_SLOW) or _rng.random() < 0.5:
        return
    for name in case.path_parameters or {}:
        if name in _IDS:
            case.path_parameters[name] = _rng.choice(_IDS[name])
