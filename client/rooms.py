"""The methods of both clients, by what they are about."""

from __future__ import annotations

from client.account import Key
from client.calls import defenses as defense_calls
from client.calls import inference as inference_calls
from client.calls import keys as key_calls
from client.calls import models as model_calls
from client.calls import multipart as multipart_calls
from client.calls import uploads as upload_calls
from client.calls import webhooks as webhook_calls
from client.endpoint import AnySender, Endpoint, EventStream, Room
from client.flow import Flow
from client.flows.defending import defend
from client.flows.downloading import download
from client.flows.exporting import export
from client.flows.listing import everything
from client.flows.uploading import upload
from client.flows.waiting import wait
from client.following import Following
from client.records import Defense, Model, ShortName, Status, Upload


def _all_uploads(*, most: int | None = None) -> Flow[list[Upload]]:
    """All uploads, newest first, or the newest ``most``."""
    return everything(
        lambda limit, after: upload_calls.list_(limit=limit, after=after),
        lambda item: item.id,
        most,
    )


def _all_defenses(
    *, most: int | None = None, status: Status | str | None = None
) -> Flow[list[Defense]]:
    """All defenses, newest first, or the newest ``most``."""
    return everything(
        lambda limit, after: defense_calls.list_(limit=limit, after=after, status=status),
        lambda item: item.id,
        most,
    )


def _all_models(*, most: int | None = None) -> Flow[list[Model]]:
    """All purified models, newest first, or the newest ``most``."""
    return everything(
        lambda limit, after: model_calls.list_models(limit=limit, after=after),
        lambda item: item.id,
        most,
    )


def _all_names(*, most: int | None = None) -> Flow[list[ShortName]]:
    """All names, by the alphabet, or the first ``most``."""
    return everything(
        lambda limit, after: model_calls.list_names(limit=limit, after=after),
        lambda item: item.name,
        most,
    )


def _all_keys(*, most: int | None = None) -> Flow[list[Key]]:
    """All keys of the tenant, newest first, or the newest ``most``."""
    return everything(
        lambda limit, after: key_calls.list_(limit=limit, after=after), lambda item: item.id, most
    )


def _follow(defense_id: str, *, after: int = 0) -> Following:
    """Events as they come, from the one after number ``after`` to the last; broken connections
    are made again where they broke."""
    return Following(defense_id, after=after)


class Uploads(Room[AnySender]):
    """Files that defenses name by their ids."""

    create = Endpoint(upload)
    send = Endpoint(upload_calls.send)
    list = Endpoint(upload_calls.list_)
    all = Endpoint(_all_uploads)
    get = Endpoint(upload_calls.get)
    delete = Endpoint(upload_calls.delete)


class Multiparts(Room[AnySender]):
    """Uploads in parts, one call each; ``uploads.create`` makes them by itself."""

    begin = Endpoint(multipart_calls.begin)
    list = Endpoint(multipart_calls.list_)
    get = Endpoint(multipart_calls.get)
    parts = Endpoint(multipart_calls.parts)
    put = Endpoint(multipart_calls.put)
    complete = Endpoint(multipart_calls.complete)
    abort = Endpoint(multipart_calls.abort)


class Defenses(Room[AnySender]):
    """Jobs: ask for one, follow it, stop it, forget it."""

    defend = Endpoint(defend)
    create = Endpoint(defense_calls.create)
    list = Endpoint(defense_calls.list_)
    all = Endpoint(_all_defenses)
    get = Endpoint(defense_calls.get)
    wait = Endpoint(wait)
    events = Endpoint(defense_calls.events)
    follow = EventStream(_follow)
    cancel = Endpoint(defense_calls.cancel)
    deliveries = Endpoint(webhook_calls.deliveries)
    delete = Endpoint(defense_calls.delete)
    report = Endpoint(defense_calls.report)
    report_file = Endpoint(defense_calls.report_file)


class Models(Room[AnySender]):
    """Purified models and their files."""

    list = Endpoint(model_calls.list_models)
    all = Endpoint(_all_models)
    get = Endpoint(model_calls.get_model)
    delete = Endpoint(model_calls.delete_model)
    switch_alarm = Endpoint(model_calls.switch_alarm)
    report = Endpoint(model_calls.report)
    report_file = Endpoint(model_calls.report_file)
    signature = Endpoint(model_calls.signature)
    download = Endpoint(download)
    export = Endpoint(export)


class Names(Room[AnySender]):
    """Names that callers infer by."""

    list = Endpoint(model_calls.list_names)
    all = Endpoint(_all_names)
    get = Endpoint(model_calls.get_name)
    point = Endpoint(model_calls.point_name)
    roll_back = Endpoint(model_calls.roll_back_name)
    delete = Endpoint(model_calls.delete_name)


class Keys(Room[AnySender]):
    """The tenant's keys, who we are, and what was done."""

    create = Endpoint(key_calls.create)
    list = Endpoint(key_calls.list_)
    all = Endpoint(_all_keys)
    get = Endpoint(key_calls.get)
    revoke = Endpoint(key_calls.revoke)
    whoami = Endpoint(key_calls.whoami)
    audit = Endpoint(key_calls.audit)


class Webhooks(Room[AnySender]):
    """What messages about defenses are signed by."""

    create_secret = Endpoint(webhook_calls.create_secret)
    secrets = Endpoint(webhook_calls.secrets)


class Tensors(Room[AnySender]):
    """The Open Inference Protocol."""

    infer = Endpoint(inference_calls.infer)
    metadata = Endpoint(inference_calls.metadata)
    load = Endpoint(inference_calls.load)
