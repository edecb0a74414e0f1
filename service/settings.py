"""Deployment settings, from ``POLARIZER_*`` environment variables. Built once, passed in."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AnyUrl, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from confinement import Mode
from service.defenses.states import QueueName

MIB = 1 << 20


def _comma_separated(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


class ChecksumMode(StrEnum):
    """When boto3 sends and checks its own checksums; older S3 servers need ``when_required``."""

    SUPPORTED = "when_supported"
    REQUIRED = "when_required"


class Settings(BaseSettings):
    """Where things are and how much is allowed; nothing about the algorithm."""

    model_config = SettingsConfigDict(env_prefix="POLARIZER_", frozen=True, extra="ignore")

    # Where
    data_dir: Annotated[Path, Field(description="root of everything embedded")] = Path("data")
    database_url: Annotated[str, Field(description="SQLAlchemy URL; empty: SQLite in data_dir")] = (
        ""
    )
    broker_url: Annotated[str, Field(description="redis://…; empty: a folder in data_dir")] = ""
    store_url: Annotated[str, Field(description="s3://bucket/prefix or file:///folder")] = ""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    allow_anonymous: Annotated[
        bool, Field(description="listen beyond loopback although there are no keys")
    ] = False
    require_keys: Annotated[
        bool | None, Field(description="empty: from the first key on, and beyond loopback")
    ] = None
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    traces_endpoint: Annotated[
        str, Field(pattern="^$|^https?://", description="an OTLP collector; empty: OTEL_*, or none")
    ] = ""
    worker_metrics_host: str = "127.0.0.1"
    worker_metrics_port: Annotated[
        Annotated[int, Field(ge=0, le=65535)] | None, BeforeValidator(_none_if_empty)
    ] = None

    # How long the servers behind it may take for one answer
    database_timeout_seconds: Annotated[float, Field(gt=0)] = 30.0
    store_timeout_seconds: Annotated[float, Field(gt=0)] = 20.0

    # S3
    s3_endpoint_url: AnyUrl | None = None
    s3_public_url: Annotated[
        AnyUrl | None, Field(description="the endpoint as clients reach it, for links to files")
    ] = None
    s3_access_key_id: str | None = None
    s3_secret_access_key: SecretStr | None = None
    s3_region: str = "us-east-1"
    s3_checksums: ChecksumMode = ChecksumMode.REQUIRED
    sources: Annotated[
        tuple[str, ...],
        NoDecode,
        BeforeValidator(_comma_separated),
        Field(description="s3://bucket/prefix that requests may name, comma separated"),
    ] = ()

    # Limits of a request
    max_upload_bytes: Annotated[int, Field(ge=1)] = 2048 * MIB
    multipart_seconds: Annotated[
        float, Field(ge=60, description="how long an upload in parts may take")
    ] = 86_400.0
    multipart_links: Annotated[
        bool, Field(description="let clients send parts to the S3 server by presigned links")
    ] = False
    max_json_bytes: Annotated[int, Field(ge=1024)] = 1 * MIB
    max_image_bytes: Annotated[int, Field(ge=1024)] = 20 * MIB
    max_tensor_bytes: Annotated[int, Field(ge=1024)] = 64 * MIB

    # Connections: how long to wait for a client, and how many at once
    http_head_seconds: Annotated[float, Field(gt=0)] = 10.0
    http_idle_seconds: Annotated[float, Field(gt=0)] = 30.0
    http_body_seconds: Annotated[float, Field(gt=0)] = 30.0
    http_body_rate: Annotated[int, Field(ge=1, description="bytes a second")] = 16 << 10
    http_write_seconds: Annotated[float, Field(gt=0)] = 60.0
    http_head_bytes: Annotated[int, Field(ge=1024)] = 32 << 10
    http_connections: Annotated[int, Field(ge=1)] = 1000
    cors_origins: Annotated[
        tuple[Annotated[str, Field(pattern=r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?$")], ...],
        NoDecode,
        BeforeValidator(_comma_separated),
        Field(description="https://host[:port] of web pages that may ask, comma separated"),
    ] = ()

    # Limits of a tenant that comes with a key; 0: none
    limit_requests_per_second: Annotated[float, Field(ge=0)] = 100.0
    limit_request_burst: Annotated[int, Field(ge=0, description="0: two seconds' worth")] = 200
    limit_waiting_defenses: Annotated[int, Field(ge=0)] = 100
    limit_defenses_a_day: Annotated[int, Field(ge=0)] = 1000
    limit_stored_bytes: Annotated[int, Field(ge=0)] = 0
    audit_days: Annotated[int, Field(ge=1)] = 365

    # How long a tenant's things are kept; 0: until somebody deletes them
    keep_uploads_days: Annotated[int, Field(ge=0)] = 0
    keep_defenses_days: Annotated[int, Field(ge=0)] = 0
    keep_models_days: Annotated[int, Field(ge=0)] = 0
    keep_events_days: Annotated[int, Field(ge=0)] = 0

    # Webhooks
    webhook_key: Annotated[
        Annotated[SecretStr, Field(min_length=32)] | None,
        BeforeValidator(_none_if_empty),
        Field(description="tenants' signing secrets are derived from it"),
    ] = None
    webhook_hosts: Annotated[
        tuple[str, ...],
        NoDecode,
        BeforeValidator(_comma_separated),
        Field(description="host or host:port that may be private and spoken to by http"),
    ] = ()

    # Signatures
    signing_key: Annotated[
        Path | None,
        BeforeValidator(_none_if_empty),
        Field(description="PEM file of an elliptic private key that models are signed with"),
    ] = None

    # Jobs
    device: Annotated[str, Field(description="cpu, cuda, cuda:1; empty: chosen by the child")] = ""
    queues: Annotated[
        tuple[QueueName, ...],
        NoDecode,
        BeforeValidator(_comma_separated),
        Field(min_length=1, description="that requests may name; the first is for all others"),
    ] = (QueueName.CPU,)
    worker_queues: Annotated[
        tuple[QueueName, ...],
        NoDecode,
        BeforeValidator(_comma_separated),
        Field(description="that a worker takes from, comma separated; empty: all of them"),
    ] = ()
    worker_concurrency: Annotated[int, Field(ge=1, le=64)] = 1
    warm_children: Annotated[
        int, Field(ge=0, le=64, description="that have loaded torch before there is a job")
    ] = 0
    job_timeout_seconds: Annotated[float, Field(gt=0)] = 3600.0
    job_memory_bytes: Annotated[
        int | None, Field(ge=0, description="0: no limit; unset: a share of what there is")
    ] = None
    job_disk_bytes: Annotated[
        int, Field(ge=0, description="of all files of a job; 0: what its inputs may need")
    ] = 0
    input_cache_bytes: Annotated[
        int, Field(ge=0, description="of inputs that a worker keeps for later jobs; 0: none")
    ] = 1024 * MIB
    reuse_results: Annotated[
        bool, Field(description="whether a repeated request is answered from the record")
    ] = True
    sandbox: Annotated[
        Mode, Field(description="what to do where the kernel lacks a part of the sandbox")
    ] = Mode.WARN
    lease_seconds: Annotated[float, Field(gt=0)] = 30.0
    reap_interval_seconds: Annotated[float, Field(gt=0)] = 5.0
    requeue_after_seconds: Annotated[float, Field(gt=0)] = 15.0
    max_attempts: Annotated[int, Field(ge=1)] = 3
    drain_seconds: Annotated[
        float, Field(ge=0, description="for a worker's running jobs to end before they go back")
    ] = 0.0
    shutdown_seconds: Annotated[float, Field(ge=0)] = 10.0
    sweep_grace_seconds: Annotated[float, Field(ge=0)] = 3600.0

    # Inference
    engine_timeout_seconds: Annotated[float, Field(gt=0)] = 60.0
    engine_devices: Annotated[
        tuple[str, ...],
        NoDecode,
        BeforeValidator(_comma_separated),
        Field(description="one engine each, comma separated; empty: one on `device`"),
    ] = ()
    engine_backends: Annotated[
        tuple[Literal["eager", "fused", "onnxruntime", "compiled"], ...],
        NoDecode,
        BeforeValidator(_comma_separated),
        Field(description="to choose from, comma separated; empty: all that are there"),
    ] = ()
    engine_preload: Annotated[
        tuple[str, ...],
        NoDecode,
        BeforeValidator(_comma_separated),
        Field(description="names or ids of models, comma separated"),
    ] = ()
    engine_max_models: Annotated[int, Field(ge=1)] = 64
    engine_model_bytes: Annotated[int, Field(ge=1)] = 2048 * MIB

    @model_validator(mode="after")
    def _s3_keys_come_in_pairs(self) -> Self:
        if (self.s3_access_key_id is None) != (self.s3_secret_access_key is None):
            raise ValueError(
                "set both POLARIZER_S3_ACCESS_KEY_ID and POLARIZER_S3_SECRET_ACCESS_KEY, or neither"
                " (then boto3 finds credentials by itself)"
            )
        return self

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'polarizer.db'}"

    @property
    def store(self) -> str:
        return self.store_url or (self.data_dir.resolve() / "store").as_uri()

    @property
    def broker(self) -> str:
        return self.broker_url or "filesystem://"

    @property
    def spool_dir(self) -> Path:
        """Files on their way in; same file system as the embedded store."""
        return self.data_dir.resolve() / "spool"

    @property
    def jobs_dir(self) -> Path:
        """One folder a running job."""
        return self.data_dir.resolve() / "jobs"

    @property
    def cache_dir(self) -> Path:
        """Models that the inference engine serves."""
        return self.data_dir.resolve() / "cache"
