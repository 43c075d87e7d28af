"""The utilities we know, as data. Every number has its source; guesses are marked unconfirmed."""

from __future__ import annotations

from types import MappingProxyType

from dcarbon.domain.errors import InvalidInput
from dcarbon.providers.limits import RateLimits
from dcarbon.providers.profile import (
    ClientAuth,
    Method,
    ProviderCredentials,
    Quirk,
    TokenStyle,
    UtilityProfile,
    with_overrides,
)

__all__ = [
    "PROFILES",
    "UTILITYAPI_UTILITIES",
    "ClientAuth",
    "Method",
    "ProviderCredentials",
    "Quirk",
    "TokenStyle",
    "UtilityProfile",
    "profile",
    "with_overrides",
]

_PGE = UtilityProfile(
    key="pge",
    name="Pacific Gas and Electric",
    known_as="PG&E",
    method=Method.GREEN_BUTTON,
    authorize_url="https://sharemydata.pge.com/myAuthorization",
    token_url="https://api.pge.com/datacustodian/oauth/v2/token",  # noqa: S106 — an address
    resource_url="https://api.pge.com/GreenButtonConnect/espi/1_1/resource",
    # No scope is sent: the customer chooses data and period on PG&E's own page.
    scope="",
    sends_scope=False,
    needs_client_certificate=True,
    limits=RateLimits(per_second=1, per_hour=2_000, per_day=20_000),
    history_limit_days=1461,  # 48 months
    request_window_days=31,  # live clients use windows of one month
    access_token_life_s=3600,
    refresh_token_life_days=365,
    quirks=frozenset(
        {
            Quirk.BATCH_ANSWERED_LATER,
            Quirk.USAGE_POINT_BATCH_AT_ONCE,
            Quirk.EMPTY_IS_204,
            Quirk.EXPIRED_TOKEN_IS_403,
            Quirk.NO_CERTIFICATE_IS_400,
            Quirk.CLIENT_TOKEN_HAS_OWN_NAME,
            Quirk.CUSTOMER_URI_IS_DERIVED,
            Quirk.CODE_HAS_TWO_NAMES,
            Quirk.NEW_SUBSCRIPTION_ON_REAUTHORIZATION,
            Quirk.MILLISECOND_PERIODS,
        }
    ),
    # Live clients use the query string too; PKCE is mentioned by no source.
    unconfirmed=frozenset({"token_style", "accepts_pkce", "request_window_days"}),
    sources=(
        "PG&E Share My Data pages for third-party companies, 2026-07",
        "PG&E Share My Data Python development guide, 2015",
        "green-button reference, section 8",
    ),
)

# Every block the product reads, customer data included (green-button reference 12), two years back.
_IOU_SCOPE = (
    "FB=1_3_4_5_8_10_13_14_15_16_18_19_32_35_37_38_39_51_53_54_57_58_60;"
    "IntervalDuration=900_3600;BlockDuration=daily;HistoryLength=63072000"
)
_IOU_UNCONFIRMED = frozenset(
    {
        "authorize_url",
        "token_url",
        "resource_url",
        "revoke_url",
        "scope",
        "sends_scope",
        "token_style",
        "accepts_pkce",
        "limits",
        "history_limit_days",
        "request_window_days",
        "page_size",
        "access_token_life_s",
        "refresh_token_life_days",
    }
)

_SCE = UtilityProfile(
    key="sce",
    name="Southern California Edison",
    known_as="SCE",
    method=Method.GREEN_BUTTON,
    # The interface is disclosed after registration only; ``.invalid`` can never be reached.
    authorize_url="https://sce.invalid/DataCustodian/oauth/authorize",
    token_url="https://sce.invalid/DataCustodian/oauth/token",  # noqa: S106 — an address
    resource_url="https://sce.invalid/DataCustodian/espi/1_1/resource",
    scope=_IOU_SCOPE,
    needs_client_certificate=True,
    # Slow on purpose until the real number is known.
    limits=RateLimits(per_second=1),
    quirks=frozenset({Quirk.LEGACY_SCOPE_SCREENS, Quirk.BULK_FILES}),
    unconfirmed=_IOU_UNCONFIRMED,
    sources=(
        "SCE connectivity test mail as cited by an open-source client, 2026-08",
        "green-button reference, section 9",
    ),
)

_SDGE = UtilityProfile(
    key="sdge",
    name="San Diego Gas & Electric",
    known_as="SDG&E",
    method=Method.GREEN_BUTTON,
    authorize_url="https://sdge.invalid/DataCustodian/oauth/authorize",
    token_url="https://sdge.invalid/DataCustodian/oauth/token",  # noqa: S106 — an address
    resource_url="https://sdge.invalid/DataCustodian/espi/1_1/resource",
    scope=_IOU_SCOPE,
    limits=RateLimits(per_second=1),
    quirks=frozenset({Quirk.LOCAL_CLOCK_AS_UTC}),
    unconfirmed=_IOU_UNCONFIRMED | {"needs_client_certificate", "quirks"},
    sources=("SDG&E download file of 2019-10", "green-button reference, section 10"),
)

_UTILITYAPI = UtilityProfile(
    key="utilityapi",
    name="UtilityAPI",
    known_as="UtilityAPI",
    method=Method.UTILITYAPI,
    # The hosted form: each form's own address comes from the API.
    authorize_url="https://utilityapi.com/authorize",
    token_url=None,
    resource_url="https://utilityapi.com/api/v2",
    sends_scope=False,
    limits=RateLimits(per_second=50),
    history_limit_days=1096,  # 36 months of collection
    # Clients report 24 to 48 hours; "missing" means nothing before the third day.
    request_window_days=None,
    # Offsets stand in the data; the zone only says when a meter day begins.
    unconfirmed=frozenset({"time_zone"}),
    sources=("utilityapi.com/docs", "utilityapi reference, sections 2, 3, 11, 21"),
)

PROFILES = MappingProxyType({each.key: each for each in (_PGE, _SCE, _SDGE, _UTILITYAPI)})
"""Every profile by its key."""

# An open set that changes without notice: a list to choose from, never one to check against.
# Codes are case-sensitive and may hold ``&`` (utilityapi reference, section 18).
UTILITYAPI_UTILITIES: tuple[str, ...] = tuple(
    """
    PG&E SCE SDG&E SoCalGas LADWP SMUD SFPUC PCE SVCE PacPower DEMO DEMOUTILITY ACE AEPOHIO ALPower
    Ameren AppalachianPower APS AustinEnergy BGE BLUEWATER CEIC ComEd ConEd CONSUMERSENERGY DOMINION
    Duke ENERGYCO EPE ESSEX EVRSRC EVRSRCMA FCU FPL GAPower HECO IEDR JCPL LAKEFRONT MonPower NATGD
    NGNY NVE NYSEG OhioEd ORU PECO Penelec PEPCO PORTGE PotomacEd PPL PSEG PSEGLI PSO RMP SMT SRP
    SSMPUC SWEPCO TEP TEXGAS WashingtonGas WELLAND WestPennPower XCEL
    """.split()  # noqa: SIM905 — a list of sixty quoted words is harder to read
)


def profile(key: str) -> UtilityProfile:
    """Return a utility's profile. Raises :class:`InvalidInput` for an unknown key."""
    try:
        return PROFILES[key]
    except KeyError:
        message = f"There is no such utility; known are {', '.join(PROFILES)}."
        raise InvalidInput("unknown utility", display_message=message) from None
