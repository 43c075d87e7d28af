"""What the channels of a facility may be used for: proposed by rule, chosen by a person.

A proposal is made anew whenever it is asked for, since readings and channels arrive all the time;
it is written down with each choice and claim.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from dcarbon.db import generating_units as db
from dcarbon.db.facilities import Facility
from dcarbon.db.generating_units import ChannelEligibility, MeterClaim
from dcarbon.db.meters import Meter, MeterChannel
from dcarbon.domain import eligibility as rules
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.eligibility import CLAIMABLE, Eligibility, Facts, Judgement, Refusal, Rule
from dcarbon.domain.errors import ClaimRefused, InvalidInput, NotFound
from dcarbon.services import audit, channel_facts, meters, role_names
from dcarbon.services.actors import Actor
from dcarbon.services.meters import ChannelView, MeterView
from dcarbon.services.runtime import Runtime

LONGEST_NOTE = 200


@dataclass(frozen=True, slots=True)
class ChannelStanding:
    """One channel: what it is proposed to be, what a person chose, by which rules. Times: UTC."""

    channel: ChannelView
    proposed: Eligibility
    proposed_rule: Rule
    chosen: Eligibility | None
    chosen_rule: Rule | None
    chosen_by: str | None
    chosen_at: datetime | None
    note: str | None
    refusals: Mapping[Eligibility, Refusal]
    """Why it cannot be claimed, by basis. A basis that is absent may be chosen by a person, for
    production with the statement that it needs.
    """
    doubt: Refusal | None
    """Why what was chosen does not hold any more, if so: facts have changed since."""

    @property
    def counts_as(self) -> Eligibility | None:
        """The basis this channel counts by, ``None`` when it does not count."""
        return self.chosen if self.chosen in CLAIMABLE and self.doubt is None else None


@dataclass(frozen=True, slots=True)
class MeterStanding:
    """A meter with what each of its channels may be used for."""

    meter: MeterView
    channels: tuple[ChannelStanding, ...]


def of_facility(
    session: Session, facility_id: UUID, *, actor: Actor, now: datetime
) -> list[MeterStanding]:
    """Return every meter of a facility with its channels. Others' facilities are NotFound."""
    found = meters.listing(session, actor=actor, facility_id=facility_id)
    return standings(session, found, actor=actor, now=now)


def of_channel(
    session: Session, channel_id: UUID, *, actor: Actor, now: datetime
) -> tuple[MeterView, ChannelStanding]:
    """Return one channel with its meter. Raises :class:`NotFound` for others'."""
    meter = meters.get(session, meter_of(session, channel_id), actor=actor)
    (standing,) = standings(session, [meter], actor=actor, now=now)
    return meter, next(one for one in standing.channels if one.channel.id == channel_id)


def standings(
    session: Session, found: Sequence[MeterView], *, actor: Actor, now: datetime
) -> list[MeterStanding]:
    """Return how the channels of some meters of one facility stand."""
    if not found:
        return []
    facts = _facts(session, [(meter.id, meter.time_zone) for meter in found], now)
    rows = {
        row.channel_id: row
        for row in session.scalars(
            select(ChannelEligibility).where(ChannelEligibility.channel_id.in_(facts))
        )
    }
    choosers = [row.chosen_by for row in rows.values()]
    names = role_names.of(session, choosers, facility_id=found[0].facility_id, actor=actor)
    return [
        MeterStanding(
            meter,
            tuple(
                _standing(channel, facts[channel.id], rows.get(channel.id), names)
                for channel in meter.channels
            ),
        )
        for meter in found
    ]


def choose(
    runtime: Runtime,
    channel_id: UUID,
    *,
    wanted: str,
    actor: Actor,
    note: str = "",
    is_production_meter: bool = False,
) -> None:
    """Set what a channel may be used for. Anybody with a role at the facility, and admins.

    Raises :class:`ClaimRefused` when the rules do not let it be that, for nobody; when production
    is chosen without the statement or a note (``production_not_stated``, ``note_needed``); and
    while the meter is claimed by it (``channel_is_claimed``). :class:`NotFound` for others'.
    """
    note, eligibility, now = _plain(note), _word(wanted), runtime.now()
    with runtime.sessions.begin() as session:
        meter = meters.get(session, meter_of(session, channel_id), actor=actor)
        db.hold_claims(session)
        facts = _facts(session, [(meter.id, meter.time_zone)], now)
        judged = rules.chosen(
            facts[channel_id], eligibility, is_stated_production=is_production_meter
        )
        if isinstance(judged, Refusal):
            raise refused(judged, field="eligibility")
        if judged.eligibility is Eligibility.PRODUCTION and not note:
            raise ClaimRefused("no note", field="note", code="note_needed")
        write_proposals(session, facts, now=now)
        row = session.get_one(ChannelEligibility, channel_id, populate_existing=True)
        _require_unclaimed(session, meter, row, judged, facts)
        _write(session, row, judged, meter=meter, note=note, actor=actor, at=now)


def propose(session: Session, facility: Facility, *, now: datetime) -> None:
    """Write down what each channel of a facility is proposed to be, in the caller's transaction."""
    found = select(Meter.id, Meter.time_zone).where(Meter.facility_id == facility.id)
    facts = _facts(session, [(one, zone) for one, zone in session.execute(found)], now)
    write_proposals(session, facts, now=now)


