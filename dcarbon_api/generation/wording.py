"""What channels, rules and registries are called on pages. Filters of the templates."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from flask import Blueprint

from dcarbon.domain import registries
from dcarbon.domain.eligibility import Eligibility
from dcarbon.domain.generating_unit_answers import FUELS
from dcarbon.domain.registries import Source
from dcarbon.services.meters import ChannelView
from dcarbon_api import words

bp = Blueprint("generation_words", __name__)

ELIGIBILITIES: Mapping[str, str] = {
    Eligibility.PRODUCTION: "Production",
    Eligibility.HOURLY_EXPORT: "Export by the hour",
    Eligibility.NET: "Net, never claimed",
    Eligibility.CONSUMPTION: "Consumption, never claimed",
    Eligibility.ESTIMATED: "Estimates, never claimed",
}


@bp.app_template_filter()
def eligibility_name(word: str) -> str:
    return ELIGIBILITIES.get(word, word)


@bp.app_template_filter()
def fuel_name(word: str) -> str:
    return FUELS.get(word, word)


@bp.app_template_filter()
def registry_name(key: str) -> str:
    """Return a registry's name; a key whose profile is gone is shown as it is."""
    profile = registries.profiles().get(key)
    return profile.name if profile else key


@bp.app_template_filter()
def kilowatts(value: Decimal) -> str:
    return f"{value.normalize():,f} kW"


@bp.app_template_filter()
def source_words(source: Source) -> str:
    """Return a text with its date, as it is cited."""
    dated = words.plain_date(source.dated) if source.dated else "undated"
    return f"{source.title} ({dated})"


@bp.app_template_filter()
def channel_name(channel: ChannelView) -> str:
    """Return what a channel counts: its direction, or what it measures beside energy."""
    name = words.direction_name(channel.direction, channel.commodity)
    if channel.direction in {"unknown", "other"}:
        name = "Direction not stated"
    if channel.measure != "usage":
        name = f"{name}, {channel.measure}"
    return name if channel.unit == "unknown" else f"{name}, {channel.unit}"
