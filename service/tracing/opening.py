"""From the settings, and OpenTelemetry's own variables, to a ``Tracing``."""

from __future__ import annotations

from collections.abc import Mapping
from os import environ

from service.settings import Settings
from service.tracing.spans import OFF, Tracing

PATH = "/v1/traces"


class TracingError(Exception):
    """Traces are wanted and cannot be had; the message says what to install."""


def open_tracing(
    settings: Settings, process: str, *, variables: Mapping[str, str] = environ
) -> Tracing:
    """What ``process`` (``api``, ``worker``) shall record with; ``OFF``, without loading anything,
    unless a collector is named. Raises TracingError."""
    endpoint = endpoint_of(settings, variables)
    if endpoint is None:
        return OFF
    try:
        from service.tracing.otlp import OtlpTracing
    except ImportError as error:
        raise TracingError(
            f"traces shall go to {endpoint}, but {error.name} is not installed: install the extra"
            " `telemetry`, or take the address away"
        ) from error
    return OtlpTracing(endpoint, variables.get("OTEL_SERVICE_NAME") or f"polarizer-{process}")


def endpoint_of(settings: Settings, variables: Mapping[str, str]) -> str | None:
    """Where spans are posted to: what our own setting says, then what OpenTelemetry's do."""
    if variables.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    if settings.traces_endpoint:
        return _with_path(settings.traces_endpoint)
    if variables.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return None
    if whole := variables.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        return whole
    base = variables.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    return _with_path(base) if base else None


def _with_path(base: str) -> str:
    return f"{base.rstrip('/').removesuffix(PATH)}{PATH}"
