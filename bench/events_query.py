"""The parameters of the operation, as a FastAPI gateway declares them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Digits = Annotated[str, Field(pattern=r"^[0-9]{1,19}$")]


class EventsQuery(BaseModel):
    """The query of GET /v1/organization/{organization_id}/events."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    page_size: Annotated[int | None, Field(alias="pageSize", ge=1)] = None
    from_timestamp: Annotated[Digits | None, Field(alias="fromTimestamp")] = None
    to_timestamp: Annotated[Digits | None, Field(alias="toTimestamp")] = None
    continue_token: Annotated[Digits | None, Field(alias="continueToken")] = None
    step_back_token: Annotated[Digits | None, Field(alias="stepBackToken")] = None
    event_type: Annotated[str | None, Field(alias="eventType")] = None
    target_type: Annotated[str | None, Field(alias="targetType")] = None
    target_id: Annotated[UUID | None, Field(alias="targetId")] = None
    sub_target_type: Annotated[str | None, Field(alias="subTargetType")] = None
    triggered_by: Annotated[str | None, Field(alias="triggeredBy")] = None
    origin: str | None = None
    service_project_id: Annotated[str | None, Field(alias="serviceProjectId")] = None
    service_environment_id: Annotated[str | None, Field(alias="serviceEnvironmentId")] = None

    def given(self) -> dict[str, str]:
        """The parameters the caller gave, under their names in the query."""
        return {name: str(value) for name, value in self.model_dump(by_alias=True, exclude_unset=True).items()}


def passed(name: str) -> bool:
    """Whether a header of the upstream goes on to the caller."""
    lowered = name.lower()
    return lowered in {"content-type", "etag", "retry-after", "last-modified"} or lowered.startswith("x-ratelimit-")
