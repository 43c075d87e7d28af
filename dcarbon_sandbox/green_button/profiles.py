"""The utilities the data custodian plays, as data: paths, clients, dialects and switches.

PG&E's paths are its real ones under a prefix. Every path of SCE and SDG&E is a placeholder: the
utilities disclose theirs only to registered third parties (green-button reference 9, 10).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

Asynchronous = Literal["off", "bulk", "subscription", "all"]
_HOUR_S, _DAY_S = 3600, 86400


class UnknownSwitch(ValueError):
    """A switch that does not exist, or a value of the wrong kind."""


@dataclass(frozen=True)
class Switches:
    """What an administrator of the sandbox may change while it runs. Times are in seconds."""

    mutual_tls: bool = False
    """Refuse API calls without a client certificate (400, reference 8.2)."""
    asynchronous: Asynchronous = "off"
    """Which batches answer 202 and a notification: none, bulk ones, whole subscriptions, all."""
    asynchronous_delay_s: float = 2.0
    """From the 202 to the notification; real seconds."""
    token_format: Literal["json", "xml"] = "json"  # noqa: S105 — the name of a format
    client_token_member: Literal["access_token", "client_access_token"] = "access_token"  # noqa: S105 — the name of a member
    one_time_refresh: bool = False
    code_lifetime_s: int = 600
    access_lifetime_s: int = _HOUR_S
    refresh_lifetime_s: int = 365 * _DAY_S
    expired_token_status: Literal[401, 403] = 401
    customer_uri_in_token: bool = True
    redirect_has_scope: bool = False
    """The callback repeats the granted scope."""
    consent_decides_scope: bool = False
    """The customer chooses data groups on the page; a function block list is never sent."""
    bare_scope_only: bool = False
    """A scope may hold function blocks only (London Hydro, reference 11)."""
    future_published_max: Literal["accept", "reject"] = "accept"
    paging: bool = True
    """``start-index`` and ``max-results`` are understood; PG&E does not list them."""
    rate_per_s: float | None = 20.0
    """Requests a second and client, above which 429 follows; ``None`` lifts the limit."""
    bad_client_status: Literal[400, 401] = 401
    legacy_redirects: bool = False
    """The scope-selection redirects from before version 4.0 are offered (reference 3.2)."""

    def changed(self, values: Mapping[str, Any]) -> Switches:
        """Return the switches with ``values`` in place; raises :class:`UnknownSwitch`."""
        known = {f.name for f in fields(self)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise UnknownSwitch(f"unknown switch {unknown[0]!r}; known: {', '.join(sorted(known))}")
        for name, value in values.items():
            _check(name, value, getattr(Switches(), name))
        return replace(self, **values)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


_CHOICES: Mapping[str, tuple[object, ...]] = {
    "asynchronous": ("off", "bulk", "subscription", "all"),
    "token_format": ("json", "xml"),
    "client_token_member": ("access_token", "client_access_token"),
    "expired_token_status": (401, 403),
    "future_published_max": ("accept", "reject"),
    "bad_client_status": (400, 401),
}


def _check(name: str, value: object, example: object) -> None:
    if name in _CHOICES:
        if value not in _CHOICES[name]:
            raise UnknownSwitch(f"{name} is one of {', '.join(map(str, _CHOICES[name]))}")
        return
    if name == "rate_per_s" and value is None:
        return
    wanted = (int, float) if isinstance(example, float) else type(example)
    if not isinstance(value, wanted) or (isinstance(value, bool) and not isinstance(example, bool)):
        raise UnknownSwitch(f"{name} wants a value like {example!r}, not {value!r}")
    if isinstance(value, int | float) and value < 0:
        raise UnknownSwitch(f"{name} must not be negative")


@dataclass(frozen=True)
class Profile:
    """One utility: who it is, where its endpoints are, how its XML looks."""

    code: str
    name: str
    customers_of: str
    """The utility's name as customers carry it (``SandboxCustomer.utilities``)."""
    dialect: Literal["standard", "pge", "sce", "sdge"]
    authorize_path: str
    token_path: str
    revoke_path: str
    base_path: str
    """Where ``/espi/1_1/resource`` hangs, with that tail."""
    scope_screen_path: str
    bulk_id: str
    default_scope: str
    switches: Switches
    placeholder: bool = False

    @property
    def prefix(self) -> str:
        return f"/{self.code}"

    @property
    def client_id(self) -> str:
        """The registered client: 32 characters, as at PG&E. Documented, not a secret."""
        return f"sandbox-client-{self.code}-".ljust(32, "0")

    @property
    def client_secret(self) -> str:
        return f"sandbox-secret-{self.code}-never-use-elsewhere"

    @property
    def registration_token(self) -> str:
        """The registration access token issued with the registration (reference 3.9, class R)."""
        return f"sandbox-registration-{self.code}-never-use-elsewhere"

    @property
    def application_id(self) -> str:
        return "100000000000001"


_FULL_SCOPE = (
    "FB=1_3_4_5_8_10_13_14_15_16_18_19_32_35_37_38_39_51_53_54_57_58_60;"
    "IntervalDuration=900_3600;BlockDuration=daily;HistoryLength=63072000;"
    "SubscriptionFrequency=daily"
)


def _generic(code: str, name: str, customers_of: str, dialect: Any, **more: Any) -> Profile:
    root = f"/{code}/DataCustodian"
    return Profile(
        code=code,
        name=name,
        customers_of=customers_of,
        dialect=dialect,
        authorize_path=f"{root}/oauth/authorize",
        token_path=f"{root}/oauth/token",
        revoke_path=f"{root}/oauth/revoke",
        base_path=f"{root}/espi/1_1/resource",
        scope_screen_path=f"{root}/RetailCustomer/ScopeSelectionList",
        default_scope=_FULL_SCOPE,
        **more,
    )


PGE = Profile(
    code="pge",
    name="Pacific Gas and Electric (stand-in)",
    customers_of="PG&E",
    dialect="pge",
    authorize_path="/pge/myAuthorization",
    token_path="/pge/datacustodian/oauth/v2/token",  # noqa: S106 — a path
    revoke_path="/pge/datacustodian/oauth/v2/revoke",
    base_path="/pge/GreenButtonConnect/espi/1_1/resource",
    scope_screen_path="/pge/scope-selection",
    bulk_id="sandbox-client-pge-0000000000000",
    default_scope="",
    switches=Switches(
        mutual_tls=True,
        asynchronous="bulk",
        client_token_member="client_access_token",  # noqa: S106 — the name of a member
        expired_token_status=403,
        customer_uri_in_token=False,
        redirect_has_scope=True,
        consent_decides_scope=True,
        paging=False,
        bad_client_status=400,
    ),
)
SCE = _generic(
    "sce",
    "Southern California Edison (stand-in)",
    "SCE",
    "sce",
    bulk_id="SNDBXSCEBULKAA",
    switches=Switches(mutual_tls=True, asynchronous="bulk", legacy_redirects=True),
    placeholder=True,
)
SDGE = _generic(
    "sdge",
    "San Diego Gas & Electric (stand-in)",
    "SDG&E",
    "sdge",
    bulk_id="SNDBXSDGEBULKA",
    switches=Switches(),
    placeholder=True,
)
GENERIC = _generic(
    "generic",
    "Generic Electric (a custodian by the book)",
    "SCE",  # any of the three: its customers are the same invented people
    "standard",
    bulk_id="BULK_1",
    switches=Switches(),
)
PROFILES: Mapping[str, Profile] = {p.code: p for p in (PGE, SCE, SDGE, GENERIC)}
