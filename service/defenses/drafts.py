"""A request to defend, complete with its files, and what can be said of it before any work."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from polarizer.description import ModelDescription
from service.defenses.report import Role
from service.defenses.schemas import ROLES, DefenseRequest, UploadReference, UriReference
from service.errors import InvalidRequestError
from service.settings import Settings
from service.storage.sources import require_allowed
from service.uploads.spool import Spooled
from service.webhooks.addresses import target as webhook_target


@dataclass(frozen=True)
class SentFile:
    """A file of a multipart body, in the spool folder."""

    spooled: Spooled
    filename: str | None


@dataclass(frozen=True)
class Draft:
    """What was sent: the request, and the files that came with it."""

    request: DefenseRequest
    files: Mapping[Role, SentFile]

    def fingerprint(self) -> str:
        """The same for the same request with the same bytes, and different for any other."""
        files = {role: self.files[role].spooled.sha256 for role in sorted(self.files)}
        payload = {"request": self.request.model_dump(mode="json"), "files": files}
        return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()

    def uploads(self) -> set[str]:
        """The ids of those that it names."""
        named = (self.request.reference(role) for role in ROLES)
        return {one.upload for one in named if isinstance(one, UploadReference)}

    def check(self, settings: Settings) -> None:
        """Raises InvalidRequestError (SourceRefusedError) for what needs no look into a file."""
        self._check_inputs(settings)
        request = self.request
        if request.queue is not None and request.queue not in settings.queues:
            raise InvalidRequestError(
                f"queue: this service has no workers for {request.queue!r}; leave it out, or name"
                f" one of: {', '.join(settings.queues)}"
            )
        if request.webhook is not None:
            webhook_target(request.webhook.url, settings.webhook_hosts)
        triggered = "triggered" in self.files or request.triggered is not None
        if triggered != (request.target_class is not None):
            raise InvalidRequestError(
                "triggered images and target_class go together: send both, or neither"
            )
        if request.attack_tests and not triggered:
            raise InvalidRequestError(
                "attack_tests: they attack with triggered images; send these, and target_class"
            )
        if len(set(request.attack_tests)) < len(request.attack_tests):
            raise InvalidRequestError("attack_tests: names one of them twice")
        if request.target_class is not None and request.description is not None:
            _check_target(request.target_class, request.description)

    def _check_inputs(self, settings: Settings) -> None:
        for role in ROLES:
            reference = self.request.reference(role)
            if reference is not None and role in self.files:
                raise InvalidRequestError(f"{role}: sent as a file and named in the request")
            if isinstance(reference, UriReference):
                require_allowed(reference.uri, settings)
        for role in ("model", "clean"):
            if role not in self.files and self.request.reference(role) is None:
                raise InvalidRequestError(
                    f"{role}: missing; send it as a file of a multipart body, or name an upload"
                )


def _check_target(target: int | str, description: ModelDescription) -> None:
    classes = description.classes
    if isinstance(target, int) and target >= len(classes):
        raise InvalidRequestError(
            f"target_class: {target} is not the index of one of {len(classes)} classes"
        )
    if isinstance(target, str) and target not in classes:
        shown = ", ".join(classes[:20]) + (", …" if len(classes) > 20 else "")
        raise InvalidRequestError(f"target_class: {target!r} is not one of the classes ({shown})")
