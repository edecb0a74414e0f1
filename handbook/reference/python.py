"""The Python library and the Python client, read by griffe: nothing of torch is imported."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import griffe

import polarizer
from client import clients
from client.endpoint import Endpoint, EventStream, Room
from handbook.text import block, code, joined, plain, prose, table

ROOT = Path(__file__).parents[2]
WRAPPED = re.compile(r"(?:Call|Flow)\[(.+)\]$")
WIDTH = 88

LIBRARY = """\
# The Python library

`polarizer` is the algorithm alone: torch, and nothing of HTTP, queues or storage. Everything below
is imported from `polarizer`. Images are `uint8`, or pixels in [0, 1]; preprocessing belongs to the
classifier, so every bound is in pixels. Its errors are drawn in [errors](errors.md)."""

CLIENT = """\
# The Python client

`client` needs no torch. [The command and the client](../client.md) tells how it is used; errors are
drawn in [errors](errors.md). The methods of `AsyncPolarizer` are the same, to be awaited; `follow`
is then an asynchronous iterator."""

RECORDS = ("records", "account")


def library_page() -> str:
    """Markdown."""
    package = _package("polarizer")
    paths = {name: f"{polarizer._HOME[name]}.{name}" for name in polarizer.__all__}
    order = sorted(paths, key=lambda name: (name[0].isupper(), name.lower()))
    return joined(LIBRARY, *(_object(package[paths[name]], 2) for name in order))


def client_page() -> str:
    """Markdown."""
    package = _package("client")
    parts = [CLIENT]
    parts += [_object(package[path], 2) for path in ("clients.Polarizer", "clients.AsyncPolarizer")]
    parts += [_room("service", clients._Everything)]
    parts += [_room(f"service.{name}", room) for name, room in all_rooms().items()]
    parts += [_object(package[path], 2) for path in ("retries.Retries", "sources.Source")]
    parts += ["## Records", "Pydantic models; fields of a newer service are kept."]
    for module in RECORDS:
        kinds = package[module].members.values()
        parts += [
            _object(one, 3) for one in kinds if isinstance(one, griffe.Class) and one.is_public
        ]
    return joined(*parts)


def all_rooms() -> dict[str, type[Room[Any]]]:
    """Methods by what they are about: those of ``service.models`` are in ``Models``."""
    service = clients._Everything(None)  # type: ignore[type-var]
    return {name: type(room) for name, room in vars(service).items() if isinstance(room, Room)}


@cache
def _package(name: str) -> griffe.Object:
    found = griffe.load(name, search_paths=[ROOT], try_relative_path=False)
    assert isinstance(found, griffe.Object)  # noqa: S101 - for mypy: an alias is no package
    return found


def _object(found: griffe.Object | griffe.Alias, level: int) -> str:
    if isinstance(found, griffe.Alias):
        found = found.final_target
    heading = f"{'#' * level} {found.name}"
    docstring = prose(found.docstring.value if found.docstring else "")
    if isinstance(found, griffe.Function):
        return joined(heading, block(_signature(found), "python"), docstring)
    if not isinstance(found, griffe.Class):
        return joined(heading, docstring)
    return joined(heading, *_class(found, docstring))


def _class(found: griffe.Class, docstring: str) -> Iterator[str]:
    bases = ", ".join(str(base) for base in found.bases)
    members = [one for one in found.members.values() if _is_shown(one)]
    start = found.members.get("__init__")
    made = f"({_parameters(start)})" if isinstance(start, griffe.Function) else ""
    yield block(
        f"class {found.name}({bases})" if bases and not made else found.name + made, "python"
    )
    yield docstring
    fields = [one for one in members if isinstance(one, griffe.Attribute) and one.annotation]
    yield table(("attribute", "type", "default"), map(_attribute, fields))
    for one in members:
        if isinstance(one, griffe.Function):
            yield block(_signature(one), "python")
            yield prose(one.docstring.value if one.docstring else "")


def _is_shown(found: griffe.Object | griffe.Alias) -> bool:
    return found.is_public and not found.is_alias and not found.name.startswith("__")


def _attribute(found: griffe.Attribute) -> tuple[str, str, str]:
    kind = str(found.annotation) if found.annotation is not None else ""
    annotated = re.match(r"Annotated\[(.+?), ?Field\(", kind)
    value = "" if found.value is None else str(found.value)
    return code(found.name), code(annotated[1] if annotated else kind), code(value)


def _signature(function: griffe.Function) -> str:
    returns = f" -> {function.returns}" if function.returns is not None else ""
    return f"{function.name}({_parameters(function)}){returns}"


def _parameters(function: griffe.Function) -> str:
    """As in the source; ``self`` is left out."""
    shown: list[str] = []
    starred = False
    for one in function.parameters:
        if one.name in ("self", "cls"):
            continue
        keyword_only = one.kind is griffe.ParameterKind.keyword_only
        if keyword_only and not starred:
            shown.append("*")
            starred = True
        kind = f": {one.annotation}" if one.annotation is not None else ""
        value = f" = {one.default}" if one.default is not None and kind else ""
        shown.append(f"{one.name}{kind}{value}")
    return _wrapped(shown)


def _wrapped(parameters: list[str]) -> str:
    line = ", ".join(parameters)
    if len(line) <= WIDTH:
        return line
    return "\n    " + ",\n    ".join(parameters) + ",\n"


def _room(prefix: str, room: type[Room[Any]]) -> str:
    parts = [f"## {prefix}", plain(room.__doc__)]
    for method, found in vars(room).items():
        if isinstance(found, Endpoint | EventStream):
            signature = inspect.signature(found._describe)
            parts += [
                f"### {prefix}.{method}",
                block(
                    f"{prefix}.{method}({_plain_parameters(signature)}){_answer(signature)}",
                    "python",
                ),
                prose(inspect.getdoc(found._describe)),
            ]
    return joined(*parts)


def _plain_parameters(signature: inspect.Signature) -> str:
    inside = str(signature.replace(return_annotation=inspect.Signature.empty))[1:-1]
    unquoted = re.sub(r": '([^']*)'", r": \1", inside)
    return _wrapped(_split(unquoted))


def _split(parameters: str) -> list[str]:
    """At commas that stand in no brackets."""
    return re.split(r", (?![^\[(]*[\])])", parameters) if parameters else []


def _answer(signature: inspect.Signature) -> str:
    told = str(signature.return_annotation)
    wrapped = WRAPPED.match(told)
    return f" -> {wrapped[1] if wrapped else 'Iterator[Event]' if told == 'Following' else told}"
