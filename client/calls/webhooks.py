"""``/v1/webhooks/secrets``, and what was sent to a defense's webhook."""

from __future__ import annotations

from client.account import CreatedSecret, Deliveries, Secrets
from client.call import Call, record

SECRETS = "/v1/webhooks/secrets"


def create_secret(*, keep_previous_hours: float = 24.0) -> Call[CreatedSecret]:
    """Makes the secret that webhooks are signed by from now on; only this answer holds it. Earlier
    ones sign beside it for so many hours."""
    body = {"keep_previous_hours": keep_previous_hours}
    return Call("POST", SECRETS, record(CreatedSecret), json=body, repeatable=False)


def secrets() -> Call[Secrets]:
    """Those that sign, but for what they are."""
    return Call("GET", SECRETS, record(Secrets))


def deliveries(defense_id: str) -> Call[Deliveries]:
    """What was sent, or is to be sent, to a defense's webhook, oldest first."""
    return Call("GET", f"/v1/defenses/{defense_id}/deliveries", record(Deliveries))
