"""Synthetic ESPI documents for the benchmark: plain feeds in two styles, and hostile ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HOST: Final = "https://dc.example.test/espi/1_1/resource"
POINT: Final = f"{HOST}/Subscription/1/UsagePoint/7"
FIRST_START: Final = 1_704_067_200
PER_DAY: Final = 96
MONTHS_13: Final = 37_920
MILLION: Final = 1_000_032
"""The first whole number of days with a million readings."""


def value_of(number: int) -> int:
    """Return the value of the reading with that number, in milli-watt-hours."""
    return (number * 7_919) % 1_000_003


def write_feed(path: Path, readings: int, *, compact: bool = False) -> Path:
    """Write a feed of whole days of quarter hours; pretty is 332 bytes a reading, compact 187."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(feed(readings, compact=compact))
    return path


def feed(readings: int, *, compact: bool = False) -> Iterator[str]:
    """Yield the pieces of a feed: one entry per day behind the four describing ones."""
    yield _head()
    for day in range(readings // PER_DAY):
        yield _compact_day(day) if compact else _pretty_day(day)
    yield "</feed>\n"


@dataclass(frozen=True, slots=True)
class Hostile:
    """A document made to hurt, and the codes with which it may be refused."""

    name: str
    write: Callable[[Path], object]
    codes: frozenset[str]
    total: int | None = None
    """The sum of its values, where reading it is right, too."""


def hostile_documents() -> tuple[Hostile, ...]:
    """Return the documents of the performance reference, section 1."""
    dtd = frozenset({"xml_refused_dtd"})
    large = frozenset({"xml_too_large_text"})
    return (
        Hostile("external entity", _external_entity, dtd),
        Hostile("billion laughs", _billion_laughs, dtd),
        Hostile("quadratic blow-up", _quadratic, dtd),
        Hostile("200 MB text", _giant_text, large),
        Hostile("200 MB attribute", _giant_attribute, large),
        Hostile("200 MB comment", _giant_comment, large),
        Hostile("200,000 levels", _deep, frozenset({"xml_too_deep"})),
        Hostile("300,000 attributes", _many_attributes, large, total=5),
        Hostile("2 million empty elements", _many_elements, large, total=5),
        Hostile("two values in a reading", _two_values, frozenset({"ambiguous_reading"})),
        Hostile("markup in a value", _markup_in_value, frozenset({"ambiguous_reading"})),
        Hostile("comment and CDATA in values", _comment_and_cdata, frozenset(), total=135),
        Hostile("truncated", _truncated, frozenset({"malformed_xml"})),
    )


def _entry(path: str, content: str, *related: str) -> str:
    up = path.rpartition("/")[0]
    links = "".join(f'<link rel="related" href="{href}"/>' for href in related)
    return (
        f'<entry><id>urn:uuid:{abs(hash(path))}</id><link rel="self" href="{path}"/>'
        f'<link rel="up" href="{up}"/>{links}<content>{content}</content></entry>\n'
    )


def _head() -> str:
    espi = 'xmlns="http://naesb.org/espi"'
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:espi="http://naesb.org/espi">\n'
        "<id>urn:uuid:0</id><title>Green Button Usage Feed</title>\n"
        + _entry(
            f"{HOST}/LocalTimeParameters/1",
            f"<LocalTimeParameters {espi}><dstEndRule>B40E2000</dstEndRule>"
            "<dstOffset>3600</dstOffset><dstStartRule>360E2000</dstStartRule>"
            "<tzOffset>-28800</tzOffset></LocalTimeParameters>",
        )
        + _entry(
            POINT,
            f"<UsagePoint {espi}><ServiceCategory><kind>0</kind></ServiceCategory></UsagePoint>",
            f"{POINT}/MeterReading",
            f"{HOST}/LocalTimeParameters/1",
        )
        + _entry(
            f"{POINT}/MeterReading/1",
            f"<MeterReading {espi}/>",
            f"{POINT}/MeterReading/1/IntervalBlock",
            f"{HOST}/ReadingType/1",
        )
        + _entry(
            f"{HOST}/ReadingType/1",
            f"<ReadingType {espi}><accumulationBehaviour>4</accumulationBehaviour>"
            "<commodity>1</commodity><flowDirection>1</flowDirection>"
            "<intervalLength>900</intervalLength><kind>12</kind>"
            "<powerOfTenMultiplier>-3</powerOfTenMultiplier><uom>72</uom></ReadingType>",
        )
    )


def _pretty_day(day: int) -> str:
    start = FIRST_START + day * PER_DAY * 900
    path = f"{POINT}/MeterReading/1/IntervalBlock"
    lines = [
        f"""  <entry>
    <id>urn:uuid:{start}</id>
    <link rel="self" href="{path}/{start}"/>
    <link rel="up" href="{path}"/>
    <content>
      <IntervalBlock xmlns="http://naesb.org/espi">
        <interval>
          <duration>86400</duration>
          <start>{start}</start>
        </interval>
"""
    ]
    for slot in range(PER_DAY):
        number = day * PER_DAY + slot
        lines.append(f"""        <IntervalReading>
          <cost>{number % 977}</cost>
          <ReadingQuality>
            <quality>17</quality>
          </ReadingQuality>
          <timePeriod>
            <duration>900</duration>
            <start>{start + slot * 900}</start>
          </timePeriod>
          <value>{value_of(number)}</value>
        </IntervalReading>
""")
    lines.append("      </IntervalBlock>\n    </content>\n  </entry>\n")
    return "".join(lines)


