"""The invented people and meters every stand-in utility of the sandbox knows.

Nobody here exists: the names are made up, the addresses are in a town that does not exist, the
mail addresses end in ``.example``. What a meter measured is in ``loads``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Kind = Literal["household", "commercial", "solar", "gas"]

PACIFIC = "America/Los_Angeles"
QUARTER_HOUR, HOUR, DAY = 900, 3600, 86400
GENERATED_PREFIX = "bulk-"
GENERATED_PASSWORD = "bulk"  # noqa: S105 — an invented login of the sandbox
_GENERATED_IDS = 5_000_000_000
_GENERATED_LIMIT = 10_000_000
_BIG_UTILITIES = frozenset({"PG&E", "SCE", "SDG&E"})
_ALL_UTILITIES = _BIG_UTILITIES | {"LADWP", "SMUD", "DEMO"}


@dataclass(frozen=True)
class SandboxMeter:
    """One service of a customer: an electric or gas service point with its physical meter.

    ``id`` is the ten-digit service identifier, ``step_s`` the length of an interval in seconds
    (86400: one local day, so 23 or 25 hours twice a year). ``unit`` is ``Wh`` or ``therm``.
    Quirks: ``holes`` (on some days readings are missing for good), ``sparse`` (on most days),
    ``late`` (some come days later), ``large`` (a business's roof or boiler, not a home's).
    """

    id: str
    serial: str
    kind: Kind
    step_s: int
    has_export: bool
    commodity: Literal["electricity", "gas"]
    unit: Literal["Wh", "therm"]
    zone: str
    seed: int
    tariff: str
    agreement_id: str
    quirks: frozenset[str] = frozenset()


@dataclass(frozen=True)
class SandboxCustomer:
    """A person or firm with a login at some utilities and the meters seen after signing in."""

    login: str
    password: str
    name: str
    email: str
    account_id: str
    street: str
    city: str
    state: str
    postal_code: str
    utilities: frozenset[str]
    meters: tuple[SandboxMeter, ...]


def make_meter(
    number: int,
    kind: Kind,
    *,
    tariff: str,
    step_s: int = QUARTER_HOUR,
    zone: str = PACIFIC,
    quirks: frozenset[str] = frozenset(),
) -> SandboxMeter:
    """Return the meter with the ten-digit id ``number``; everything else follows from it."""
    gas = kind == "gas"
    return SandboxMeter(
        id=f"{number:010d}",
        serial=f"{1_000_000_000 + number * 7 % 8_999_999_999:010d}",
        kind=kind,
        step_s=DAY if gas else step_s,
        has_export=kind == "solar",
        commodity="gas" if gas else "electricity",
        unit="therm" if gas else "Wh",
        zone=zone,
        seed=number * 2_654_435_761 % 2**63,
        tariff=tariff,
        agreement_id=f"{8_000_000_000 + number % 1_000_000_000:010d}",
        quirks=quirks,
    )


def _customer(
    login: str,
    *meters: SandboxMeter,
    name: str,
    street: str,
    account: int,
    utilities: frozenset[str] = _BIG_UTILITIES,
    password: str | None = None,
) -> SandboxCustomer:
    return SandboxCustomer(
        login=login,
        password=password or login,
        name=name,
        email=f"{login}@customer.example",
        account_id=f"{account:010d}",
        street=street,
        city="Anytown",
        state="CA",
        postal_code="95000",
        utilities=utilities,
        meters=meters,
    )


CUSTOMERS: tuple[SandboxCustomer, ...] = (
    _customer(
        "sunny",
        make_meter(4_410_000_101, "solar", tariff="E-ELEC-NEM2"),
        name="Sunny Placeholder",
        street="1 Rooftop Way",
        account=7_700_000_101,
    ),
    _customer(
        "robin",
        make_meter(4_410_000_201, "household", tariff="E-1"),
        name="Robin Sample",
        street="2 Hearth Lane",
        account=7_700_000_201,
    ),
    _customer(
        "acme",
        make_meter(4_410_000_301, "commercial", tariff="B-19"),
        make_meter(4_410_000_302, "commercial", tariff="B-10"),
        make_meter(4_410_000_303, "solar", tariff="B-19-NEM2", quirks=frozenset({"large"})),
        make_meter(4_410_000_304, "gas", tariff="G-NR1", quirks=frozenset({"large"})),
        name="Imaginary Widgets Inc",
        street="3 Fictional Plaza",
        account=7_700_000_301,
    ),
    _customer(
        "hourly",
        make_meter(4_410_000_401, "solar", tariff="TOU-D-PRIME", step_s=HOUR),
        name="Harper Invented",
        street="4 Clock Court",
        account=7_700_000_401,
        utilities=_BIG_UTILITIES | {"LADWP", "SMUD"},
    ),
    _customer(
        "gappy",
        make_meter(4_410_000_501, "solar", tariff="E-TOU-C", quirks=frozenset({"holes", "late"})),
        name="Gale Nobody",
        street="5 Radio Shadow Road",
        account=7_700_000_501,
    ),
    _customer(
        "warm",
        make_meter(4_410_000_601, "household", tariff="E-TOU-C"),
        make_meter(4_410_000_602, "gas", tariff="G-1"),
        name="Wendell Madeup",
        street="6 Furnace Street",
        account=7_700_000_601,
    ),
    _customer(
        "test",
        make_meter(4_410_000_701, "solar", tariff="DEMO-RES"),
        name="Demo Resident",
        street="7 Demonstration Drive",
        account=7_700_000_701,
        utilities=frozenset({"DEMO"}),
    ),
)
"""Every login's password is the login itself (DEMO: ``test`` / ``test``)."""

_BY_LOGIN = {customer.login: customer for customer in CUSTOMERS}


def customer_by_login(login: str) -> SandboxCustomer | None:
    """Return the customer with this login; ``bulk-<n>`` logins are generated ones."""
    known = _BY_LOGIN.get(login)
    if known is not None:
        return known
    number = login.removeprefix(GENERATED_PREFIX)
    if number == login or not (number.isascii() and number.isdecimal()):
        return None
    if len(number) > len(str(_GENERATED_LIMIT)) or int(number) >= _GENERATED_LIMIT:
        return None
    return generated_customer(int(number))


@lru_cache(maxsize=65536)
def generated_customer(number: int) -> SandboxCustomer:
    """Return the ``number``-th customer for bulk use: odd ones have solar (two channels).

    The same number always gives the same customer, so any two of them share 1.5 channels on
    average. Raises ``ValueError`` outside ``0 <= number < 10,000,000``.
    """
    if not 0 <= number < _GENERATED_LIMIT:
        raise ValueError(f"generated customers are numbered 0 to {_GENERATED_LIMIT - 1}")
    solar = number % 2 == 1
    meter = make_meter(
        _GENERATED_IDS + number,
        "solar" if solar else "household",
        tariff="E-ELEC-NEM2" if solar else "E-1",
    )
    return _customer(
        f"{GENERATED_PREFIX}{number}",
        meter,
        name=f"Bulk Customer {number}",
        street=f"{number + 1} Generated Row",
        account=8_800_000_000 + number,
        utilities=_ALL_UTILITIES,
        password=GENERATED_PASSWORD,
    )
