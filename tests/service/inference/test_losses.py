"""What is lost meanwhile, an engine, a client, a file or a model, is noticed and said."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.models import repository
from tests.service.conftest import Site
from tests.service.inference.artefacts import (
    Artefact,
    add_model,
    encoded,
    make_artefact,
    random_images,
)
from tests.service.inference.asking import ask, engine_pid, require_same
from tests.service.test_app import problem
from tests.waiting import wait_until


def test_a_killed_engine_fails_what_is_in_flight_and_nothing_else(
    served: Site, model_id: str
) -> None:
    image = encoded(random_images(1, seed=5)[0])
    before = ask(served, model_id, image)
    pid = engine_pid(served)
    os.kill(pid, signal.SIGSTOP)  # so that the requests are certainly in flight
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(ask, served, model_id, image) for _ in range(4)]
        wait_until(lambda: served.resources.inference.rows_waiting == 4)
        os.kill(pid, signal.SIGKILL)
        for answer in answers:
            body = problem(answer.result(), 503, "unavailable")
            assert "engine ended" in str(body["detail"])
            assert answer.result().headers["retry-after"]
    require_same(ask(served, model_id, image), before)
    assert engine_pid(served) != pid


def test_a_client_that_leaves_frees_its_place(served: Site, model_id: str) -> None:
    image = encoded(random_images(1, seed=6)[0])
    assert ask(served, model_id, image).status_code == 200
    inference = served.resources.inference
    pid = engine_pid(served)
    os.kill(pid, signal.SIGSTOP)
    try:
        with socket.create_connection(served.host(), timeout=20) as connection:
            head = f"POST /v1/models/{model_id}/predict HTTP/1.1\r\nHost: localhost\r\n"
            body = f"Content-Type: image/png\r\nContent-Length: {len(image)}\r\n\r\n"
            connection.sendall((head + body).encode() + image)
            wait_until(lambda: inference.rows_waiting == 1)
        wait_until(lambda: inference.rows_waiting == 0)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert ask(served, model_id, image).status_code == 200
    assert engine_pid(served) == pid


def cached(site: Site, artefact: Artefact) -> Path:
    return site.settings.cache_dir / f"{artefact.sha256}.safetensors"


def restart(site: Site) -> None:
    """The next request finds no model in memory."""
    os.kill(engine_pid(site), signal.SIGKILL)
    wait_until(lambda: site.resources.inference.engines[0].pid is None)


@pytest.mark.parametrize("harm", [lambda path: path.write_bytes(b"harm"), Path.unlink])
def test_a_damaged_file_of_the_cache_is_fetched_again(
    served: Site, model: Artefact, model_id: str, harm: Callable[[Path], object]
) -> None:
    image = encoded(random_images(1, seed=7)[0])
    before = ask(served, model_id, image)
    restart(served)
    harm(cached(served, model))
    require_same(ask(served, model_id, image), before)


def test_a_damaged_blob_is_a_problem_until_it_is_whole_again(served: Site, folder: Path) -> None:
    artefact = make_artefact(folder, 101)
    model_id = add_model(served.resources, artefact)
    with served.resources.database.read() as session:
        key = repository.get(session, "default", model_id).blob.key
    blob = served.settings.data_dir / "store" / key
    image = encoded(random_images(1, seed=8)[0])
    whole = blob.read_bytes()
    blob.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    problem(ask(served, model_id, image), 503, "lost-blob")
    assert not cached(served, artefact).exists()
    blob.write_bytes(whole)
    assert ask(served, model_id, image).status_code == 200


def test_what_is_no_artefact_fails_alone(served: Site, model: Artefact, model_id: str) -> None:
    path = served.settings.data_dir / "noise"
    path.write_bytes(b"noise")
    noise_id = add_model(served.resources, Artefact(path, model.description))
    image = encoded(random_images(1, seed=9)[0])
    body = problem(ask(served, noise_id, image), 503, "unavailable")
    assert "cannot be served" in str(body["detail"])
    assert ask(served, model_id, image).status_code == 200


def test_a_deleted_model_is_forgotten(served: Site, folder: Path) -> None:
    artefact = make_artefact(folder, 102)
    model_id = add_model(served.resources, artefact)
    image = encoded(random_images(1, seed=10)[0])
    assert ask(served, model_id, image).status_code == 200
    assert cached(served, artefact).exists()
    assert served.client.delete(f"/v1/models/{model_id}").status_code == 204
    problem(ask(served, model_id, image), 404, "not-found")
    assert not cached(served, artefact).exists()
