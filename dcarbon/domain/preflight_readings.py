"""Rules on meters and readings: does every day count, is all of it there, can it be true."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from dcarbon.domain import preflight_words as words
from dcarbon.domain.filings import FiledClaim, FiledDay, Filing

_COUNTED = {"production": "production", "hourly_export": "hourly_export"}
"""Which eligibility a channel needs to count on a basis."""
_ELIGIBILITY_WORDS = {
    "net": "a net register: import and export are mixed in it, so it never counts",
    "consumption": "consumption, which never counts",
    "estimated": "estimated, which never counts",
    "production": "production, which the claim does not say",
    "hourly_export": "hourly export, which the claim does not say",
}


def meter_missing(filing: Filing) -> str | None:
    if any(claim.holds_on(day) for claim in filing.claims for day in filing.each_day()):
        return None
    return (
        "No meter counts for this unit in this month. Say which meter does, on the page "
        "Generation, then prepare the report again."
    )


def days_without_meter(filing: Filing) -> str | None:
    bare = [day for day in filing.each_day() if not _claims_on(filing, day)]
    if not bare or len(bare) == len(list(filing.each_day())):
        return None
    return (
        f"No meter counts for this unit on {words.days(bare)}. Whole months only: say from when "
        "to when each meter counts, so that no day is left out."
    )


def not_eligible(filing: Filing) -> str | None:
    refused = [c for c in filing.claims if c.doubt or c.eligibility != _COUNTED.get(c.basis)]
    return " ".join(map(_refusal, refused)) or None


def _refusal(claim: FiledClaim) -> str:
    whose, basis = f"The readings of meter {claim.meter}", _basis(claim.basis)
    if claim.doubt:
        return f"{whose} do not count as {basis} any more: {claim.doubt}"
    return (
        f"{whose} are not set to count as {basis}: {_why_not(claim)} Set it on the page "
        "Generation, or end the claim."
    )


def _why_not(claim: FiledClaim) -> str:
    if claim.eligibility is None:
        return "nobody has decided what they are."
    return f"they are {_ELIGIBILITY_WORDS.get(claim.eligibility, claim.eligibility)}."


def month_not_over(filing: Filing) -> str | None:
    if filing.today > filing.last_day:
        return None
    return (
        f"The month is not over: it ends on {words.day(filing.last_day)}. Only whole months are "
        "reported; come back after it."
    )


def days_incomplete(filing: Filing) -> str | None:
    open_days = [day for day in filing.days if not day.is_complete and not day.is_estimated]
    missing = _unknown_days(filing)
    if not open_days and not missing:
        return None
    days = sorted({day.day for day in open_days} | set(missing))
    reason = next((day.reason for day in open_days if day.reason), "")
    return (
        f"Readings are missing on {words.days(days)}. {words.sentence(reason)}Open those days to "
        "see why; we ask the utility again by ourselves, and the report can be made final once "
        "they are here."
    )


def _unknown_days(filing: Filing) -> list[date]:
    known = {(day.meter_id, day.day) for day in filing.days}
    return [
        day
        for day in filing.each_day()
        if any((claim.meter_id, day) not in known for claim in _claims_on(filing, day))
    ]


def estimates(filing: Filing) -> str | None:
    days = sorted({day.day for day in filing.days if day.is_estimated})
    if not days:
        return None
    return (
        f"The utility estimated readings on {words.days(days)}, and estimates never count. Wait "
        "until it replaces them by measured ones, or ask it to."
    )


def beyond_capacity(filing: Filing) -> str | None:
    most = filing.unit.nameplate_kw * 1000 * filing.hours * filing.profile.feasibility_factor
    if filing.wh <= most:
        return None
    return (
        f"{words.mwh(filing.wh)} MWh is more than a unit of {words.kw(filing)} kW can generate in "
        f"{filing.hours} hours ({words.mwh(most)} MWh). Look for a wrong meter, unit of measure or "
        "nameplate; if all are right, the registry asks for evidence before it accepts the file."
    )


def day_beyond_capacity(filing: Filing) -> str | None:
    most = {
        day.day: filing.unit.nameplate_kw * 1000 * day.hours * filing.profile.feasibility_factor
        for day in filing.days
    }
    beyond = [day for day, limit in sorted(most.items()) if _wh_on(filing, day) > limit]
    if not beyond or beyond_capacity(filing):
        return None
    return (
        f"On {words.days(beyond)} the meters counted more than a unit of {words.kw(filing)} kW can "
        "generate in a day. Open the day and look whether its readings can be right."
    )


def before_operation(filing: Filing) -> str | None:
    began = filing.unit.commercial_operation_date
    if all(row.start >= began for row in filing.rows):
        return None
    return (
        f"The unit began commercial operation on {words.day(began)}, and nothing before that day "
        "can be claimed. Put the date right, or report from that month on."
    )


def clocks_change(filing: Filing) -> str | None:
    odd = sorted({day.day for day in filing.days if day.hours != 24})  # noqa: PLR2004
    if not odd:
        return None
    return (
        f"The clocks change on {words.days(odd)}. The monthly total counts every hour once; but "
        "if the registry asks for hours, ask it how it numbers those of this day: no public text "
        "says."
    )


def _claims_on(filing: Filing, day: date) -> list[FiledClaim]:
    return [claim for claim in filing.claims if claim.holds_on(day)]


def _wh_on(filing: Filing, day: date) -> Decimal:
    return sum((one.wh for one in _days_on(filing, day)), Decimal(0))


def _days_on(filing: Filing, day: date) -> list[FiledDay]:
    return [one for one in filing.days if one.day == day]


def _basis(basis: str) -> str:
    return basis.replace("_", " ")
