"""What a purification is going to do, before it does it: how often, and at what cost in images.

A pass of one image forward through the network counts 1, one back to its pixels 1 and one back that
also finds the gradient of every weight 2. The costs only have to hold until each part was measured
(``polarizer.forecast``).
"""

from __future__ import annotations

from polarizer.config import Method, PurifyConfig
from polarizer.deep import preparation
from polarizer.optimisation import is_check
from polarizer.progress import Part, Plan, Work


def planned(
    config: PurifyConfig, shape: tuple[int, int, int], classes: int, training: int, held_out: int
) -> Plan:
    """For so many images of ``shape`` (C, H, W) to train on and held-out ones; ``config`` is
    complete."""
    assert config.batch_size is not None  # noqa: S101  # the images have chosen
    batch, deep = config.batch_size, config.method is Method.DEEP
    checks = sum(is_check(step, config) for step in range(1, config.steps + 1)) if held_out else 0
    plan = preparation(shape, classes, training, batch) if deep else {}
    each, checked = (7, 2) if deep else (_with_inner_steps(config) + 3, _with_inner_steps(config))
    plan[Part.WARMUP] = Work(config.warmup_steps, 3 * batch)
    plan[Part.STEPS] = Work(config.steps - config.warmup_steps, each * batch)
    plan[Part.CHECKS] = Work(checks, checked * held_out)
    return plan


def _with_inner_steps(config: PurifyConfig) -> int:
    """Passes of each image: forward and back in every inner step, and forward as perturbed."""
    return 2 * config.inner_steps + 1
