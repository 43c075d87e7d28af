"""Every setting, read once at the start from the environment and one file into a frozen object.

Names in the environment are ``DCARBON_`` and the field's name in capitals; what belongs to one
utility is ``DCARBON_PROVIDERS__PGE__CLIENT_ID``. The file is TOML with the same names in lower
case: ``dcarbon.toml`` in the working directory, or the one ``DCARBON_SETTINGS_FILE`` names. The
environment wins.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from dcarbon.domain.errors import SettingsInvalid

PREFIX = "DCARBON_"
FILE_VARIABLE = "DCARBON_SETTINGS_FILE"
DEFAULT_FILE = Path("dcarbon.toml")


class ProviderSettings(BaseModel):
    """What one utility gave us at registration, and where to reach it if not at its usual place."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    client_id: str | None = None
    client_secret: SecretStr | None = None
    api_token: SecretStr | None = None
    webhook_secret: SecretStr | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    ca_file: Path | None = None
    """An extra certificate authority to trust for this utility only, as for the sandbox."""
    base_url: str | None = None
    """Replaces the scheme, host and path prefix of every endpoint, as for the sandbox."""
    authorize_url: str | None = None
    overrides: dict[str, str] = Field(default_factory=dict)
    """Any other field of the utility's profile, by its name."""