def refused(refusal: Refusal, *, field: str) -> ClaimRefused:
    """Return a rule's refusal as an error for the person asking."""
    return ClaimRefused(
        f"refused by the rule {refusal.rule.key}",
        field=field,
        code=refusal.code,
        display_message=refusal.sentence,
    )


def write_proposals(session: Session, facts: dict[UUID, Facts], *, now: datetime) -> None:
    """Store what channels are proposed to be; what is stored already and the same stays."""
    if not facts:
        return
    judged = {channel_id: rules.proposed(of) for channel_id, of in facts.items()}
    statement = insert(ChannelEligibility).values(
        [
            {
                "channel_id": channel_id,
                "proposed": one.eligibility.value,
                "proposed_rule": one.rule.key,
                "proposed_at": now,
            }
            for channel_id, one in judged.items()
        ]
    )
    row, said = ChannelEligibility, statement.excluded
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[row.channel_id],
            set_={
                "proposed": said.proposed,
                "proposed_rule": said.proposed_rule,
                "proposed_at": said.proposed_at,
            },
            where=(row.proposed != said.proposed) | (row.proposed_rule != said.proposed_rule),
        )
    )


def meter_of(session: Session, channel_id: UUID) -> UUID:
    """Return whose channel this is. Raises :class:`NotFound`."""
    found = session.scalar(select(MeterChannel.meter_id).where(MeterChannel.id == channel_id))
    if found is None:
        raise NotFound("no such channel")
    return found


def _plain(note: str) -> str:
    """Return a note on one line, without what PostgreSQL or a page could not show."""
    shown = "".join(sign if sign.isprintable() else " " for sign in note)
    return " ".join(shown.split())[:LONGEST_NOTE]


def _word(wanted: str) -> Eligibility:
    try:
        return Eligibility(wanted)
    except ValueError as error:
        raise InvalidInput(
            "unknown eligibility",
            display_message=f"Please choose one of: {', '.join(Eligibility)}.",
        ) from error


def _facts(
    session: Session, zones: Collection[tuple[UUID, str]], now: datetime
) -> dict[UUID, Facts]:
    """Return the facts of all channels of meters of one facility, whose zone is the same."""
    if not zones:
        return {}
    today = max(now.astimezone(ZoneInfo(zone)).date() for _, zone in zones)
    return channel_facts.of_meters(session, [meter_id for meter_id, _ in zones], today=today)


def _standing(
    channel: ChannelView,
    facts: Facts,
    row: ChannelEligibility | None,
    names: dict[UUID, str],
) -> ChannelStanding:
    ours = rules.proposed(facts)
    chosen = Eligibility(row.chosen) if row is not None and row.chosen else None
    judged = rules.chosen(facts, chosen, is_stated_production=True) if chosen else None
    return ChannelStanding(
        channel=channel,
        proposed=ours.eligibility,
        proposed_rule=ours.rule,
        chosen=chosen,
        chosen_rule=rules.RULES.get(row.chosen_rule or "") if row else None,
        chosen_by=names.get(row.chosen_by) if row is not None and row.chosen_by else None,
        chosen_at=row.chosen_at if row else None,
        note=row.note if row else None,
        refusals=rules.refusals(facts),
        doubt=judged if isinstance(judged, Refusal) else None,
    )


def _require_unclaimed(
    session: Session,
    meter: MeterView,
    row: ChannelEligibility,
    judged: Judgement,
    facts: dict[UUID, Facts],
) -> None:
    """Refuse to take away what a claim that goes on rests on. A past one is put right by choosing:
    what it comes to is counted anew.
    """
    if row.chosen not in CLAIMABLE or row.chosen == judged.eligibility:
        return
    claimed = session.scalars(
        select(MeterClaim.basis).where(
            MeterClaim.meter_id == meter.id,
            MeterClaim.basis == row.chosen,
            MeterClaim.last_day.is_(None),
        )
    ).first()
    others = session.scalars(
        select(ChannelEligibility.channel_id).where(
            ChannelEligibility.channel_id.in_(facts),
            ChannelEligibility.channel_id != row.channel_id,
            ChannelEligibility.chosen == row.chosen,
        )
    ).first()
    if claimed is not None and others is None:
        raise ClaimRefused("a claim rests on it", field="eligibility", code="channel_is_claimed")


def _write(
    session: Session,
    row: ChannelEligibility,
    judged: Judgement,
    *,
    meter: MeterView,
    note: str,
    actor: Actor,
    at: datetime,
) -> None:
    kept = note or None
    is_same = (row.chosen, row.chosen_rule) == (judged.eligibility, judged.rule.key)
    if is_same and row.note == kept:
        return
    before, row.chosen = row.chosen, judged.eligibility.value
    row.chosen_rule, row.chosen_by, row.chosen_at = judged.rule.key, actor.person_id, at
    row.note = kept
    # The note stays out of the log: people write names into notes, and the log is for ever.
    audit.record(
        session,
        AuditEvent.CHANNEL_ELIGIBILITY_CHOSEN,
        actor=actor,
        at=at,
        facility_id=meter.facility_id,
        meter=str(meter.id),
        channel=str(row.channel_id),
        before=before,
        after=row.chosen,
        rule=row.chosen_rule,
    )
