"""Rules on the file and the registry: how it is written, until when it is taken, what it says."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from dcarbon.domain import preflight_words as words
from dcarbon.domain import registry_files
from dcarbon.domain.certificates import WH_PER_MWH
from dcarbon.domain.filings import Filing
from dcarbon.domain.registries import Window, windows_for

_AGAIN = "Prepare the report again, and do not open the file in a spreadsheet: it rewrites dates."


def rows_gap(filing: Filing) -> str | None:
    told = {
        row.start + timedelta(days=n)
        for row in filing.rows
        for n in range((row.end - row.start).days + 1)
    }
    left_out = [day for day in filing.each_day() if day not in told]
    if not left_out:
        return None
    return (
        f"The file leaves out {words.days(left_out)}. Its rows have to add up to the whole month: "
        "prepare the report again."
    )


def rows_overlap(filing: Filing) -> str | None:
    rows = sorted(filing.rows, key=lambda row: row.start)
    twice = [b.start for a, b in pairwise(rows) if b.start <= a.end]
    if not twice:
        return None
    return f"The file tells of {words.days(twice)} more than once. Prepare the report again."


def already_reported(filing: Filing) -> str | None:
    if not any(
        earlier.start <= row.end and row.start <= earlier.end
        for earlier in filing.earlier
        for row in filing.rows
    ):
        return None
    return (
        "These days are in a final report already, and a registry takes each day once. If the "
        "number has changed since, an adjustment is opened by itself."
    )


def window_closed(filing: Filing) -> str | None:
    windows, age = _windows(filing), _age(filing)
    if not windows or age <= max(window.days for window in windows):
        return None
    longest = max(windows, key=lambda window: window.days)
    return (
        f"The month ended {age} days ago, and {filing.profile.name} takes "
        f"{_what(filing)} for {longest.days} days ({longest.source.title}). Ask the registry's "
        "administrator before you send anything."
    )


def window_disputed(filing: Filing) -> str | None:
    windows, age = _windows(filing), _age(filing)
    late = [window for window in windows if age > window.days]
    if not late or len(late) == len(windows):
        return None
    shortest = min(late, key=lambda window: window.days)
    return (
        f"The month ended {age} days ago. Published texts differ on until when "
        f"{filing.profile.name} takes {_what(filing)}: one says {shortest.days} days "
        f"({shortest.source.title}), another {max(w.days for w in windows)}. The registry may want "
        "to approve it first: ask its administrator."
    )


def id_missing(filing: Filing) -> str | None:
    if filing.unit.registry_id:
        return None
    return (
        f"The unit has no id at {filing.profile.name} yet. Register it there, then write the id "
        "into the unit on the page Generation."
    )


def reporting_unit_missing(filing: Filing) -> str | None:
    if filing.unit.reporting_unit_id or filing.profile.file.falls_back_to_generator_id:
        return None
    return (
        f"{filing.profile.name} wants a reporting unit id and the unit has none. Write it into the "
        "unit on the page Generation."
    )


def id_not_a_number(filing: Filing) -> str | None:
    wrong = registry_files.wrong_ids(filing.profile.file, filing.given)
    if not wrong or not filing.unit.registry_id:
        return None
    return (
        f"The file wants the generator's number only, and the unit's id is {wrong[0]}. Correct it "
        "on the page Generation: 805, not M805."
    )


def reporting_unit_not_plain(filing: Filing) -> str | None:
    wrong = registry_files.wrong_reporting_units(filing.profile.file, filing.given)
    if not wrong or not filing.unit.reporting_unit_id:
        return None
    return (
        f"The reporting unit id {wrong[0]} holds more than letters, digits and dashes. Correct it "
        "on the page Generation."
    )


def not_ascii(filing: Filing) -> str | None:
    if not registry_files.not_ascii(filing.given):
        return None
    return (
        "The file holds letters beyond plain ASCII, and the registry refuses them. Look at the "
        "unit's ids on the page Generation."
    )


def columns(filing: Filing) -> str | None:
    if not registry_files.wrong_columns(filing.profile.file, filing.given):
        return None
    return (
        f"The file's columns are not those of {filing.profile.name}. Look for a comma in the "
        "unit's ids, then prepare the report again."
    )


def vintage_format(filing: Filing) -> str | None:
    wrong = registry_files.wrong_vintages(filing.profile.file, filing.given)
    return f"The month is written {wrong[0]}; it must be MM/YYYY. {_AGAIN}" if wrong else None


def date_format(filing: Filing) -> str | None:
    wrong = registry_files.wrong_dates(filing.profile.file, filing.given)
    return f"A date is written {wrong[0]}; it must be MM/DD/YYYY. {_AGAIN}" if wrong else None


def total_format(filing: Filing) -> str | None:
    wrong = registry_files.wrong_totals(filing.profile.file, filing.given)
    if not wrong:
        return None
    decimals = filing.profile.file.decimals
    return f"A total is written {wrong[0]}; it needs {decimals} decimals and no sign. {_AGAIN}"


def trailing_rows(filing: Filing) -> str | None:
    if not registry_files.trailing_rows(filing.given):
        return None
    return f"The file ends in an empty row or a space, which the registry refuses. {_AGAIN}"


def adjustment_unchanged(filing: Filing) -> str | None:
    if filing.corrects_wh != filing.reported_wh:
        return None
    return "The corrected total is the one reported already, so there is nothing to correct."


def adjustment_unmarked(filing: Filing) -> str | None:
    if filing.profile.file.adjustment_word is not None:
        return None
    return (
        f"No public text says how {filing.profile.name} wants a correction marked. The file holds "
        "the full corrected total; ask the registry's administrator how to send it."
    )


def unconfirmed(filing: Filing) -> str | None:
    if filing.profile.is_confirmed:
        return None
    return f"{filing.profile.standing_words} Watch what the registry says to the first upload."


def below_one_mwh(filing: Filing) -> str | None:
    if filing.reported_wh >= WH_PER_MWH:
        return None
    return (
        "The month comes to less than one MWh. The registry carries it to the next report; there "
        "is a certificate as soon as a whole MWh has come together."
    )


def _windows(filing: Filing) -> tuple[Window, ...]:
    profile = filing.profile
    chosen = profile.reporting if filing.corrects_wh is None else profile.adjustments
    return windows_for(chosen, filing.unit.nameplate_kw)


def _what(filing: Filing) -> str:
    return "a report" if filing.corrects_wh is None else "an adjustment"


def _age(filing: Filing) -> int:
    return (filing.today - filing.last_day).days
