"""``polarizer models``, ``names``, ``uploads`` and ``predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from client.command import exporting
from client.command.base import command, group, session_of
from client.command.outputs import write_file
from client.command.progress import in_bytes
from client.command.screen import Screen, percent
from client.command.views import moment, show_model, show_models
from client.records import Model, Name, Predictions

ModelId = Annotated[str, typer.Argument(metavar="MODEL", help="mdl_…")]
NameOf = Annotated[str, typer.Argument(metavar="NAME", help="what callers ask for")]
Most = Annotated[int, typer.Option("--limit", min=1, help="how many at most")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    _register_models(app)
    _register_names(app)
    _register_uploads(app)
    examples = (
        "polarizer predict street-signs photo.jpg\npolarizer predict mdl_01… *.png --top 3 --json"
    )
    command(app, "predict", examples=examples)(predict)


def _register_models(app: typer.Typer) -> None:
    below = group(app, "models", "List purified models; show, download, delete one.", list_models)
    command(below, "list", examples="polarizer models list --limit 5")(list_models)
    command(below, "show", examples="polarizer models show mdl_01…")(show)
    command(below, "download", examples="polarizer models download mdl_01… model.safetensors")(
        download
    )
    command(below, "signature", examples="polarizer models signature mdl_01… model.sig")(signature)
    exporting.register(below)
    command(below, "alarm", examples="polarizer models alarm mdl_01… --off")(alarm)
    command(below, "delete", examples="polarizer models delete mdl_01…")(delete_model)


def _register_names(app: typer.Typer) -> None:
    below = group(
        app, "names", "Names that models are asked by: list, point, roll back.", list_names
    )
    command(below, "list", examples="polarizer names list")(list_names)
    command(below, "show", examples="polarizer names show street-signs")(show_name)
    command(below, "point", examples="polarizer names point street-signs mdl_01…")(point)
    command(below, "rollback", examples="polarizer names rollback street-signs --to 1")(roll_back)
    command(below, "delete", examples="polarizer names delete street-signs")(delete_name)


def _register_uploads(app: typer.Typer) -> None:
    below = group(app, "uploads", "Files at the service: list, send, delete.", list_uploads)
    command(below, "list", examples="polarizer uploads list")(list_uploads)
    command(below, "send", examples="polarizer uploads send clean.npz")(send)
    command(below, "delete", examples="polarizer uploads delete upl_01…")(delete_upload)


def predict(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="mdl_…, or a name")],
    images: Annotated[list[Path], typer.Argument(help="JPEG, PNG or WebP files")],
    top: Annotated[int, typer.Option(min=1, max=100, help="how many classes an image")] = 1,
) -> None:
    """Classify images with a repaired model; `!` marks those that may carry a trigger."""
    session = session_of(context)
    with session.service() as service:
        answer = service.predict(model, images, top=top)
    if session.screen.as_json:
        data = answer.model_dump(mode="json")
        for prediction, image in zip(data["predictions"], images, strict=True):
            prediction["file"] = str(image)
        session.screen.result("predictions", data)
    else:
        _show_predictions(session.screen, answer, images)


def _show_predictions(screen: Screen, answer: Predictions, images: list[Path]) -> None:
    rows = []
    for prediction, image in zip(answer.predictions, images, strict=True):
        base = prediction.base_top[0].label if prediction.flagged and prediction.base_top else ""
        for rank, best in enumerate(prediction.top):
            flag = "!" if prediction.flagged and not rank else ""
            name = image if not rank else ""
            rows.append((name, best.label, percent(best.probability), flag, base if flag else ""))
    columns = ("image", "class", "probability", "flag", "unrepaired")
    screen.table(columns, rows, right=("probability",))


def list_models(context: typer.Context, most: Most = 20) -> None:
    """List purified models, newest first."""
    session = session_of(context)
    with session.service() as service:
        found = service.models.all(most=most)
    if session.screen.as_json:
        session.screen.result("models", found)
    elif found:
        show_models(session.screen, found)
    else:
        session.screen.say("no models yet; `polarizer defend` makes one")


def show(context: typer.Context, model_id: ModelId) -> None:
    """Show one model."""
    session = session_of(context)
    with session.service() as service:
        _one(session.screen, service.models.get(model_id))


def alarm(
    context: typer.Context,
    model_id: ModelId,
    on: Annotated[bool, typer.Option("--on/--off", help="whether predictions are flagged")] = True,
) -> None:
    """Switch a model's alarm."""
    session = session_of(context)
    with session.service() as service:
        _one(session.screen, service.models.switch_alarm(model_id, on=on))


