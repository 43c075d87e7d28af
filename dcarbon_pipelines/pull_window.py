"""The window an administrator may give in the launch dialog to fetch one authorization again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import dagster as dg
from pydantic import Field

from dcarbon.domain.errors import InvalidInput, InvalidTransition
from dcarbon.domain.ranges import TimeRange
from dcarbon.services import repulls
from dcarbon.services.actors import SYSTEM
from dcarbon.services.runtime import Runtime


class PullWindow(dg.Config):
    """Empty: what the open work order asks for. Otherwise days are local days at the utility."""

    start: str | None = Field(
        default=None, description="First day to fetch, as 2026-03-01. Empty: what is due."
    )
    end: str | None = Field(
        default=None, description="The day after the last one, as 2026-04-01. Empty: until now."
    )

    def require_sensible(self, now: datetime) -> None:
        """Stop the run with a sentence for the person who typed it, before anything is fetched."""
        try:
            self.window(ZoneInfo("UTC"), now)
        except InvalidInput as error:
            raise dg.Failure(
                description=f"{error.display_message} Nothing was fetched.",
                metadata={"code": error.code, "start": str(self.start), "end": str(self.end)},
                allow_retries=False,
            ) from error

    def window(self, zone: ZoneInfo, now: datetime) -> TimeRange | None:
        """Return ``[start, end)`` in UTC, ``None`` when nothing was asked for.

        Raises :class:`InvalidInput` as :func:`dcarbon.services.repulls.window`.
        """
        if not self.start and not self.end:
            return None
        return repulls.window(self.start or "", self.end, zone=zone, now=now)

    def asked_for(
        self, runtime: Runtime, authorization_id: UUID
    ) -> tuple[TimeRange | None, UUID | None]:
        """Ask for the window as a page of the web app would; return it with its work order.

        There is no order where no window was given, nor where nothing can be fetched: collecting
        says why.
        """
        if not self.start:
            return None, None
        zone = repulls.zone_of(runtime, authorization_id, actor=SYSTEM)
        asked = repulls.window(self.start, self.end, zone=zone, now=runtime.now())
        try:
            return asked, repulls.ask(runtime, authorization_id, asked, actor=SYSTEM).order_id
        except InvalidTransition:
            return asked, None