class Settings(BaseModel):
    """The whole configuration. Made by :func:`load`, passed down, never read from elsewhere."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    directory: Path = Path(".dcarbon")
    """Where embedded defaults keep their files: database, landing zone, keys, logs."""
    database_url: SecretStr | None = None
    """PostgreSQL 15 or newer; without it the embedded server under ``directory`` is used."""
    owner_database_url: SecretStr | None = None
    """The same database as the owner of its tables, for migrations only: ``database_url`` can then
    name the role ``dcarbon_app``, which owns nothing and cannot change the audit log."""
    landing_uri: str | None = None
    """Where payloads land: a folder, or an object store (``s3://bucket/prefix?region=…``). It holds
    no credentials: those are the usual ``AWS_…`` variables, a profile or the machine's role."""
    seal_keys: SecretStr | None = None
    """Key ring for sealed tokens: ``id:base64`` pairs with commas between. The first is the one to
    seal with; it does so once ``dcarbon keys rotate`` has put it in force. With the embedded
    database a key is made under ``directory`` when none is given."""
    seal_keys_file: Path | None = None
    """A file that holds the key ring instead."""
    public_url: str = "http://127.0.0.1:8000"
    """Where people's browsers reach the web app; redirect addresses are built from it."""
    web_port: int = Field(default=8000, ge=0, le=65535)
    dagster_port: int = Field(default=3000, ge=0, le=65535)
    dagster_url: str | None = None
    history_days: int = Field(default=90, ge=1, le=3660)
    """How far back the first collection of a new authorization reaches."""
    overlap_days: int = Field(default=7, ge=0, le=366)
    """How many days a daily sync asks for again, so that late and restated readings are caught."""
    weekly_overlap_days: int = Field(default=35, ge=0, le=366)
    """How many days the weekly sync asks for again, for corrections that come with the bill."""
    daily_sync: bool = True
    """Whether the nightly schedule asks for runs; the switch in Dagster works besides."""
    weekly_sync: bool = True
    monitoring_frequency: Literal["daily", "weekly", "monthly"] = "daily"
    """How often UtilityAPI looks for new readings of a meter; it bills this per meter and month. A
    meter that is watched already keeps its own."""
    rotation_days: int = Field(default=90, ge=1, le=365)
    """How old a grant may become before it is rotated; earlier when it ends before."""
    outage_mail_hours: int = Field(default=24, ge=1, le=720)
    """How long a provider is down before administrators get a mail."""
    run_history_days: int = Field(default=90, ge=1, le=3660)
    """How long Dagster keeps the runs of syncs that went well."""
    payload_retention_days: int | None = Field(default=2557, ge=1, le=36_600)
    """How long the utility's answers are kept after access has ended (7 years); ``keep``: for ever.
    What a final report rests on is kept in any case, here and below."""
    reading_retention_days: int | None = Field(default=2557, ge=1, le=36_600)
    """The same for the readings taken from them; never shorter than the answers themselves."""
    deletion_grace_days: int | None = Field(default=14, ge=0, le=90)
    """After how long a person's request for deletion is carried out if no administrator decides;
    ``never``: only when one does."""
    invitation_days: int = Field(default=14, ge=1, le=365)
    """How long the link in an operator's invitation is good."""
    invitations_per_facility: int = Field(default=10, ge=1, le=1000)
    """Invitations that can be sent for one facility within an hour."""
    invitations_per_person: int = Field(default=50, ge=1, le=10_000)
    """Invitations one person can send within an hour."""
    exports_per_person: int = Field(default=60, ge=1, le=100_000)
    """Exports one person can make within an hour."""
    trusted_proxies: int = Field(default=0, ge=0, le=10)
    """Proxies in front of the web app that set ``X-Forwarded-For`` and ``X-Forwarded-Proto``; what
    more of them say is not believed."""
    trusted_networks: tuple[IPvAnyNetwork, ...] = ()
    """Networks the proxies lie in, in the environment with commas between; what comes from
    elsewhere is not believed. Alone, however many lie in them; beside ``trusted_proxies``, at most
    so many."""
    provider_concurrency: int = Field(default=16, ge=1, le=16)
    """Requests under way at once per provider; the HTTP client collapses beyond 16."""
    mail_host: str | None = None
    """The SMTP server; without it mails stay in the outbox."""
    mail_port: int | None = Field(default=None, ge=1, le=65535)
    """Without it the usual port of ``mail_security``: 587 or 465."""
    mail_security: Literal["starttls", "tls"] = "starttls"
    """TLS after a plain greeting, or from the first byte. Without TLS no mail leaves."""
    mail_username: str | None = None
    mail_password: SecretStr | None = None
    mail_from: str | None = None
    """The sender, as ``DCarbon <mail@dcarbon.example>``; answers to it have to reach a person."""
    mail_ca_file: Path | None = None
    """An extra certificate authority to trust for mail only, as for the sandbox."""
    sign_in_links_per_address: int = Field(default=5, ge=1, le=1000)
    """Links one address can be sent within an hour."""
    sign_in_links_per_network: int = Field(default=30, ge=1, le=100_000)
    """Links that can be asked for within an hour from one network (IPv4 /24, IPv6 /56)."""
    session_idle_hours: int = Field(default=168, ge=1, le=8760)
    """A browser not seen for so long has to sign in again."""
    session_max_hours: int = Field(default=720, ge=1, le=8760)
    """However busy, a browser has to sign in again after this."""
    admin_session_max_hours: int = Field(default=12, ge=1, le=8760)
    """The same for administrators."""
    oidc_issuer: str | None = None
    """Company sign-in for administrators (OpenID Connect): the issuer, as its discovery says it."""
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_admin_emails: tuple[str, ...] = ()
    """Verified addresses that are administrators; in the environment with commas between."""
    oidc_admin_claim: str | None = None
    """``name=value`` of a claim that makes somebody an administrator: ``groups=dcarbon-admins``."""
    oidc_ca_file: Path | None = None
    """An extra certificate authority to trust for the issuer only."""
    audit_heads_file: Path | None = None
    """Where a line a day proves the audit log, best on another machine's disk; by default
    ``audit-heads.jsonl`` under ``directory``."""
    audit_head_emails: tuple[str, ...] = ()
    """Addresses that get the day's head of the audit log besides the administrators, as an
    auditor's; in the environment with commas between."""
    audit_retention_years: int = Field(default=7, ge=1, le=100)
    """How long entries of the audit log are kept."""
    log_level: str = "INFO"
    metrics_token: SecretStr | None = Field(default=None, min_length=16)
    """Who reads ``/metrics`` sends this as a bearer token; without it only this machine may."""
    providers: dict[str, ProviderSettings] = Field(default_factory=dict)

    @field_validator("public_url")
    @classmethod
    def _no_trailing_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @field_validator(
        "payload_retention_days", "reading_retention_days", "deletion_grace_days", mode="before"
    )
    @classmethod
    def _for_ever(cls, value: object) -> object:
        # Neither the environment nor TOML has a word for nothing.
        return None if value in ("keep", "never") else value

    @field_validator("oidc_admin_emails", "audit_head_emails", "trusted_networks", mode="before")
    @classmethod
    def _with_commas(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip().lower() for part in value.split(",") if part.strip())

    @model_validator(mode="after")
    def _readings_outlive_payloads(self) -> Self:
        readings, payloads = self.reading_retention_days, self.payload_retention_days
        if readings is not None and (payloads is None or payloads > readings):
            msg = (
                "reading_retention_days is shorter than payload_retention_days: readings can be "
                "taken from payloads again, so payloads cannot be kept longer"
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _company_sign_in_is_whole(self) -> Self:
        if self.oidc_issuer is None:
            return self
        if not (self.oidc_client_id and self.oidc_client_secret):
            msg = "oidc_issuer needs oidc_client_id and oidc_client_secret"
            raise ValueError(msg)
        if not (self.oidc_admin_emails or self.oidc_admin_claim):
            msg = "oidc_issuer needs oidc_admin_emails or oidc_admin_claim: who is an administrator"
            raise ValueError(msg)
        return self

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            msg = "must be DEBUG, INFO, WARNING or ERROR"
            raise ValueError(msg)
        return value.upper()

    @property
    def landing_address(self) -> str:
        """Where payloads land: a folder, or the URI of an object store."""
        return self.landing_uri or str(self.directory / "landing")

    @property
    def dagster_place(self) -> str:
        """Where people reach the Dagster UI, without a slash at its end."""
        return (self.dagster_url or f"http://127.0.0.1:{self.dagster_port}").rstrip("/")

    def provider(self, key: str) -> ProviderSettings:
        """Return the settings of one utility, empty when none were given."""
        return self.providers.get(key) or ProviderSettings()


def load(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Read environment and file into :class:`Settings`.

    Raises :class:`SettingsInvalid` naming every setting that is unknown or wrong and what to do.
    """
    variables = dict(os.environ if environ is None else environ)
    values = _from_file(variables.pop(FILE_VARIABLE, None))
    _merge(values, _from_environment(variables))
    _merge(values, overrides)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        # ``from None``: the library's error repeats the values, and some of them are secrets.
        raise _explained(error) from None


def _from_file(named: str | None) -> dict[str, Any]:
    path = Path(named) if named else DEFAULT_FILE
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if named:
            raise _invalid(f"{FILE_VARIABLE} names {named}, which does not exist.") from error
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _invalid(f"{path} is not readable as TOML: {error}.") from error
    except OSError as error:
        raise _invalid(f"{path} cannot be read: {error.strerror}.") from error


def _from_environment(variables: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in variables.items():
        if not name.startswith(PREFIX):
            continue
        *parents, leaf = name.removeprefix(PREFIX).lower().split("__")
        place = values
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise _both(name)
        if isinstance(place.get(leaf), dict):
            raise _both(name)
        place[leaf] = value
    return values


def _both(name: str) -> SettingsInvalid:
    return _invalid(f"{name} is set, and so is a setting below or above it; remove one of them.")


def _merge(into: dict[str, Any], other: Mapping[str, Any]) -> None:
    for name, value in other.items():
        if isinstance(value, Mapping) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value


def _explained(error: ValidationError) -> SettingsInvalid:
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        name = PREFIX + "__".join(str(part) for part in problem["loc"]).upper()
        if problem["type"] == "extra_forbidden":
            lines.append(f"{name} is not a setting; remove it or correct its name.")
        else:
            lines.append(f"{name}: {problem['msg']}.")
    return _invalid("\n".join(lines))


def _invalid(message: str) -> SettingsInvalid:
    return SettingsInvalid(message, display_message=message)


def missing(name: str, what_to_do: str) -> SettingsInvalid:
    """Return the error for a setting that is needed here and was not given."""
    return _invalid(f"{PREFIX}{name.upper()} is missing. {what_to_do}")
