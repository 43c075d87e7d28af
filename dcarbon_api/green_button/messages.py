"""What Green Button requests say."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from dcarbon_api.fields import RequestModel, Word


class StartGreenButton(RequestModel):
    """Which facility is to be authorised, and at which utility."""

    facility_id: UUID
    provider: Word = Field(description="The utility's key.", examples=["pge", "sce", "sdge"])
