"""What an artefact says about itself, as strings in the metadata of its safetensors file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator
from pydantic_core import from_json

from polarizer.config import Method
from polarizer.description import ModelDescription
from polarizer.errors import ModelFormatError
from polarizer.listing import shown

PREFIX = "polarizer."
"""Begins every metadata key of ours; other keys are the user's and stay as they came."""

FORMAT_VERSION = 1

_DESCRIPTION_PARTS = ("architecture", "input", "classes")
_OTHER_PARTS = ("method", "polarized_layers", "attached_layers", "provenance")
_GRAPH = "onnx_graph"


class Provenance(BaseModel):
    """Where an artefact comes from. Nothing here changes from one run to the next."""

    model_config = ConfigDict(frozen=True)

    inputs: dict[str, str] = {}
    """name of each input file → its sha256, in hexadecimal"""
    config: dict[str, Any] = {}
    """the purification's configuration, JSON form"""
    seed: int = 0
    versions: dict[str, str] = {}
    """package → version"""


class ArtefactMetadata(BaseModel):
    """Everything in an artefact beside its tensors."""

    model_config = ConfigDict(frozen=True)

    description: ModelDescription
    method: Method
    polarized_layers: tuple[str, ...]
    attached_layers: dict[str, Method] = {}
    """layers whose polarizer is a module of its own and must be attached to load → its method"""
    provenance: Provenance = Provenance()
    onnx_graph: str | None = None
    """of a model that came as ONNX: all of that file but its weights (:mod:`polarizer.onnx`)"""

    @field_validator("attached_layers", mode="before")
    @classmethod
    def _a_list_means_npd(cls, given: Any) -> Any:  # noqa: ANN401
        """Files of before there were other methods name the layers alone."""
        return dict.fromkeys(given, Method.NPD) if isinstance(given, list | tuple) else given

    def to_strings(self) -> dict[str, str]:
        """Metadata of the file; equal content gives equal strings."""
        fields = self.model_dump(mode="json")
        fields |= fields.pop("description")
        if self.onnx_graph is None:
            del fields[_GRAPH]
        return {f"{PREFIX}format": str(FORMAT_VERSION)} | {
            PREFIX + name: json.dumps(value, sort_keys=True, separators=(",", ":"))
            for name, value in fields.items()
        }

    @classmethod
    def from_strings(cls, metadata: Mapping[str, str]) -> Self | None:
        """The content of a file's metadata; none when it is not an artefact of ours.

        Raises :class:`ModelFormatError` when it is one and cannot be read.
        """
        version = metadata.get(f"{PREFIX}format")
        if version is None:
            return None
        if version != str(FORMAT_VERSION):
            raise ModelFormatError(
                f"the artefact is of format {shown(version)}, this version reads {FORMAT_VERSION}; "
                "load it with the version that wrote it"
            )
        try:
            return cls.model_validate(
                {name: _part(metadata, name) for name in _OTHER_PARTS}
                | {name: _part(metadata, name) for name in (_GRAPH,) if PREFIX + name in metadata}
                | {"description": {name: _part(metadata, name) for name in _DESCRIPTION_PARTS}}
            )
        except (ValidationError, ValueError, KeyError) as error:
            raise ModelFormatError(
                f"the artefact's metadata is damaged: {shown(' '.join(str(error).split()))}"
            ) from error


def _part(metadata: Mapping[str, str], name: str) -> Any:  # noqa: ANN401
    return from_json(metadata[PREFIX + name])
