"""The results as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

GOAL = 1e-4
_HEAD = """\
# ONNX: six families, two exporters

Are the files of torch's exporters read, computed as ONNX Runtime computes them, and written back
with nothing but other weights? `python -m benchmarks.onnx` and `… --usual` make these tables.
Weights are random; DenseNet is written for this, the others are transformers'.

- **layers**: convolutions, products and normalisations that became modules; where the exporter has
  folded BatchNorm there is none left.
- **off**: the largest difference to ONNX Runtime's logits, of the largest logit, over batches of
  1, 2 and 5. At most 1e-4 is what is asked for; ✗ marks what is not reached.
- **changed**: tensors of the file that differ after two steps of method `deep`, of all: weights,
  and no shape, axis or other constant. **graph**: whether everything but their values is equal.
- **off after**: as off, between the repaired network and the file that was written back.
"""
_COLUMNS = (
    *("family", "exporter", "opset", "nodes", "MB", "layers", "read", "off", "changed", "graph"),
    "off after",
)


def page(found: Mapping[str, Any]) -> str:
    """Markdown."""
    parts = [_HEAD]
    for title, rows in found.items():
        if title.endswith("pixels"):
            parts.append(f"## {title}\n\n{table(rows)}")
    versions = ", ".join(f"{name} {which}" for name, which in found["versions"].items())
    parts.append(f"{versions}. {_about(found['machine'])}\n")
    return "\n".join(parts)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table."""
    lines = [" | ".join(_COLUMNS), "|".join("---" for _ in _COLUMNS), *map(_row, rows)]
    return "".join(f"| {line} |\n" for line in lines)


def _row(row: Mapping[str, Any]) -> str:
    layers = f"{row['convolutions']} + {row['products']} + {row['norms']}"
    return " | ".join(
        (
            *(row["family"], row["exporter"], str(row["opset"]), str(row["nodes"])),
            *(f"{row['megabytes']:.2f}", layers, f"{row['read_seconds']:.1f} s"),
            *(_off(row["difference"]), f"{row['changed']} of {row['tensors']}"),
            *("same" if row["same_graph"] else "changed ✗", _off(row["after"])),
        )
    )


def _off(difference: float) -> str:
    return f"{difference:.0e}" + ("" if difference <= GOAL else " ✗")


def _about(machine: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in machine.items())
