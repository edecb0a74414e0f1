"""The web application: rooms put together, resources built and closed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from prometheus_client import CollectorRegistry
from starlette.middleware import Middleware

from service import health, openapi, problems, reference
from service.access import endpoints as access
from service.access.access import Access
from service.access.guard import require_ruled
from service.blobs import Blobs
from service.database import Database
from service.defenses import endpoints as defenses
from service.defenses.reaper import Reaper
from service.defenses.schemas import DefenseRequest
from service.housekeeping import Housekeeper
from service.http.around import Around
from service.http.bodies import BodyLimit, BodyPace
from service.http.sites import OpenTo, OwnSite
from service.inference import endpoints as inference
from service.inference.preloading import Preloader
from service.inference.service import Inference
from service.metrics import endpoints as metrics
from service.metrics.jobs import JobMetrics
from service.metrics.requests import Measured, RequestMetrics
from service.metrics.store import StoreMetrics, observed
from service.metrics.webhooks import WebhookMetrics
from service.models import endpoints as models
from service.models import export_endpoints as exports
from service.names import endpoints as names
from service.names.directory import Directory
from service.oip import endpoints as oip
from service.oip.direct import Direct
from service.oip.requests import InferRequest
from service.pages import endpoints as pages
from service.queue import Queue, create_celery
from service.records import ModelRecord
from service.resources import ANONYMOUS, Resources
from service.retention import copies
from service.retention import endpoints as retention
from service.retention.erasing import Eraser
from service.retention.sweeping import Sweeper
from service.server import is_loopback
from service.settings import Settings
from service.storage import open_store
from service.tracing import Tracing, open_tracing
from service.tracing.statements import trace_statements
from service.uploads import endpoints as uploads
from service.uploads.multipart import endpoints as multipart
from service.uploads.multipart.completing import Completing
from service.uploads.multipart.plan import MOST_PART
from service.uploads.multipart.receiving import Receiving
from service.uploads.multipart.service import Multiparts
from service.uploads.spool import clean_spool
from service.waking import Waking
from service.webhooks import endpoints as webhooks
from service.webhooks.deliverer import Deliverer
from service.webhooks.sending import Sender

SWEEP_SECONDS = 300.0
DELIVER_SECONDS = 1.0
TRACES_SECONDS = 2.0
"""What the last spans may take at the end; a collector that is away must not keep us."""

NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "auto_configure": False,
}
"""FastAPI's own tells whole addresses and the messages of errors; ours does not."""


def create_app(settings: Settings) -> FastAPI:
    """The application; needs a migrated database when it starts. Raises TracingError."""
    requests, tracing = RequestMetrics(), open_tracing(settings, "api")
    app = FastAPI(
        title="Neural Polarizer Service",
        version="0.1.0",
        lifespan=_lifespan(settings, requests.registry, tracing),
        telemetry=NO_TELEMETRY,
        middleware=[
            Middleware(Measured, metrics=requests),
            Middleware(Around, tracing=tracing),
            Middleware(OpenTo, origins=settings.cors_origins),
            Middleware(OwnSite, loopback=is_loopback(settings.host), origins=settings.cors_origins),
            Middleware(BodyPace, grace=settings.http_body_seconds, rate=settings.http_body_rate),
            Middleware(BodyLimit, default=settings.max_json_bytes, limits=_body_limits(settings)),
            Middleware(Direct),
        ],
        docs_url=None,  # FastAPI's pages load their scripts from elsewhere
        redoc_url=None,
        generate_unique_id_function=openapi.operation_id,
    )
    app.state.request_metrics = requests
    problems.install(app)
    routers = (  # looked through in this order at every request
        defenses.router,
        health.router,
        pages.router,
        reference.router,
        uploads.router,
        multipart.router,
        models.router,
        exports.router,
        names.router,
        inference.router,
        oip.router,
        metrics.router,
        access.router,
        webhooks.router,
        retention.router,
    )
    require_ruled(routers)
    for router in routers:
        app.include_router(router)
    app.openapi = openapi.document(app, DefenseRequest, InferRequest)  # type: ignore[method-assign]
    return app


def _body_limits(settings: Settings) -> dict[str, int]:
    file = settings.max_upload_bytes
    return {
        "/v1/uploads": file,
        "/v1/multipart-uploads/*/parts": MOST_PART,
        "/v1/defenses": 4 * file + 2 * settings.max_json_bytes,
        "/v1/models": settings.max_image_bytes,
        "/v1/names": settings.max_image_bytes,
        "/v2": settings.max_tensor_bytes,
    }


