"""Which scope each operation asks for: the one table. An operation that is not in it keeps the
application from starting (``guard.require_ruled``)."""

from __future__ import annotations

from dataclasses import dataclass

from service.access.scopes import TENANT_SCOPES, Scope


@dataclass(frozen=True)
class Rule:
    """``scopes``: any of them will do. ``changes``: every call is in the audit log."""

    scopes: frozenset[Scope]
    changes: bool = False


def _reads(*scopes: Scope) -> Rule:
    return Rule(frozenset(scopes))


def _changes(*scopes: Scope) -> Rule:
    return Rule(frozenset(scopes), changes=True)


OPEN = frozenset(
    {"health", "readiness", "server_metadata", "server_live", "server_ready", "docs", "style"}
    | {"root", "page", "asset"}
)
"""Operations that ask for no key: they tell nothing of any tenant."""

RULES: dict[str, Rule] = {
    # Uploads and defenses
    "create_upload": _changes(Scope.DEFEND),
    "list_uploads": _reads(Scope.READ),
    "get_upload": _reads(Scope.READ),
    "delete_upload": _changes(Scope.DEFEND),
    "begin_multipart": _changes(Scope.DEFEND),
    "list_multiparts": _reads(Scope.READ),
    "get_multipart": _reads(Scope.READ),
    "list_parts": _reads(Scope.READ),
    "put_part": _reads(Scope.DEFEND),  # the log has what they become, not each of thousands
    "make_part_links": _reads(Scope.DEFEND),
    "complete_multipart": _changes(Scope.DEFEND),
    "abort_multipart": _changes(Scope.DEFEND),
    "create_defense": _changes(Scope.DEFEND),
    "list_defenses": _reads(Scope.READ),
    "get_defense": _reads(Scope.READ),
    "list_events": _reads(Scope.READ),
    "get_report": _reads(Scope.READ),
    "cancel_defense": _changes(Scope.DEFEND),
    "delete_defense": _changes(Scope.DEFEND),
    # Webhooks
    "list_deliveries": _reads(Scope.READ),
    "create_webhook_secret": _changes(Scope.ADMIN),
    "list_webhook_secrets": _reads(Scope.ADMIN),
    # Models and names
    "list_models": _reads(Scope.READ),
    "get_model": _reads(Scope.READ),
    "get_model_report": _reads(Scope.READ),
    "get_signature": _reads(Scope.READ),
    "download_model": _reads(Scope.READ),
    "export_model": _reads(Scope.READ),
    "switch_alarm": _changes(Scope.DEFEND),
    "delete_model": _changes(Scope.DEFEND),
    "list_names": _reads(Scope.READ),
    "get_name": _reads(Scope.READ),
    "put_name": _changes(Scope.DEFEND),
    "roll_back_name": _changes(Scope.DEFEND),
    "delete_name": _changes(Scope.DEFEND),
    # Inference
    "predict": _reads(Scope.INFER),
    "predict_by_name": _reads(Scope.INFER),
    "infer": _reads(Scope.INFER),
    "infer_version": _reads(Scope.INFER),
    "load_model": _reads(Scope.INFER),
    "model_metadata": _reads(Scope.INFER, Scope.READ),
    "version_metadata": _reads(Scope.INFER, Scope.READ),
    "model_ready": _reads(Scope.INFER, Scope.READ),
    "version_ready": _reads(Scope.INFER, Scope.READ),
    "repository_index": _reads(Scope.INFER, Scope.READ),
    # Keys
    "whoami": _reads(*TENANT_SCOPES, Scope.METRICS),
    "create_key": _changes(Scope.ADMIN),
    "list_keys": _reads(Scope.ADMIN),
    "get_key": _reads(Scope.ADMIN),
    "revoke_key": _changes(Scope.ADMIN),
    "list_audit": _reads(Scope.ADMIN),
    # What a tenant keeps
    "get_retention": _reads(Scope.READ),
    "put_retention": _changes(Scope.ADMIN),
    "export": _changes(Scope.ADMIN),
    "create_erasure": _changes(Scope.ADMIN),
    "list_erasures": _reads(Scope.ADMIN),
    "get_erasure": _reads(Scope.ADMIN),
    "get_certificate": _reads(Scope.ADMIN),
    # The whole service
    "metrics": _reads(Scope.METRICS),
}
