"""``python -m service.inference.engine.exporting``: one artefact in other formats, then the end.

It reads what a stranger's file became, so it gives up what the engine gives up. In its current
folder it finds ``artefact``, and leaves ``result``, or why there is none in ``refused``.
"""

from __future__ import annotations

import argparse
import logging
import resource
import tempfile
from pathlib import Path

from confinement import Allowance, Files, Mode, confine_calls, confine_files
from confinement.limits import limit

ARTEFACT, RESULT, REFUSED = "artefact", "result", "refused"
_FILE_EXTRA, _FILE_FACTOR = 64 << 20, 4
_SECONDS = 600
"""Of processor time."""
_MEMORY_EXTRA, _MEMORY_FACTOR = 4 << 30, 8
"""Bytes beside torch's own, and of memory for each byte of the artefact."""


def main() -> None:
    """Confines itself, then exports."""
    options = _options()
    here, mode = Path.cwd(), Mode(options.sandbox)
    allowance = Allowance(gpu=False)
    tempfile.tempdir = str(here)
    confine_files(Files(readable=[here], writable=[here]), allowance, mode)
    limit(_limits((here / ARTEFACT).stat().st_size))
    logging.basicConfig(level=logging.ERROR)

    import onnx  # noqa: F401 - loaded before most system calls are given up
    import torch.onnx

    from polarizer.artefact import load_artefact
    from polarizer.errors import PolarizerError
    from polarizer.onnx.exporting import exported
    from polarizer.onnx.repository import write_repository

    torch.set_num_threads(1)
    confine_calls(allowance, mode, listened=False)
    try:
        loaded = load_artefact(here / ARTEFACT)
        model = exported(loaded)
    except PolarizerError as error:
        (here / REFUSED).write_text(str(error), encoding="utf-8")
        return
    if options.format == "onnx":
        (here / RESULT).write_bytes(model.SerializeToString(deterministic=True))
    else:
        spec = loaded.description.input
        size_of_images = (spec.channels, spec.height, spec.width)
        write_repository(
            here / RESULT, options.name, model, loaded.description.classes, size_of_images
        )


def _limits(artefact: int) -> dict[int, int]:
    """For an artefact of so many bytes."""
    return {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: _SECONDS,
        resource.RLIMIT_DATA: _MEMORY_FACTOR * artefact + _MEMORY_EXTRA,
        resource.RLIMIT_FSIZE: _FILE_FACTOR * artefact + _FILE_EXTRA,
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--format", choices=("onnx", "triton"), required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--sandbox", default=Mode.WARN.value)
    return parser.parse_args()


if __name__ == "__main__":
    main()
