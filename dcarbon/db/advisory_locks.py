"""The numbered advisory locks of the database, all in one place so that no two share a number."""

from __future__ import annotations

from enum import IntEnum, unique


@unique
class LockNumber(IntEnum):
    """What a lock protects. A lock of a name has the name's ``hashtextextended`` instead."""

    MIGRATIONS = 4_918_273
    SERIES = 4_918_274
    """The first of two numbers; the second is the series' stripe."""
    AUDIT_CHAIN = 4_918_275
    DERIVED_ENERGY = 4_918_276
    ERASING = 4_918_277
    BACKUP = 4_918_278
    """Held over a backup; shared by whoever takes a payload out of the landing zone."""
    INTERVAL_MONTHS = 4_918_279
    METER_CLAIMS = 5_204_117
