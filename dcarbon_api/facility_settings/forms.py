"""Changing what is said of a facility, and ending its access."""

from __future__ import annotations

from wtforms import BooleanField, StringField

from dcarbon.domain.facility_answers import FIELDS
from dcarbon_api.forms import Form
from dcarbon_api.new_facility.forms import ZONE_CHOICES, DetailsForm

__all__ = ["EndAccessForm", "SettingsForm"]


class SettingsForm(DetailsForm):
    """The details of a facility that exists."""

    def offer_present_zone(self) -> None:
        """Keep a zone that is not among the usual ones choosable, so that saving keeps it."""
        zone = self.time_zone.data
        if zone and zone not in ZONE_CHOICES:
            self.time_zone.choices = {**ZONE_CHOICES, zone: zone.replace("_", " ")}

    def changed(self, before: dict[str, str]) -> dict[str, str]:
        """Return only what differs: older facilities may lack what is asked today."""
        typed = self.answers()
        return {name: typed[name] for name in FIELDS if typed[name].strip() != before[name]}


class EndAccessForm(Form):
    """What is asked before an access is ended."""

    reason = StringField("Reason")
    land_first = BooleanField("Fetch the newest readings once more before the utility is told")
