"""BentoML as its documentation advises: a service that batches, behind one that takes the bytes.

A batching API takes JSON from outside (pickles are refused there), so raw bytes come in by a
mounted ASGI application, and go on between the two services in BentoML's own binary form.
"""

# No postponed annotations: BentoML makes models of them.

import os
from pathlib import Path

import bentoml
import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.serving.rivals import network


@bentoml.service(workers=1, traffic={"timeout": 60})
class Network:
    """Computes batches of what comes at about the same time."""

    def __init__(self) -> None:
        self.compute = network.from_environment()

    @bentoml.api(batchable=True, max_batch_size=int(os.environ.get(network.BATCH, "32")))
    def predict(self, inputs: np.ndarray) -> np.ndarray:
        return self.compute(np.ascontiguousarray(inputs))


async def predict(request: Request) -> Response:
    """Raw float32 rows in, raw float32 logits out."""
    service = bentoml.get_current_service()
    rows = np.frombuffer(await request.body(), np.float32).reshape(-1, *service.shape)
    logits = await service.network.to_async.predict(rows)
    return Response(logits.tobytes(), media_type="application/octet-stream")


@bentoml.service(workers=1, traffic={"timeout": 60})
@bentoml.asgi_app(Starlette(routes=[Route("/predict", predict, methods=["POST"])]), path="/raw")
class Predictions:
    """What is asked from outside."""

    network = bentoml.depends(Network)

    def __init__(self) -> None:
        self.shape = network.shape_of(Path(os.environ[network.MODEL]))
