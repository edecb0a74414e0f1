"""The parsers that strangers' bytes go through: valid files to begin with, how these are changed,
what reads them, and the errors that are ours."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from pydantic import ValidationError
from starlette.datastructures import Headers

from polarizer.alarm.file import load_alarm
from polarizer.architectures import build_blueprint
from polarizer.checkpoints import load_classifier
from polarizer.checkpoints.reading import read_checkpoint
from polarizer.datasets import read_images
from polarizer.datasets.decoding import decode_image
from polarizer.description import ModelDescription
from polarizer.errors import PolarizerError
from service.defenses.drafts import Draft
from service.defenses.forms import Text, read_form
from service.defenses.schemas import DefenseRequest
from service.errors import ServiceError
from service.inference import bodies
from service.oip import framing, requests
from service.oip.compression import inflated
from service.oip.tensors import pixels
from service.settings import Settings
from tests.fuzz import seeds
from tests.fuzz.mutators import Mutator, mixed
from tests.fuzz.mutators.anywhere import anywhere
from tests.fuzz.mutators.archives import compressed, tarred, zipped
from tests.fuzz.mutators.contents import member, pickled, png
from tests.fuzz.mutators.graphs import graph
from tests.fuzz.mutators.texts import json_text, safetensors
from tests.polarizer.archives import CLASSES, spec
from tests.polarizer.models import description
from worker import events

Read = Callable[[bytes, Path], object]
_MEGABYTE = 1 << 20
_LONGEST = 4 * _MEGABYTE
"""Bytes of a body before it is packed: longer than any limit here."""


@dataclass(frozen=True)
class Target:
    """``read`` takes the content and the path of a file that holds it. ``share`` of all files."""

    seeds: Callable[[], list[bytes]]
    mutate: Mutator
    read: Read
    errors: tuple[type[Exception], ...]
    share: float = 1.0


def _images(_content: bytes, path: Path) -> object:
    return read_images(path, spec=spec(), classes=CLASSES)


def _description(content: bytes, _path: Path) -> object:
    described = ModelDescription.model_validate_json(content)
    return build_blueprint(described.architecture, max_elements=20_000_000)


def _request(content: bytes, _path: Path) -> None:
    request = DefenseRequest.model_validate_json(content)
    Draft(request, {}).check(Settings(sources=("s3://bucket/in",)))


def _infer(content: bytes, _path: Path) -> object:
    """The header of the extension says where the JSON ends; half of the files lie about it."""
    length = None if content[:1] == b"{" and content[-1:] == b"}" else str(content.rfind(b"}") + 1)
    header, tensors = framing.split(content, length)
    return pixels(requests.parse(header), tensors, spec())


def _form(content: bytes, _path: Path) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 100):
            yield content[start : start + 100]

    async def open_part(_name: str, _filename: str | None) -> Text:
        return Text(limit=10_000, what="the part")

    asyncio.run(read_form(chunks(), seeds.FORM_TYPE, open_part))


def _images_form(content: bytes, _path: Path) -> None:
    headers = Headers({"content-type": seeds.FORM_TYPE})

    async def parse() -> None:
        async with bodies._Form(await bodies._parse(headers, content)) as parts:
            for name, part in parts:
                await bodies._image(name, part)

    asyncio.run(parse())


def _classifier(_content: bytes, path: Path) -> object:
    return load_classifier(path, description())


def _artefact(_content: bytes, path: Path) -> object:
    return load_classifier(path)


def _alarm(_content: bytes, path: Path) -> object:
    return load_alarm(path, seeds.loaded_model())


def _packed_by(pack: Callable[[bytes], bytes]) -> Mutator:
    """A body, sometimes a very long one, packed, and most often damaged then."""

    def mutate(rng: Random, data: bytes) -> bytes:
        changed = anywhere(rng, data)
        times = _LONGEST // max(1, len(changed)) if rng.random() < 0.1 else 1
        packed = pack(changed * max(1, times))
        return anywhere(rng, packed) if rng.random() < 0.7 else packed

    return mutate


def _of(*errors: type[Exception]) -> tuple[type[Exception], ...]:
    return (PolarizerError, ServiceError, *errors)


TARGETS: dict[str, Target] = {
    "safetensors": Target(
        seeds.safetensors,
        mixed(safetensors),
        lambda _, path: read_checkpoint(path),
        _of(),
    ),
    "torch archive": Target(
        seeds.torch_archives,
        mixed(zipped(member), zipped(pickled)),
        lambda _, path: read_checkpoint(path),
        _of(),
        share=2,
    ),
    "classifier": Target(
        seeds.safetensors, mixed(safetensors, safetensors, anywhere), _classifier, _of(), share=0.3
    ),
    "ONNX": Target(seeds.onnx_files, mixed(graph, graph, anywhere), _artefact, _of(), share=0.5),
    "artefact": Target(seeds.artefacts, mixed(safetensors), _artefact, _of(), share=0.3),
    "alarm": Target(seeds.alarms, mixed(safetensors), _alarm, _of(), share=0.3),
    "zip of images": Target(seeds.zips, mixed(zipped(member)), _images, _of()),
    "tar of images": Target(seeds.tars, mixed(tarred(member)), _images, _of()),
    "packed tar of images": Target(
        seeds.packed_tars, mixed(compressed(tarred(member))), _images, _of(), share=0.5
    ),
    "WebDataset": Target(seeds.webdatasets, mixed(tarred(member)), _images, _of(), share=0.5),
    "Parquet table": Target(seeds.tables, mixed(anywhere), _images, _of()),
    "Parquet tables in a zip": Target(
        seeds.table_shards, mixed(zipped(anywhere)), _images, _of(), share=0.3
    ),
    "arrays": Target(seeds.arrays, mixed(zipped(member)), _images, _of()),
    "image": Target(
        seeds.images,
        mixed(png),
        lambda content, _: decode_image(content, spec()),
        _of(),
        share=3,
    ),
    "description": Target(
        seeds.descriptions, mixed(json_text), _description, _of(ValidationError), share=0.5
    ),
    "request": Target(seeds.requests, mixed(json_text), _request, _of(ValidationError), share=0.5),
    "inference request": Target(seeds.infer_bodies, mixed(seeds.mutate_infer), _infer, _of()),
    "gzip body": Target(
        seeds.infer_bodies,
        _packed_by(lambda data: gzip.compress(data, 1, mtime=0)),
        lambda content, _: inflated(content, "gzip", _MEGABYTE),
        _of(),
    ),
    "deflate body": Target(
        seeds.infer_bodies,
        _packed_by(lambda data: zlib.compress(data, 1)),
        lambda content, _: inflated(content, "deflate", _MEGABYTE),
        _of(),
        share=0.5,
    ),
    "form": Target(seeds.forms, mixed(anywhere), _form, _of()),
    "form of images": Target(seeds.image_forms, mixed(anywhere), _images_form, _of(), share=0.5),
    "word of the child": Target(
        seeds.events, mixed(json_text), lambda content, _: events.parse(content), (), share=0.3
    ),
}

HEAVY: dict[str, Target] = {
    "Hugging Face configuration": Target(
        seeds.configurations, mixed(json_text), _description, _of(ValidationError), share=0.05
    ),
}
"""What takes seconds to import."""
