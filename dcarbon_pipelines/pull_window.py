"""The window an administrator may give in the launch dialog to fetch one authorization again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import dagster as dg
from pydantic import Field

from dcarbon.db.authorizations import Authorization
from dcarbon.domain import ranges
from dcarbon.domain.errors import InvalidInput, NotFound
from dcarbon.services.runtime import Runtime

LONGEST = timedelta(days=3660)


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
            self.bounds(ZoneInfo("UTC"), now)
        except InvalidInput as error:
            raise dg.Failure(
                description=f"{error.display_message} Nothing was fetched.",
                metadata={"code": error.code, "start": str(self.start), "end": str(self.end)},
                allow_retries=False,
            ) from error

    def bounds(self, zone: ZoneInfo, now: datetime) -> tuple[datetime | None, datetime | None]:
        """Return ``[start, end)`` in UTC, ``(None, None)`` when nothing was asked for.

        Raises :class:`InvalidInput`: ``start_missing`` and the codes of ``domain.ranges``.
        """
        if not self.start:
            if self.end:
                raise InvalidInput(
                    "end without start",
                    code="start_missing",
                )
            return None, None
        start = ranges.parse_instant(self.start, zone=zone, name="start")
        end = ranges.parse_instant(self.end, zone=zone, name="end") if self.end else now
        asked = ranges.require_range(start, end.astimezone(UTC), now=now, longest=LONGEST)
        return asked.start, asked.end

    def bounds_for(
        self, runtime: Runtime, authorization_id: UUID
    ) -> tuple[datetime | None, datetime | None]:
        """Return the window in the time zone of the authorization's utility."""
        if not self.start:
            return None, None
        with runtime.sessions() as session:
            authorization = session.get(Authorization, authorization_id)
        if authorization is None:
            raise NotFound("no such authorization")
        zone = ZoneInfo(runtime.providers.profile(authorization.provider).time_zone)
        return self.bounds(zone, runtime.now())