def build(settings: Settings, registry: CollectorRegistry | None = None) -> Resources:
    """Opens everything; what is counted is told by ``registry``. Raises SchemaError when the
    database is not migrated."""
    registry = registry or CollectorRegistry()
    database = Database(settings.database, answer_seconds=settings.database_timeout_seconds)
    database.require_current_schema()
    store = observed(open_store(settings), StoreMetrics(registry))
    blobs = Blobs(database, store)
    multiparts = Multiparts(settings, database, store, blobs)
    receiving = Receiving(settings, database, store)
    queue = Queue(create_celery(settings))
    return Resources(
        settings=settings,
        database=database,
        store=store,
        blobs=blobs,
        queue=queue,
        waking=Waking(queue),
        inference=Inference(settings, blobs),
        directory=Directory(database),
        multiparts=multiparts,
        receiving=receiving,
        completing=Completing(database, store, blobs, multiparts, receiving),
        access=Access.of(settings, database),
        closing=threading.Event(),
        jobs=JobMetrics(registry),
    )


def _lifespan(
    settings: Settings, registry: CollectorRegistry, tracing: Tracing
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        resources = build(settings, registry)
        trace_statements(resources.database.engine, tracing)
        app.state.resources = resources
        frequent, rare = housework(resources)
        housekeeper = Housekeeper(
            frequent,
            rare,
            seconds=settings.reap_interval_seconds,
            rare_seconds=SWEEP_SECONDS,
        )
        housekeeper.start()
        messenger = _messenger(resources, tracing, WebhookMetrics(registry))
        messenger.start()
        leaver = _leaver(resources, asyncio.get_running_loop())
        leaver.start()
        preloader = _preloader(resources)
        preloader.start()
        try:
            yield
        finally:
            resources.closing.set()
            await preloader.stop()
            await resources.inference.close()
            housekeeper.stop(seconds=settings.shutdown_seconds)
            messenger.stop(seconds=settings.shutdown_seconds)
            leaver.stop(seconds=settings.shutdown_seconds)
            await resources.access.close()
            resources.database.dispose()
            tracing.close(TRACES_SECONDS)

    return lifespan


def _messenger(resources: Resources, tracing: Tracing, metrics: WebhookMetrics) -> Housekeeper:
    """Webhooks have a thread of their own: a receiver may take its time."""
    deliverer = Deliverer(resources.settings, resources.database, Sender(), tracing, metrics)
    return Housekeeper(
        deliverer.deliver,
        deliverer.sweep,
        seconds=DELIVER_SECONDS,
        rare_seconds=SWEEP_SECONDS,
    )


def _leaver(resources: Resources, loop: asyncio.AbstractEventLoop) -> Housekeeper:
    """Deletes what tenants asked to be deleted, and copies of it that this process has: in a thread
    of its own, because much may be to be deleted."""
    inference = resources.inference

    def forget(sha256: str) -> None:
        loop.call_soon_threadsafe(inference.forget, sha256)

    return Housekeeper(
        Eraser(resources.database, resources.store).advance_all,
        lambda: copies.tidy(resources.database, inference.cached, forget),
        seconds=resources.settings.reap_interval_seconds,
        rare_seconds=SWEEP_SECONDS,
    )


def _preloader(resources: Resources) -> Preloader:
    async def find(wanted: str) -> ModelRecord:
        tenant, _, name = wanted.rpartition("/")
        return (await resources.directory.find(tenant or ANONYMOUS, name)).model

    return Preloader(resources.inference, find, resources.settings.engine_preload)


def housework(resources: Resources) -> tuple[Callable[[], object], Callable[[], object]]:
    """What is to be done every few seconds, and what every few minutes."""
    settings = resources.settings
    reaper = Reaper(settings, resources.database, resources.blobs, resources.queue, resources.jobs)
    sweeper = Sweeper(settings, resources.database, resources.blobs, resources.removals)

    def reap() -> None:
        try:
            reaper.reap()
        finally:
            resources.access.write_down()

    def sweep() -> None:
        clean_spool(settings.spool_dir, older_than=settings.sweep_grace_seconds)
        sweeper.sweep()
        resources.multiparts.sweep()
        reaper.sweep()

    return reap, sweep
