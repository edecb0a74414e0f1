"""How much a tenant may use."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from service.settings import Settings

DAY = 86_400


class Limits(BaseModel):
    """0 is no limit, everywhere."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests_per_second: Annotated[
        float, Field(ge=0, allow_inf_nan=False, description="in the long run", examples=[100])
    ]
    request_burst: Annotated[int, Field(ge=0, description="at once", examples=[200])]
    waiting_defenses: Annotated[int, Field(ge=0, description="queued and running", examples=[100])]
    defenses_a_day: Annotated[int, Field(ge=0, description="UTC days", examples=[1000])]
    stored_bytes: Annotated[int, Field(ge=0, examples=[0])]

    @classmethod
    def of(cls, settings: Settings, own: dict[str, Any] | None) -> Limits:
        """The settings', but for those that the tenant has of its own."""
        common = {name: getattr(settings, f"limit_{name}") for name in cls.model_fields}
        return cls.model_validate(common | (own or {}))
