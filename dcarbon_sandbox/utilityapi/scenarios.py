"""Test scenarios (reference section 8) and which customer, real or scenario, is behind a meter."""

from __future__ import annotations

from functools import lru_cache

from dcarbon_sandbox.customers import (
    CUSTOMERS,
    SandboxCustomer,
    SandboxMeter,
    customer_by_login,
    make_meter,
)
from dcarbon_sandbox.utilityapi.service import Record

LOGIN_PREFIX = "UAPI_TEST_"
SCENARIOS = (
    "residential",
    "commercial",
    "badlogin",
    "badlogin_after",
    "websitedown",
    "websitedown_after",
    "utilityerror",
    "nointervals",
    "partialintervals",
    "pending_manual_after",
    "wait_to_login_after",
    "revoked",
    "empty",
)
AT_ONCE_ERRORS = {
    "badlogin": ("access_invalid", "The utility did not accept the login."),
    "websitedown": ("retrying", "The utility's website is down."),
    "utilityerror": ("access_unsupported", "The utility answered with an error."),
}
REDIRECT_ERRORS = {"badlogin": "access_invalid", "websitedown": "utility_down"}
_NO_METERS = {"badlogin", "websitedown", "utilityerror", "empty"}
_FIRST_SERVICE = 6_000_000_000


def customer_of(authorization: Record) -> SandboxCustomer:
    """Return who signed in: the person, or one made up for the scenario and this authorization."""
    login = authorization.get("login")
    if login is not None:
        customer = customer_by_login(login)
        if customer is None:
            raise KeyError(login)
        return customer
    return _made_up(authorization["scenario"], int(authorization["uid"]))


def meter_of(authorization: Record, index: int) -> SandboxMeter:
    return customer_of(authorization).meters[index]


def sign_in(utility: str, login: str, password: str) -> Record | None:
    """Return ``{"scenario"}`` or ``{"login"}`` for a test login or a customer's; ``None`` if bad.

    Scenario logins work at any utility and with any password.
    """
    scenario = login.removeprefix(LOGIN_PREFIX)
    if scenario != login:
        return {"scenario": scenario} if scenario in SCENARIOS else None
    customer = customer_by_login(login)
    if customer is None or utility not in customer.utilities or password != customer.password:
        return None
    return {"login": login}


def known_utilities() -> list[str]:
    """Return the codes somebody can sign in at, ``DEMO`` last."""
    codes = {code for customer in CUSTOMERS for code in customer.utilities}
    return [*sorted(codes - {"DEMO"}), "DEMO"]


@lru_cache(maxsize=65536)
def _made_up(scenario: str, number: int) -> SandboxCustomer:
    first = _FIRST_SERVICE + number * 10 % 3_000_000_000
    if scenario in _NO_METERS:
        meters: tuple[SandboxMeter, ...] = ()
    elif scenario == "commercial":
        large = frozenset({"large"})
        meters = (
            make_meter(first, "commercial", tariff="B-19"),
            make_meter(first + 1, "commercial", tariff="B-10"),
            make_meter(first + 2, "solar", tariff="B-19-NEM2", quirks=large),
            make_meter(first + 3, "gas", tariff="G-NR1", quirks=large),
        )
    else:
        quirks = frozenset({"sparse"}) if scenario == "partialintervals" else frozenset()
        meters = (make_meter(first, "solar", tariff="E-ELEC-NEM2", quirks=quirks),)
    return SandboxCustomer(
        login=LOGIN_PREFIX + scenario,
        password="",
        name=f"Scenario {scenario.replace('_', ' ').title()}",
        email=f"{scenario}@scenario.example",
        account_id=f"{7_900_000_000 + number % 100_000_000:010d}",
        street=f"{number % 10_000} Scenario Street",
        city="Anytown",
        state="CA",
        postal_code="95000",
        utilities=frozenset(known_utilities()),
        meters=meters,
    )
