"""How long a tenant's things are kept."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from service.settings import Settings

MOST_DAYS = 18_250

Days = Annotated[int, Field(ge=0, le=MOST_DAYS, examples=[30])]


class Periods(BaseModel):
    """Days; 0 keeps for ever. The audit log's is the operator's to say, and never 0."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    uploads_days: Annotated[Days, Field(description="since it was sent")]
    defenses_days: Annotated[Days, Field(description="since it ended, with report and inputs")]
    models_days: Annotated[Days, Field(description="since it was made")]
    events_days: Annotated[Days, Field(description="since its defense ended; `status` stays")]
    audit_days: Annotated[Days, Field(ge=1, description="set by the operator only")]

    @classmethod
    def of(cls, settings: Settings, own: dict[str, Any] | None) -> Periods:
        """The settings', but for those that the tenant has of its own."""
        common: dict[str, Any] = {
            name: getattr(settings, f"keep_{name}")
            for name in cls.model_fields
            if name != "audit_days"
        }
        return cls.model_validate(common | {"audit_days": settings.audit_days} | (own or {}))


class OwnPeriods(BaseModel):
    """What a tenant says for itself; null: as the service does."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    uploads_days: Days | None = None
    defenses_days: Days | None = None
    models_days: Days | None = None
    events_days: Days | None = None

    def given(self) -> dict[str, int]:
        """Those that are said."""
        return self.model_dump(exclude_none=True)


class Retention(BaseModel):
    """What holds for a tenant, and which of it is its own."""

    periods: Periods
    own: OwnPeriods
