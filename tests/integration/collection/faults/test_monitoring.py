"""UtilityAPI watches the meters of a consent in force: ordered once, for as long as it lasts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dcarbon.services import authorizations, collection, revocation
from dcarbon.services.actors import Actor
from dcarbon.services.collection import CollectionOutcome
from dcarbon_sandbox.server import Running
from tests.integration.collection.conftest import START, sandbox_wh, stored_wh
from tests.integration.collection.faults.conftest import Consented, Control, reopened

pytestmark = pytest.mark.database

Make = Callable[..., Consented]
ADMIN = Actor(None, is_admin=True)
MONITORING = "/api/v2/meters/ongoing-monitoring"
HISTORY = "/api/v2/meters/historical-collection"
A_DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _by_the_clock(control: Control) -> None:
    control.utilityapi(collection_delay_s=0, real_time=False)


@pytest.fixture
def house(consented: Make) -> Consented:
    made: Consented = consented("utilityapi", "hourly", utility="LADWP")
    return made


@dataclass(frozen=True)
class Provider:
    """What the provider was asked and has on record of a house's only meter."""

    sandbox: Running
    monitoring: Callable[[], int]
    """How many orders of monitoring it carried out, ``off`` included."""
    histories: Callable[[], int]

    def frequency(self, house: Consented) -> str:
        return str(self.meter(house)["frequency"])

    def turn_off(self, house: Consented) -> None:
        """Let monitoring end by itself, as after months without a refresh."""
        client = authorizations.utilityapi_client(house.runtime)
        client.ongoing_monitoring([self.meter(house)["uid"]], frequency="off")

    def meter(self, house: Consented) -> dict[str, Any]:
        """Return the record, also where the provider has forgotten the meter."""
        records = self.sandbox.sandbox.state.section("utilityapi")
        every = [*records["meters"].values(), *records.get("former_meters", {}).values()]
        uid = house.authorization().external_id
        (meter,) = [meter for meter in every if meter["authorization_uid"] == uid]
        return dict(meter)


@pytest.fixture
def provider(sandbox: Running, control: Control) -> Provider:
    monitoring, histories = (
        control.count("slow", path_prefix=path, parameters={"seconds": 0})
        for path in (MONITORING, HISTORY)
    )
    return Provider(sandbox, monitoring, histories)


def collected(house: Consented) -> CollectionOutcome:
    """Collect, again while the provider asks to wait."""
    for _ in range(10):
        outcome = house.collect()
        if not outcome.waiting:
            return outcome
        house.clock.set(house.order().not_before)
    raise AssertionError("the provider never became ready")


def has_all_until_now(house: Consented) -> bool:
    now = house.clock.now()
    held = sandbox_wh(house.login, (START - timedelta(days=12), now), as_of=now)
    return stored_wh(house.runtime) == held


def test_readings_go_on_arriving_and_monitoring_is_ordered_once(
    house: Consented, provider: Provider
) -> None:
    first = collected(house)
    house.clock.advance(3 * A_DAY)

    second = collected(house)

    assert (first.error, second.error) == (None, None)
    assert second.new > 0
    assert has_all_until_now(house)
    assert provider.frequency(house) == "daily"
    assert (provider.monitoring(), provider.histories()) == (1, 1)


def test_how_often_is_a_setting_for_meters_that_are_not_watched_yet(
    house: Consented,
    provider: Provider,
    environment: Mapping[str, str],
    database_url: str,
    tmp_path: Path,
) -> None:
    seldom = {**environment, "DCARBON_MONITORING_FREQUENCY": "weekly"}
    with reopened(seldom, database_url, tmp_path, house.clock) as runtime:
        assert collection.collect(runtime, house.id).error is None

    collected(house)

    assert provider.frequency(house) == "weekly"


def test_the_end_of_the_access_is_the_end_of_monitoring(
    house: Consented, provider: Provider
) -> None:
    collected(house)

    revoked = revocation.revoke(house.runtime, house.id, actor=ADMIN, reason="It is over.")
    assert revoked.order_id is not None
    outcome = revocation.end_at_provider(house.runtime, revoked.order_id)

    assert outcome.is_confirmed
    assert provider.frequency(house) == "off"
    assert provider.monitoring() == 2


