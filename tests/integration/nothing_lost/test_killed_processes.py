"""Processes killed with signal 9 in the middle of collecting lose nothing.

The benchmark ``nothing_lost`` does the same over fifty rounds, with Dagster's daemon and runs.
"""

from __future__ import annotations

import pytest

from benchmarks.chaos import customers, reckoning
from tests.integration.nothing_lost.conftest import Install

pytestmark = pytest.mark.database

ROUNDS = ("run", "postgres", "web", "everything")


def test_nothing_is_lost_when_the_run_the_web_app_and_postgresql_are_killed(
    install: Install,
) -> None:
    with install() as chaos:
        chaos.stack.ensure_all()
        chaos.let_in(customers.CHOICES[:4])

        for number, kind in enumerate(ROUNDS):
            newcomer = customers.CHOICES[4] if kind == "web" else None
            chaos.round(number, kind, newcomer=newcomer)
        result = reckoning.reckon(chaos)

        assert result.problems == []
        assert result.figures["customers"] == 5
        assert result.figures["corrected_readings_with_history"]
        assert chaos.stack.kills.keys() >= {"run", "postgres", "web"}
