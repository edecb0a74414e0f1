"""LitServe as its documentation advises: batching on the server, ZeroMQ between its processes.

The body is the tensor's bytes, by the annotation of ``decode_request``: no JSON is parsed.
"""

# No postponed annotations: LitServe hands them to FastAPI.

import os
from pathlib import Path
from typing import Annotated

import litserve
import numpy as np
from fastapi import Body, Response

from benchmarks.serving.rivals import network

Raw = Annotated[bytes, Body(media_type="application/octet-stream")]


class Predictions(litserve.LitAPI):
    """Raw float32 rows in, raw float32 logits out."""

    def setup(self, device: str) -> None:  # noqa: ARG002
        self.compute = network.from_environment()
        self.shape = network.shape_of(Path(os.environ[network.MODEL]))

    def decode_request(self, request: Raw) -> np.ndarray:
        return np.frombuffer(request, np.float32).reshape(-1, *self.shape)

    def batch(self, inputs: list[np.ndarray]) -> tuple[np.ndarray, list[int]]:
        return np.concatenate(inputs), [len(rows) for rows in inputs]

    def predict(self, batch: tuple[np.ndarray, list[int]]) -> list[np.ndarray]:
        pixels, counts = batch
        return np.split(self.compute(pixels), np.cumsum(counts)[:-1])

    def unbatch(self, output: list[np.ndarray]) -> list[np.ndarray]:
        return output

    def encode_response(self, output: np.ndarray) -> Response:
        return Response(output.tobytes(), media_type="application/octet-stream")


def main() -> None:
    """Serves until it is ended."""
    api = Predictions(
        max_batch_size=int(os.environ[network.BATCH]),
        batch_timeout=network.MAX_LATENCY_MS / 1000,
    )
    server = litserve.LitServer(
        api, accelerator="cpu", workers_per_device=1, fast_queue=True, timeout=60
    )
    server.run(
        host="127.0.0.1",
        port=int(os.environ[network.PORT]),
        num_api_servers=1,
        generate_client_file=False,
    )


if __name__ == "__main__":
    main()