def test_a_last_collection_orders_nothing(house: Consented, provider: Provider) -> None:
    collected(house)
    provider.turn_off(house)
    house.clock.advance(5 * A_DAY)
    revocation.revoke(house.runtime, house.id, actor=ADMIN, reason="It is over.")

    outcome = house.collect(final=True)

    assert outcome.error is None
    assert (provider.monitoring(), provider.histories()) == (2, 1)


def test_a_consent_whose_end_has_come_is_not_watched_again(
    house: Consented, provider: Provider, control: Control
) -> None:
    collected(house)
    provider.turn_off(house)
    ends = house.authorization().consent_ends_at
    assert ends is not None
    house.clock.set(ends)
    asked = [control.count("error", path_prefix=path) for path in (MONITORING, HISTORY)]

    outcome = house.collect()

    assert outcome.error is not None
    assert outcome.error.code == "consent_ended"
    assert [count() for count in asked] == [0, 0]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"kind": "status", "parameters": {"status": 402}}, "provider_payment_required"),
        ({"kind": "throttled"}, "provider_throttled"),
        ({"kind": "unavailable"}, "provider_outcome_unknown"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_refusal_is_stored_and_what_was_fetched_stays(
    house: Consented,
    provider: Provider,
    control: Control,
    fault: dict[str, Any],
    code: str,
) -> None:
    control.fault(**fault, path_prefix=MONITORING)

    outcome = collected(house)

    assert outcome.error is not None
    assert outcome.error.code == house.attempt().error_code == code
    assert has_all_until_now(house)
    assert provider.frequency(house) == "off"
    house.collect_when_due()
    assert house.attempt().error_code is None
    assert (provider.frequency(house), provider.monitoring()) == ("daily", 1)


def test_an_order_without_an_answer_is_looked_for_before_it_is_repeated(
    house: Consented, provider: Provider, control: Control
) -> None:
    control.calm()  # of two rules for one path only the first would happen
    cut = control.count("cut", path_prefix=MONITORING)

    outcome = collected(house)

    assert outcome.error is None
    assert (provider.frequency(house), cut()) == ("daily", 1)


def test_an_order_for_history_that_never_arrived_is_made_again_soon(
    house: Consented, control: Control, provider: Provider
) -> None:
    control.fault("unavailable", path_prefix=HISTORY)

    first = collected(house)
    second = house.collect_when_due()

    assert first.error is not None
    assert (first.error.code, second.error) == ("provider_outcome_unknown", None)
    assert stored_wh(house.runtime) == sandbox_wh(house.login, second.window)
    assert provider.histories() == 1


def test_a_meter_left_out_of_the_answer_is_not_taken_for_watched(
    house: Consented, provider: Provider, control: Control
) -> None:
    body = '{"success": true, "meters": [], "frequency": "daily"}'
    control.fault("status", path_prefix=MONITORING, parameters={"status": 200, "body": body})

    collected(house)
    left_out = provider.frequency(house)
    collected(house)

    assert (left_out, provider.frequency(house), provider.monitoring()) == ("off", "daily", 1)


@pytest.mark.parametrize(("days", "filled"), [(1, 0), (5, 1)])
def test_monitoring_that_ended_by_itself_begins_again_and_a_long_gap_is_filled(
    house: Consented,
    provider: Provider,
    days: int,
    filled: int,
) -> None:
    collected(house)
    provider.turn_off(house)
    house.clock.advance(days * A_DAY)

    outcome = collected(house)

    assert outcome.error is None
    assert provider.frequency(house) == "daily"
    assert (provider.monitoring(), provider.histories()) == (3, 1 + filled)
    assert has_all_until_now(house) == bool(filled)
    house.clock.advance(2 * A_DAY)
    assert collected(house).error is None
    assert has_all_until_now(house)
    assert (provider.monitoring(), provider.histories()) == (3, 1 + filled)


@pytest.mark.parametrize("scenario", ["badlogin_after", "websitedown_after"])
def test_a_meter_the_provider_cannot_read_is_not_watched_at_our_cost(
    consented: Make, provider: Provider, scenario: str
) -> None:
    house = consented("utilityapi", f"UAPI_TEST_{scenario}", utility="DEMO")

    outcome = collected(house)

    assert outcome.error is not None
    assert provider.monitoring() == 0