def _compact_day(day: int) -> str:
    start = FIRST_START + day * PER_DAY * 900
    path = f"{POINT}/MeterReading/1/IntervalBlock"
    readings = "".join(
        "<espi:IntervalReading><espi:timePeriod><espi:duration>900</espi:duration>"
        f"<espi:start>{start + slot * 900}</espi:start></espi:timePeriod>"
        f"<espi:value>{value_of(day * PER_DAY + slot)}</espi:value></espi:IntervalReading>"
        for slot in range(PER_DAY)
    )
    return (
        f'<entry><id>urn:uuid:{start}</id><link rel="self" href="{path}/{start}"/>'
        f'<link rel="up" href="{path}"/><content><espi:IntervalBlock><espi:interval>'
        f"<espi:duration>86400</espi:duration><espi:start>{start}</espi:start></espi:interval>"
        f"{readings}</espi:IntervalBlock></content></entry>"
    )


def _with_readings(readings: str, *, before: str = "", attributes: str = "") -> str:
    path = f"{POINT}/MeterReading/1/IntervalBlock"
    block = f'<IntervalBlock xmlns="http://naesb.org/espi"{attributes}>{readings}</IntervalBlock>'
    return f"{_head()}{before}{_entry(f'{path}/1', block)}</feed>"


def _reading(value: str, *, start: int = FIRST_START) -> str:
    period = f"<timePeriod><duration>900</duration><start>{start}</start></timePeriod>"
    return f"<IntervalReading>{period}<value>{value}</value></IntervalReading>"


def _write_with_dtd(path: Path, dtd: str, value: str) -> None:
    declaration, _, rest = _with_readings(_reading(value)).partition("\n")
    path.write_text(f"{declaration}\n<!DOCTYPE feed [{dtd}]>\n{rest}", encoding="utf-8")


def _external_entity(path: Path) -> None:
    _write_with_dtd(path, '<!ENTITY x SYSTEM "file:///etc/hostname">', "&x;")


def _billion_laughs(path: Path) -> None:
    entities = '<!ENTITY a0 "1">' + "".join(
        f'<!ENTITY a{level} "{f"&a{level - 1};" * 10}">' for level in range(1, 11)
    )
    _write_with_dtd(path, entities, "&a10;")


def _quadratic(path: Path) -> None:
    _write_with_dtd(path, f'<!ENTITY a "{"1" * 100_000}">', "&a;" * 20_000)


def _giant_text(path: Path) -> None:
    _write_giant(path, _with_readings(_reading("GIANT")))


def _giant_attribute(path: Path) -> None:
    _write_giant(path, _with_readings(_reading("5"), attributes=' a="GIANT"'))


def _giant_comment(path: Path) -> None:
    head, tail = _with_readings(_reading("5"), before="<!--GIANT-->").split("GIANT")
    with path.open("w", encoding="utf-8") as file:
        file.write(head)
        for _ in range(200):
            file.write("<1" * 500_000)
        file.write(tail)


def _write_giant(path: Path, document: str) -> None:
    head, tail = document.split("GIANT")
    with path.open("w", encoding="utf-8") as file:
        file.write(head)
        for _ in range(200):
            file.write("1" * 1_000_000)
        file.write(tail)


def _deep(path: Path) -> None:
    nested = "<a>" * 200_000 + "</a>" * 200_000
    path.write_text(_with_readings(_reading("5"), before=nested), encoding="utf-8")


def _many_attributes(path: Path) -> None:
    attributes = "".join(f' a{number}="{number}"' for number in range(300_000))
    path.write_text(_with_readings(_reading("5"), attributes=attributes), encoding="utf-8")


def _many_elements(path: Path) -> None:
    path.write_text(_with_readings(_reading("5"), before="<a/>" * 2_000_000), encoding="utf-8")


def _two_values(path: Path) -> None:
    doubled = _reading("12").replace("<value>12</value>", "<value>12</value><value>34</value>")
    missing = _reading("1", start=FIRST_START + 900).replace("<value>1</value>", "")
    path.write_text(_with_readings(doubled + missing), encoding="utf-8")


def _markup_in_value(path: Path) -> None:
    path.write_text(_with_readings(_reading("12<b/>34")), encoding="utf-8")


def _comment_and_cdata(path: Path) -> None:
    first = _reading("<![CDATA[123]]>")
    second = _reading("1<!-- half -->2", start=FIRST_START + 900)
    path.write_text(_with_readings(first + second), encoding="utf-8")


def _truncated(path: Path) -> None:
    text = "".join(feed(PER_DAY * 3))
    path.write_text(text[: len(text) * 2 // 3], encoding="utf-8")
