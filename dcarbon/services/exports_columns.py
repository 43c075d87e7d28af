"""The columns of an export: one list for every format, and what each of them says."""

from __future__ import annotations

from typing import NamedTuple


class Column(NamedTuple):
    """``width`` is that of a sheet's column, in characters."""

    name: str
    says: str
    width: int


METER = Column("meter", "Number of the meter, or the utility's identifier of it.", 16)
CHANNEL = Column(
    "channel",
    "What the meter counts: direction, unit and kind. Only readings of kind usage may be added up; "
    "a register is the state of a counter.",
    24,
)
LOCAL_START = Column(
    "local_start", "When the interval began, on the clock of the meter's time zone.", 20
)
UTC_OFFSET = Column(
    "utc_offset",
    "How far that clock is from UTC. In autumn an hour comes twice: the offset tells which.",
    11,
)
UTC_START = Column("utc_start", "When the interval began, in UTC.", 20)
DURATION = Column("duration_s", "How long the interval is, in seconds.", 11)
VALUE = Column("value", "The quantity in this interval, exactly as the utility stated it.", 16)
UNIT = Column("unit", "The unit of the value.", 7)
DIRECTION = Column(
    "direction", "delivered: taken from the grid. received: given to it. net: both in one.", 11
)
QUALITY_CODE = Column(
    "quality_code", "The utility's code for the quality (ESPI); empty where it stated none.", 13
)
QUALITY = Column("quality", "The same in words.", 16)
RESTATED = Column(
    "restated", "Whether the utility had stated another value for this interval before.", 10
)
PAYLOAD = Column(
    "payload_sha256",
    "SHA-256 of the utility's answer that last stated readings of this UTC day, byte for byte as "
    "it is kept.",
    66,
)
METER_ID = Column("meter_id", "The meter's identifier here, as in the API.", 38)

COLUMNS = (
    METER,
    CHANNEL,
    LOCAL_START,
    UTC_OFFSET,
    UTC_START,
    DURATION,
    VALUE,
    UNIT,
    DIRECTION,
    QUALITY_CODE,
    QUALITY,
    RESTATED,
    PAYLOAD,
    METER_ID,
)
