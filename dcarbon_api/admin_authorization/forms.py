"""What is asked before an administrator ends an authorization or fetches a range again."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from wtforms import StringField
from wtforms.validators import DataRequired, Length

from dcarbon.domain import ranges
from dcarbon.domain.errors import InvalidInput
from dcarbon.domain.ranges import TimeRange
from dcarbon.services import repulls
from dcarbon_api.forms import Form, refuse

LONGEST_REASON = 200
_USUAL = timedelta(days=30)


class PlainForm(Form):
    """A form of one button: only its token counts."""


class RevokeForm(Form):
    """Why somebody's access is ended."""

    reason = StringField(
        "Reason",
        filters=[lambda text: (text or "").strip()],
        validators=[
            DataRequired("Please say why: the people of the facility read it."),
            Length(max=LONGEST_REASON, message=f"At most {LONGEST_REASON} characters, please."),
        ],
    )


class RepullForm(Form):
    """The first and the last local day at the utility, both included."""

    first_day = StringField("First day")
    last_day = StringField("Last day")

    @classmethod
    def suggested(cls, zone: ZoneInfo, now: datetime) -> RepullForm:
        """Return the form filled with the last 30 days."""
        today = now.astimezone(zone).date()
        return cls(
            formdata=None,
            data={"first_day": (today - _USUAL).isoformat(), "last_day": today.isoformat()},
        )

    def window(self, zone: ZoneInfo, now: datetime) -> TimeRange | None:
        """Return the range in UTC, or put words at the field that is wrong."""
        days = [self._day(self.first_day), self._day(self.last_day)]
        if None in days:
            return None
        first, last = (day.isoformat() for day in days if day)
        try:
            return repulls.window(first, _after(last), zone=zone, now=now)
        except InvalidInput as error:
            refuse(self.first_day, error.display_message)
            return None

    @staticmethod
    def _day(field: StringField) -> date | None:
        try:
            return ranges.parse_day((field.data or "").strip(), name=field.label.text)
        except InvalidInput as error:
            refuse(field, error.display_message)
            return None


def _after(day: str) -> str:
    found = date.fromisoformat(day)
    return (found if found == date.max else found + timedelta(days=1)).isoformat()
