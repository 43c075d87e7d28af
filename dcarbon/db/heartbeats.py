"""Signs of life of the processes that serve nobody: the pipelines and the mailer.

Each writes its row twice a minute; whoever looks (the System page, the metrics) needs no way to the
process itself and no look into Dagster's own tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Text, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from dcarbon.db.base import Base, Instant

PIPELINES = "pipelines"
"""Written by a sensor: Dagster's daemon and its code server work, and reach our database."""
MAILER = "mailer"


class Heartbeat(Base):
    """The last sign of life of one kind of process; of several of a kind, of any of them."""

    __tablename__ = "heartbeats"

    process: Mapped[str] = mapped_column(Text, primary_key=True)
    beat_at: Mapped[Instant]


def beat(session: Session, process: str, *, now: datetime) -> None:
    """Write down that a process works."""
    session.execute(
        insert(Heartbeat)
        .values(process=process, beat_at=now)
        .on_conflict_do_update(index_elements=["process"], set_={"beat_at": now})
    )


def newest(session: Session) -> Mapping[str, datetime]:
    """Return the last sign of life of each process that ever gave one."""
    rows = session.execute(select(Heartbeat.process, Heartbeat.beat_at))
    return {row.process: row.beat_at for row in rows}
