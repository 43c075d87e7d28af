"""What UtilityAPI requests say."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from dcarbon_api.fields import RequestModel, Word


class StartUtilityApi(RequestModel):
    """Which facility is to be authorised, and at which utility of UtilityAPI's list."""

    facility_id: UUID
    utility: Word = Field(description="UtilityAPI's code of the utility.", examples=["SCL", "DEMO"])