def _one(screen: Screen, model: Model) -> None:
    if screen.as_json:
        screen.result("model", model)
    else:
        show_model(screen, model)


def download(
    context: typer.Context,
    model_id: ModelId,
    path: Annotated[Path, typer.Argument(metavar="[FILE]")] = Path("model.safetensors"),
) -> None:
    """Download a model's file and check its digest; goes on where a broken one left off."""
    session = session_of(context)
    with session.service() as service:
        service.models.download(model_id, path)
    _done(session.screen, "file", {"path": str(path)}, str(path))


def signature(
    context: typer.Context,
    model_id: ModelId,
    path: Annotated[Path, typer.Argument(metavar="[FILE]")] = Path("model.sig"),
) -> None:
    """Download the operator's signature over a model and its report, where models are signed."""
    session = session_of(context)
    with session.service() as service:
        write_file(path, service.models.signature(model_id).content)
    _done(session.screen, "file", {"path": str(path)}, str(path))


def delete_model(context: typer.Context, model_id: ModelId) -> None:
    """Forget a model and its file."""
    session = session_of(context)
    with session.service() as service:
        service.models.delete(model_id)
    _done(session.screen, "deleted", {"id": model_id}, f"{model_id} is forgotten")


def list_names(context: typer.Context) -> None:
    """List names and the versions that answer."""
    session = session_of(context)
    with session.service() as service:
        found = service.names.all()
    if session.screen.as_json:
        session.screen.result("names", found)
        return
    rows = ((one.name, one.version, moment(one.updated_at)) for one in found)
    session.screen.table(("name", "version", "since"), rows, right=("version",))


def show_name(context: typer.Context, name: NameOf) -> None:
    """Show a name and its versions."""
    session = session_of(context)
    with session.service() as service:
        _one_name(session.screen, service.names.get(name))


def point(context: typer.Context, name: NameOf, model_id: ModelId) -> None:
    """Let a model answer for a name, from now on."""
    session = session_of(context)
    with session.service() as service:
        _one_name(session.screen, service.names.point(name, model_id))


def roll_back(
    context: typer.Context,
    name: NameOf,
    to: Annotated[int | None, typer.Option(min=1, help="a version [the one before]")] = None,
) -> None:
    """Let an earlier version answer again."""
    session = session_of(context)
    with session.service() as service:
        _one_name(session.screen, service.names.roll_back(name, version=to))


def _one_name(screen: Screen, name: Name) -> None:
    if screen.as_json:
        screen.result("name", name)
        return
    rows = [
        ("*" * (one.version == name.version), one.version, one.model_id, moment(one.created_at))
        for one in name.versions
    ]
    screen.table(("", "version", "model", "made"), rows, right=("version",))


def delete_name(context: typer.Context, name: NameOf) -> None:
    """Forget a name and its history; models stay."""
    session = session_of(context)
    with session.service() as service:
        service.names.delete(name)
    _done(session.screen, "deleted", {"name": name}, f"{name} is forgotten")


def list_uploads(context: typer.Context, most: Most = 20) -> None:
    """List uploads, newest first."""
    session = session_of(context)
    with session.service() as service:
        found = service.uploads.all(most=most)
    if session.screen.as_json:
        session.screen.result("uploads", found)
        return
    rows = ((one.id, in_bytes(one.size), moment(one.created_at), one.filename) for one in found)
    session.screen.table(("id", "size", "made", "name"), rows, right=("size",))


def send(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="FILE")],
    reuse: Annotated[bool, typer.Option(help="what is there already is not sent again")] = True,
) -> None:
    """Send a file that several defenses shall use; prints its id."""
    session = session_of(context)
    with session.service() as service:
        upload = service.uploads.create(path, reuse=reuse)
    if session.screen.as_json:
        session.screen.result("upload", upload)
    else:
        session.screen.line(upload.id)


def delete_upload(
    context: typer.Context,
    upload_id: Annotated[str, typer.Argument(metavar="UPLOAD", help="upl_…")],
) -> None:
    """Forget an upload; defenses that were made from it keep their input."""
    session = session_of(context)
    with session.service() as service:
        service.uploads.delete(upload_id)
    _done(session.screen, "deleted", {"id": upload_id}, f"{upload_id} is forgotten")


def _done(screen: Screen, kind: str, data: dict[str, str], words: str) -> None:
    if screen.as_json:
        screen.result(kind, data)
    else:
        screen.line(words)
