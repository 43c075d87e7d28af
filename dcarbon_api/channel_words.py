"""Channels and their quantities in words, as the pages about single days and changes say them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from dcarbon.services.meters import ChannelView
from dcarbon_api import words

_KILO: Mapping[str, str] = {"Wh": "kWh", "VAh": "kVAh", "VArh": "kVArh"}
_DECIMALS = 3
"""At least so many, for a watt-hour to be seen and columns to line up."""


def name_of(channel: ChannelView) -> str:
    """Return what a channel counts, with what tells it apart from others of its kind."""
    name = words.direction_name(channel.direction, channel.commodity)
    return f"{name} ({channel.label})" if channel.label else name


def unit_of(channel: ChannelView) -> str:
    """Return the unit quantities are shown in: kWh where Wh is stored; none where unknown."""
    return _KILO.get(channel.unit, "" if channel.unit == "unknown" else channel.unit)


def amount(quantity: Decimal, channel: ChannelView, *, signed: bool = False) -> str:
    """Return an exact quantity in the unit shown, thousands apart; ``signed`` with its sign."""
    scaled = quantity.scaleb(-3) if channel.unit in _KILO else quantity
    exponent = scaled.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    decimals = max(-exponent, _DECIMALS if channel.unit in _KILO else 0)
    text = f"{abs(scaled):,.{decimals}f}"
    if scaled < 0:
        return f"\N{MINUS SIGN}{text}"
    return f"+{text}" if signed and scaled else text
