"""The reckoning is not blind: whatever is taken away from an installation, it names."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from benchmarks.chaos import customers, reckoning, truth
from benchmarks.chaos.rounds import Chaos
from tests.integration.nothing_lost.conftest import Install

pytestmark = pytest.mark.database

ANOTHER_VALUE = """
    update interval_days d set readings[1] = readings[1] + 1
    from series s join meter_channels c on c.id = s.channel_id
    where d.series_id = s.id and c.direction = 'delivered' and d.utc_day = '2026-10-20'
"""
NO_HISTORY = "delete from interval_days_history"
AN_OPEN_ATTEMPT = "update sync_attempts set finished_at = null"
NO_ENTRIES = "delete from audit_entries where event = 'interval_data_imported'"
AN_ENDED_GRANT = "update grants set ended_at = now(), end_reason = 'revoked'"


def test_what_is_taken_away_is_named(install: Install) -> None:
    with install() as chaos:
        chaos.stack.ensure_all()
        chaos.let_in(customers.CHOICES[:1])
        assert reckoning.reckon(chaos).problems == []
        chaos.witness.look(chaos.runtime)
        chaos.stack.kill("collector")

        _spoil(chaos, ANOTHER_VALUE)
        assert "wrong=1" in reckoning.compare_readings(chaos)[1][0]
        _spoil(chaos, NO_HISTORY)
        assert chaos.witness.problems(chaos.runtime)
        assert chaos.witness.restated(chaos.runtime)[1]
        _spoil(chaos, NO_ENTRIES)
        assert truth.audit_problems(chaos.runtime)[1]
        _spoil(chaos, AN_OPEN_ATTEMPT)
        assert truth.unfinished(chaos.runtime)
        next((chaos.stack.home / "landing").rglob("*.zst")).unlink()
        assert truth.lost_payloads(chaos.runtime)[1]
        _spoil(chaos, AN_ENDED_GRANT)
        assert truth.dead_grants(chaos.runtime, chaos.people)


def _spoil(chaos: Chaos, statement: str) -> None:
    with chaos.runtime.sessions.begin() as session:
        session.execute(text("set local session_replication_role = replica"))
        session.execute(text(statement))
