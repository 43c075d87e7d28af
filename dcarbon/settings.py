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
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

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
    landing_uri: str | None = None
    """Where payloads land: a directory or a URI pyarrow understands (``s3://…``, ``gs://…``)."""
    seal_keys: SecretStr | None = None
    """Key ring for sealed tokens: ``id:base64`` pairs with commas between, the current one first.
    With the embedded database a key is made under ``directory`` when none is given."""
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
    provider_concurrency: int = Field(default=8, ge=1, le=16)
    """Requests under way at once per provider; the HTTP client collapses beyond 16."""
    log_level: str = "INFO"
    providers: dict[str, ProviderSettings] = Field(default_factory=dict)

    @field_validator("public_url")
    @classmethod
    def _no_trailing_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            msg = "must be DEBUG, INFO, WARNING or ERROR"
            raise ValueError(msg)
        return value.upper()

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
        raise _explained(error) from error


def _from_file(named: str | None) -> dict[str, Any]:
    path = Path(named) if named else DEFAULT_FILE
    if not path.exists():
        if named:
            raise _invalid(f"{FILE_VARIABLE} names {named}, which does not exist.")
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _invalid(f"{path} is not readable as TOML: {error}.") from error


def _from_environment(variables: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in variables.items():
        if not name.startswith(PREFIX):
            continue
        *parents, leaf = name.removeprefix(PREFIX).lower().split("__")
        place = values
        for parent in parents:
            place = place.setdefault(parent, {})
        place[leaf] = value
    return values


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
