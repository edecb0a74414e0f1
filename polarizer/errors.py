"""Every error that the algorithm raises, as one tree.

    PolarizerError
    ├── ModelError                  the uploaded model
    │   ├── ModelFormatError            not a file that we read (pickle, TorchScript, bytes, …)
    │   ├── ArchitectureError           an architecture that we do not know or cannot build
    │   ├── CheckpointKeysError         missing, unexpected or misshapen tensors
    │   └── ModelValueError             NaN or infinite weights, or outputs
    ├── DataError                   the clean (or triggered, or test) images
    │   ├── DatasetFormatError          not a zip, tar or npz that we read, or over a limit
    │   ├── DatasetImagesError          too many damaged images, or none at all
    │   └── DatasetLabelsError          empty, one class only, or not the classes of the model
    ├── ConfigError                 a layer that is not there, a value out of range
    └── DivergenceError             the optimisation left the finite numbers

``code`` is the stable name that users branch on; it never changes once released. The message says
what was wrong, where, and what to do. Nothing here knows HTTP.
"""

from __future__ import annotations

from typing import ClassVar


class PolarizerError(Exception):
    """Base of all errors of this package; ``code`` is stable, the message is for people."""

    code: ClassVar[str] = "polarizer-error"


class ModelError(PolarizerError):
    """Something about the uploaded model."""

    code = "model-invalid"


class ModelFormatError(ModelError):
    """The file is not in a format that is read without running its code."""

    code = "model-format"


class ArchitectureError(ModelError):
    """The architecture is unknown, or its parameters do not build a network."""

    code = "architecture-invalid"


class CheckpointKeysError(ModelError):
    """The tensors of the file are not those of the architecture."""

    code = "checkpoint-keys"


class ModelValueError(ModelError):
    """Weights or outputs hold NaN or infinity."""

    code = "model-values"


class DataError(PolarizerError):
    """Something about the images and labels."""

    code = "dataset-invalid"


class DatasetFormatError(DataError):
    """The file is not a dataset that we read, or it exceeds a limit."""

    code = "dataset-format"


class DatasetImagesError(DataError):
    """No image, or too many damaged ones."""

    code = "dataset-images"


class DatasetLabelsError(DataError):
    """Labels are missing, of one class only, or not those of the model."""

    code = "dataset-labels"


class ConfigError(PolarizerError):
    """A configuration that does not fit the model."""

    code = "config-invalid"


class DivergenceError(PolarizerError):
    """A loss or a weight became NaN or infinite during the optimisation."""

    code = "diverged"
