"""The file of a model, whole or not at all."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from client.call import OnBytes
from client.calls import models
from client.downloads import Download
from client.errors import ClientError
from client.flow import Fetch, Flow, Pause, ask, work
from client.retries import Retries, may_be_over

RETRIES = Retries()


def download(
    model_id: str, path: Path | str, *, on_bytes: OnBytes | None = None, retries: Retries = RETRIES
) -> Flow[Path]:
    """Brings a purified model's file and checks its digest. Goes on where a broken connection, or
    an earlier run, left off, if what sends the file can do that. Raises DigestError."""
    model = yield from ask(models.get_model(model_id))
    address = f"{models.MODELS}/{model_id}/file"
    target = Download(address, Path(path), size=model.size, sha256=model.sha256, on_bytes=on_bytes)
    for attempt in count(1):
        if target.is_whole:
            break
        try:
            yield Fetch(target)
        except ClientError as error:
            seconds = retries.pause(error, attempt, repeatable=True) if may_be_over(error) else None
            if seconds is None:
                raise
            yield Pause(seconds)
        else:
            break
    return (yield from work(target.finish))
