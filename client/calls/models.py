"""``/v1/models`` and ``/v1/names``, images included."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from client.call import Call, Part, nothing, record
from client.calls.documents import Document, document
from client.calls.paging import page_params
from client.errors import InputError
from client.records import Model, Name, Page, Predictions, Report, ShortName

MODELS = "/v1/models"
NAMES = "/v1/names"

Image = Path | str | bytes
"""A JPEG, PNG or WebP: its path, or its bytes."""


def list_models(*, limit: int = 20, after: str | None = None) -> Call[Page[Model]]:
    """Purified models, newest first."""
    return Call("GET", MODELS, record(Page[Model]), params=page_params(limit, after))


def get_model(model_id: str) -> Call[Model]:
    """One model."""
    return Call("GET", f"{MODELS}/{model_id}", record(Model))


def delete_model(model_id: str) -> Call[None]:
    """Forgets a model and its file; refused while a name points at it."""
    return Call("DELETE", f"{MODELS}/{model_id}", nothing)


def switch_alarm(model_id: str, *, on: bool) -> Call[Model]:
    """Whether predictions say what the model as it came answers too."""
    return Call("PUT", f"{MODELS}/{model_id}/alarm", record(Model), json={"on": on})


def report(model_id: str) -> Call[Report]:
    """What the defense that made the model measured, before and after."""
    return Call("GET", f"{MODELS}/{model_id}/report", record(Report))


def report_file(model_id: str, *, media_type: str = "application/json") -> Call[Document]:
    """The same as the service sends it, in this form if it has it: ``text/html``, a model card
    (``text/markdown``), a bill of materials (``application/vnd.cyclonedx+json``)."""
    return document(f"{MODELS}/{model_id}/report", media_type)


def signature(model_id: str) -> Call[Document]:
    """``model.sig``: the operator's signature over the model and its report, which
    ``model_signing verify key`` checks. NotFoundError where the operator signs nothing."""
    return document(f"{MODELS}/{model_id}/signature", "*/*")


def predict(model: str, images: Sequence[Image] | Image, *, top: int = 5) -> Call[Predictions]:
    """Classifies images with a model (``mdl_…``), or with whichever a name points at."""
    several = [images] if isinstance(images, Path | str | bytes) else images
    parts = [_part(image) for image in several]
    if not parts:
        raise InputError("there is no image to classify")
    root = f"{MODELS}/{model}" if model.startswith("mdl_") else f"{NAMES}/{quote(model, safe='')}"
    return Call(
        "POST", f"{root}/predict", record(Predictions), params={"top": top}, parts=tuple(parts)
    )


def _part(image: Image) -> Part:
    if isinstance(image, bytes):
        return Part("image", "image", image)
    path = Path(image)
    try:
        return Part("image", path.name, path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error


def list_names(*, limit: int = 20, after: str | None = None) -> Call[Page[ShortName]]:
    """Names, by the alphabet; the next page is ``after`` the last name."""
    return Call("GET", NAMES, record(Page[ShortName]), params=page_params(limit, after))


def get_name(name: str) -> Call[Name]:
    """One name: the model that answers, and the versions before it."""
    return Call("GET", f"{NAMES}/{quote(name, safe='')}", record(Name))


def point_name(name: str, model_id: str) -> Call[Name]:
    """Points a name at a model: its next version. Repeating it changes nothing."""
    path = f"{NAMES}/{quote(name, safe='')}"
    return Call("PUT", path, record(Name), json={"model_id": model_id})


def roll_back_name(name: str, *, version: int | None = None) -> Call[Name]:
    """Lets an earlier version answer again; without ``version`` the one before."""
    path = f"{NAMES}/{quote(name, safe='')}/rollback"
    body = None if version is None else {"version": version}
    return Call("POST", path, record(Name), json=body, repeatable=version is not None)


def delete_name(name: str) -> Call[None]:
    """Forgets a name and its history; the models stay."""
    return Call("DELETE", f"{NAMES}/{quote(name, safe='')}", nothing)
