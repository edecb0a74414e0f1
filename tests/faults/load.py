"""Clients that ask for defenses, follow, cancel, repeat, download and delete them, at random, and
write down what they were told."""

from __future__ import annotations

import hashlib
import json
import random
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.faults.promises import Gone, Job, Kept, Promises
from tests.faults.talk import LeftError, Talk

CLEAN = b"images that many share" * 200
DESCRIPTION = {
    "architecture": {"name": "small_cnn", "channels": 1, "num_classes": 2},
    "input": {"channels": 1, "height": 8, "width": 8, "mean": [0], "std": [1]},
    "classes": ["a", "b"],
}
FORGETTABLE = "6"
"""Defenses, uploads and models whose id ends in less may be deleted: about a fifth of them. The
auditor looks at the others."""

IN_FLIGHT = 6
"""Defenses of one client that have not ended; then it looks after these first."""


@dataclass(frozen=True)
class Payload:
    """What a client sends to ask for one defense."""

    model: bytes
    clean: bytes
    request: dict[str, Any]

    def form(self) -> dict[str, tuple[str, bytes]]:
        return {
            "model": ("model.safetensors", self.model),
            "clean": ("clean.npz", self.clean),
            "request": ("", json.dumps(self.request).encode()),
        }


class Client:
    """One thread's worth of load. ``real`` are payloads that the real child is to work on."""

    def __init__(
        self,
        talk: Talk,
        promises: Promises,
        chance: random.Random,
        *,
        wanted: threading.Semaphore,
        real: deque[Payload],
    ) -> None:
        self._talk = talk
        self._promises = promises
        self._chance = chance
        self._wanted = wanted
        self._real = real
        self._jobs: dict[str, Job] = {}
        self._sent: deque[tuple[str, Payload, str]] = deque(maxlen=5)
        self._uploads: dict[str, Kept] = {}
        self._actions = [
            (self._follow, 6),
            (self._look_at_events, 3),
            (self._cancel, 0.15),
            (self._forget, 2),
            (self._repeat, 1),
            (self._download, 3),
            (self._delete_model, 0.5),
            (self._upload_and_leave, 0.3),
            (self._delete_upload, 1),
        ]

    def run(self, stop: threading.Event) -> None:
        """Until told to stop; then once more looks at everything."""
        actions, weights = zip(*self._actions, strict=True)
        while not stop.is_set():
            busy = sum(not job.ended for job in self._jobs.values()) >= IN_FLIGHT
            if not busy and self._chance.random() < 0.5 and self._wanted.acquire(blocking=False):
                self._create()
            else:
                self._chance.choices(actions, weights)[0]()
                stop.wait(0.05)
        self._talk.close()

    # Asking

    def _create(self) -> None:
        payload = self._real.popleft() if self._real else self._light()
        if self._chance.random() < 0.3:
            self._create_by_upload(payload)
            return
        key = f"key-{self._chance.getrandbits(64):x}" if self._chance.random() < 0.6 else None
        self._ask(payload, key)

    def _light(self) -> Payload:
        size = self._chance.choice([20_000, 60_000, 200_000])
        kinds = [0, 0, 0, 1, 1, 1, 1, 2, 3]
        seed = 10 * self._chance.randrange(1000) + self._chance.choice(kinds)
        request = {"description": DESCRIPTION, "config": {"seed": seed}}
        return Payload(self._chance.randbytes(size), CLEAN, request)

    def _ask(self, payload: Payload, key: str | None) -> None:
        headers = {"Idempotency-Key": key} if key else {}
        for _ in range(8 if key else 1):
            answer = self._talk.ask("POST", "/v1/defenses", files=payload.form(), headers=headers)
            if answer is not None and answer.status_code == 202:
                self._created(answer.json()["id"], key)
                if key:
                    self._sent.append((key, payload, answer.json()["id"]))
                return
        if key:  # not answered, so perhaps there: it must not be there twice
            self._promises.keys.setdefault(key, "")

    def _created(self, defense_id: str, key: str | None) -> None:
        self._promises.created(defense_id, key)
        self._jobs[defense_id] = self._promises.jobs[defense_id]

    def _create_by_upload(self, payload: Payload) -> None:
        digest = hashlib.sha256(payload.model).hexdigest()
        upload = self._talk.ask(
            "POST", "/v1/uploads", content=payload.model, params={"sha256": digest}
        )
        clean = self._talk.ask("POST", "/v1/uploads", content=payload.clean)
        for answer in (upload, clean):
            if answer is None or answer.status_code != 201:
                return
            kept = Kept(answer.json()["sha256"])
            self._uploads[answer.json()["id"]] = kept
            self._promises.uploads[answer.json()["id"]] = kept
        named = {"model": {"upload": upload.json()["id"]}, "clean": {"upload": clean.json()["id"]}}
        answer = self._talk.ask("POST", "/v1/defenses", json=named | payload.request)
        if answer is not None and answer.status_code == 202:
            self._created(answer.json()["id"], None)

    def _repeat(self) -> None:
        """The same key and payload again: the same defense, unless it was deleted."""
        if not self._sent:
            return
        key, payload, defense_id = self._chance.choice(self._sent)
        if self._jobs[defense_id].gone is Gone.NO:
            self._ask(payload, key)

    def _upload_and_leave(self) -> None:
        def half() -> Iterator[bytes]:
            yield b"half of it" * 150_000
            raise LeftError

        self._talk.ask("POST", "/v1/uploads", content=half())

    # Looking

    def _any(self, *, ended: bool | None = None) -> str | None:
        found = [
            defense_id
            for defense_id, job in self._jobs.items()
            if job.gone is Gone.NO and (ended is None or bool(job.ended) is ended)
        ]
        return self._chance.choice(found) if found else None

    def _follow(self) -> None:
        if defense_id := self._any(ended=False) or self._any():
            self._get(defense_id)

    def _get(self, defense_id: str) -> None:
        answer = self._talk.ask("GET", f"/v1/defenses/{defense_id}")
        if answer is None:
            return
        if answer.status_code == 200:
            self._promises.told(defense_id, answer.json())
        elif answer.status_code == 404:
            self._promises.broken("what was accepted is there", defense_id, answer.text)

    def _look_at_events(self) -> None:
        if not (defense_id := self._any()):
            return
        answer = self._talk.ask("GET", f"/v1/defenses/{defense_id}/events")
        if answer is not None and answer.status_code == 200:
            self._promises.saw(defense_id, answer.json()["data"])

    def _download(self) -> None:
        models = [job.model for job in self._jobs.values() if job.model]
        if not models:
            return
        model_id = self._chance.choice(models)
        kept = self._promises.models[model_id]
        path = f"/v1/models/{model_id}/file?redirect=false"
        answer = self._talk.ask("GET", path)
        if answer is None or kept.gone is not Gone.NO:
            return
        if answer.status_code == 200:
            kept.sha256 = answer.headers["etag"].strip('"')
            if hashlib.sha256(answer.content).hexdigest() != kept.sha256:
                self._promises.broken("what is handed out is whole", model_id, path)
        elif answer.status_code == 404:
            self._promises.broken("what was accepted is there", model_id, answer.text)

    # Ending

    def _cancel(self) -> None:
        """Sometimes twice."""
        if not (defense_id := self._any(ended=False)):
            return
        for _ in range(self._chance.choice([1, 1, 2])):
            answer = self._talk.ask("POST", f"/v1/defenses/{defense_id}/cancel")
            if answer is not None and answer.status_code == 200:
                self._promises.told(defense_id, answer.json())
                if answer.json()["status"] in ("cancelling", "cancelled"):
                    self._jobs[defense_id].stopped = answer.json()["status"]

    def _forget(self) -> None:
        ended = {name: job for name, job in self._jobs.items() if job.ended}
        self._delete_one_of("defenses", ended)

    def _delete_model(self) -> None:
        made = [job.model for job in self._jobs.values() if job.model]
        self._delete_one_of("models", {name: self._promises.models[name] for name in made})

    def _delete_upload(self) -> None:
        self._delete_one_of("uploads", self._uploads)

    def _delete_one_of(self, kind: str, things: Mapping[str, Job | Kept]) -> None:
        found = [
            name
            for name, thing in things.items()
            if thing.gone is not Gone.YES and name[-1:] < FORGETTABLE
        ]
        if found:
            name = self._chance.choice(found)
            self._delete(f"/v1/{kind}/{name}", things[name])

    def _delete(self, path: str, thing: Job | Kept) -> None:
        """Twice, now and then: it must be gone, and stay so."""
        for _ in range(self._chance.choice([1, 1, 2])):
            before = thing.gone
            if before is Gone.NO:
                thing.gone = Gone.ASKED
            answer = self._talk.ask("DELETE", path)
            if answer is None or answer.status_code == 503:
                continue
            if answer.status_code == 204 and before is Gone.YES:
                self._promises.broken("what is gone stays gone", path, "deleted twice")
            if answer.status_code == 404 and before is Gone.NO:
                self._promises.broken("what was accepted is there", path, answer.text)
            if answer.status_code in (204, 404):
                thing.gone = Gone.YES
            elif before is Gone.NO and answer.status_code == 409:
                self._promises.broken("terminal states stay", path, answer.text)
