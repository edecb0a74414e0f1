"""A defense from what people have: files, folders, objects, earlier uploads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from client.calls import defenses
from client.errors import InputError
from client.flow import Flow, ask, work
from client.flows.uploading import upload
from client.packing import is_hugging_face, pack, pack_model
from client.records import Defense
from client.sources import Source

Given = str | Path | Source


@dataclass(frozen=True)
class UploadProgress:
    """``sent`` of ``size`` bytes of the file of ``role``."""

    role: str
    sent: int
    size: int


OnUpload = Callable[[UploadProgress], None]


def defend(
    *,
    model: Given,
    clean: Given,
    test: Given | None = None,
    triggered: Given | None = None,
    target_class: int | str | None = None,
    description: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    evidence: Mapping[str, Any] | bool = True,
    attack_tests: Sequence[str] = (),
    name: str | None = None,
    priority: int | None = None,
    queue: str | None = None,
    webhook: Mapping[str, Any] | str | None = None,
    idempotency_key: str | None = None,
    reuse: bool = True,
    fresh: bool = False,
    on_upload: OnUpload | None = None,
) -> Flow[Defense]:
    """Uploads what is here and asks for the defense; does not wait for it. ``reuse``: not
    those files that the service has; ``fresh``: nor is the same defense, made before, an answer.

    Each of ``model``, ``clean``, ``test`` and ``triggered`` is a path (also a Hugging Face folder,
    and for images one of class folders), ``s3://bucket/key``, ``s3://bucket/prefix/`` for all that
    lies below it, or an upload's id; ``#sha256=…`` may follow.
    """
    given = {"model": model, "clean": clean, "test": test, "triggered": triggered}
    sources = {role: Source.parse(one) for role, one in given.items() if one is not None}
    _require_files(sources)
    references = {}
    for role, source in sources.items():
        references[role] = yield from _reference(role, source, reuse, on_upload)
    call = defenses.create(
        model=references["model"],
        clean=references["clean"],
        test=references.get("test"),
        triggered=references.get("triggered"),
        target_class=target_class,
        description=description,
        config=config,
        evidence=evidence,
        attack_tests=attack_tests,
        name=name,
        priority=priority,
        queue=queue,
        fresh=fresh,
        webhook=webhook,
        idempotency_key=idempotency_key,
    )
    return (yield from ask(call))


def _require_files(sources: Mapping[str, Source]) -> None:
    """Before the first byte is sent."""
    for role, source in sources.items():
        if source.path is None:
            continue
        if not source.path.exists():
            raise InputError(f"{role}: {source.path} does not exist")
        if source.path.is_dir() and source.sha256:
            raise InputError(f"{role}: {source.path} is a folder, which has no sha256")
        if source.path.is_dir() and role == "model" and not is_hugging_face(source.path):
            raise InputError(f"model: {source.path} is a folder; name the file of the weights")


def _reference(
    role: str, source: Source, reuse: bool, on_upload: OnUpload | None
) -> Flow[dict[str, str]]:
    if source.path is None:
        return source.reference
    if not source.path.is_dir():
        return (yield from _uploaded(role, source.path, source.sha256, reuse, on_upload))
    with TemporaryDirectory(prefix="polarizer-") as scratch:
        folder, archive = source.path, Path(scratch) / f"{source.path.resolve().name}.zip"
        packed = pack_model if role == "model" else pack
        yield from work(lambda: packed(folder, archive))
        return (yield from _uploaded(role, archive, None, reuse, on_upload))


def _uploaded(
    role: str, path: Path, sha256: str | None, reuse: bool, on_upload: OnUpload | None
) -> Flow[dict[str, str]]:
    size, sent = path.stat().st_size, 0

    def tell(count: int) -> None:
        nonlocal sent
        sent = min(size, sent + count)
        if on_upload is not None:
            on_upload(UploadProgress(role, sent, size))

    found = yield from upload(path, sha256=sha256, reuse=reuse, on_bytes=tell)
    return {"upload": found.id}
