"""A roof with February 2026 in full, seen from March 20."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from dcarbon.services import generation_reports
from dcarbon.services.runtime import Runtime
from tests.integration.services.conftest import Resident, Settle
from tests.support import solar_month
from tests.support.solar_month import Roof

FEBRUARY = date(2026, 2, 1)
LAST = date(2026, 2, 28)


@pytest.fixture
def ann(settle: Settle) -> Resident:
    return settle("ann")


@pytest.fixture
def roof(runtime: Runtime, ann: Resident, tmp_path: Path) -> Roof:
    """28 days with 6 hours each of 80 kWh out and 10 kWh in: 11.760 MWh."""
    content = solar_month.feed(FEBRUARY, LAST)
    return solar_month.build(
        runtime, ann.facility, ann.actor, tmp_path, content, claim_from=FEBRUARY
    )


def reported(roof: Roof) -> object:
    """Prepare February and make it final; return the report's id."""
    report = generation_reports.prepare(roof.runtime, roof.unit_id, FEBRUARY, actor=roof.actor)
    generation_reports.finalise(roof.runtime, report, actor=roof.actor)
    return report
