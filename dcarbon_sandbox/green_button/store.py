"""The custodian's records: authorizations, codes and tokens, kept in one section of the state."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from dcarbon_sandbox.clock import SandboxClock
from dcarbon_sandbox.green_button.profiles import PROFILES, Profile, Switches
from dcarbon_sandbox.state import SandboxState

SECTION = "green_button"
TokenClass = Literal["access", "client", "registration"]
ACTIVE, REVOKED = 1, 0  # ESPI AuthorizationStatus
_KEPT_TOKENS = 5


@dataclass(frozen=True)
class Consent:
    """What a customer decided on the page, or an administrator for them. Times: epoch seconds."""

    login: str
    scope: str
    groups: tuple[str, ...]
    meters: tuple[str, ...]
    history_s: int
    until: int
    """End of the authorized period; 0 means none."""

    @classmethod
    def restored(cls, record: dict[str, Any]) -> Consent:
        """Return a consent from its JSON."""
        lists = ("groups", "meters")
        fields: dict[str, Any] = {k: tuple(v) if k in lists else v for k, v in record.items()}
        return cls(**fields)


@dataclass(frozen=True)
class Authorization:
    """One customer's grant. Its id is the subscription's and the retail customer's too."""

    id: str
    utility: str
    client_id: str
    login: str
    scope: str
    groups: tuple[str, ...]
    meters: tuple[str, ...]
    history_s: int
    status: int
    created_at: int
    updated_at: int
    until: int
    access: tuple[str, ...] = ()
    refresh: tuple[str, ...] = ()

    def is_live(self, now: int) -> bool:
        """Say whether data may be read: active, and its period not over."""
        return self.status == ACTIVE and not (self.until and now >= self.until)

    def covers(self, *groups: str) -> bool:
        return any(group in self.groups for group in groups)


@dataclass(frozen=True)
class Token:
    """An access, client or registration token; ``authorization`` is ``None`` for the latter two."""

    kind: TokenClass
    utility: str
    authorization: str | None
    scope: str
    expires_at: int


def _restored(record: dict[str, Any]) -> Authorization:
    lists = ("groups", "meters", "access", "refresh")
    fields: dict[str, Any] = {k: tuple(v) if k in lists else v for k, v in record.items()}
    return Authorization(**fields)


class Store:
    """Reads and writes the records; every method is atomic and marks the state as changed."""

    def __init__(self, state: SandboxState, clock: SandboxClock) -> None:
        self.state = state
        self._clock = clock
        with state.lock:
            section = state.section(SECTION)
            for name in ("authorizations", "codes", "tokens", "refresh", "batches", "switches"):
                section.setdefault(name, {})
            self._live: dict[tuple[str, str], set[str]] = {}
            for record in section["authorizations"].values():
                self._index(_restored(record))

    def now(self) -> int:
        return int(self._clock.now().timestamp())

    def part(self, name: str) -> dict[str, Any]:
        """Return the live records of one kind; change them under ``state.changing`` only."""
        records: dict[str, Any] = self.state.section(SECTION)[name]
        return records

    def switches(self, profile: Profile) -> Switches:
        """Return the utility's switches as they are now."""
        changes = self.part("switches").get(profile.code)
        return profile.switches.changed(changes) if changes else profile.switches

    def change_switches(self, profile: Profile, values: dict[str, Any]) -> Switches:
        """Set some switches and return all; raises ``UnknownSwitch``."""
        changed = self.switches(profile).changed(values)
        with self.state.changing(SECTION):
            self.part("switches").setdefault(profile.code, {}).update(values)
        return changed

    def authorization(self, authorization_id: str | None) -> Authorization | None:
        record = self.part("authorizations").get(authorization_id or "")
        return _restored(record) if record else None

    def authorizations(self, utility: str | None = None) -> Sequence[Authorization]:
        """Return authorizations, oldest first, of one utility or all."""
        with self.state.lock:
            records = list(self.part("authorizations").values())
        return [_restored(r) for r in records if utility in (None, r["utility"])]

    def grant(self, profile: Profile, consent: Consent) -> Authorization:
        """Record a new authorization; at PG&E it ends an earlier one of the same customer."""
        now = self.now()
        authorization = Authorization(
            id=str(10**14 + secrets.randbelow(9 * 10**14)),
            utility=profile.code,
            client_id=profile.client_id,
            status=ACTIVE,
            created_at=now,
            updated_at=now,
            **asdict(consent),
        )
        with self.state.changing(SECTION):
            if profile.dialect == "pge":
                for old_id in list(self._live.get((profile.code, consent.login), ())):
                    old = self.authorization(old_id)
                    if old is not None:
                        self.revoke(old)
            self._put(authorization)
        return authorization

    def _put(self, authorization: Authorization) -> None:
        # Shallow, unlike asdict, which copies deeply: the fields are JSON's own types.
        self.part("authorizations")[authorization.id] = dict(vars(authorization))
        self._index(authorization)

    def _index(self, authorization: Authorization) -> None:
        """Keep who holds what at hand: looking through 10,000 at each grant would be slow."""
        held = self._live.setdefault((authorization.utility, authorization.login), set())
        if authorization.status == ACTIVE:
            held.add(authorization.id)
        else:
            held.discard(authorization.id)

    def update(self, authorization: Authorization, **changes: Any) -> Authorization:
        """Change fields of an authorization and return it."""
        changed = replace(authorization, updated_at=self.now(), **changes)
        with self.state.changing(SECTION):
            self._put(changed)
        return changed

    def revoke(self, authorization: Authorization) -> Authorization:
        """End an authorization and every token of it."""
        with self.state.changing(SECTION):
            for token in authorization.access:
                self.part("tokens").pop(token, None)
            for token in authorization.refresh:
                self.part("refresh").pop(token, None)
            return self.update(authorization, status=REVOKED, access=(), refresh=())

    def add_tokens(
        self, authorization: Authorization, *, access: str, refresh: str, switches: Switches
    ) -> Token:
        """Record a pair of tokens and forget the oldest ones of this authorization."""
        now = self.now()
        token = Token(
            "access", authorization.utility, authorization.id, authorization.scope,
            now + switches.access_lifetime_s,
        )  # fmt: skip
        with self.state.changing(SECTION):
            tokens, refreshes = self.part("tokens"), self.part("refresh")
            tokens[access] = asdict(token)
            refreshes[refresh] = {
                "authorization": authorization.id,
                "expires_at": now + switches.refresh_lifetime_s,
            }
            for old in authorization.access[: -_KEPT_TOKENS + 1]:
                tokens.pop(old, None)
            for old in authorization.refresh[: -_KEPT_TOKENS + 1]:
                refreshes.pop(old, None)
            self._put(
                replace(
                    authorization,
                    access=(*authorization.access[-_KEPT_TOKENS + 1 :], access),
                    refresh=(*authorization.refresh[-_KEPT_TOKENS + 1 :], refresh),
                )
            )
        return token

    def expire_access(self, authorization: Authorization) -> None:
        """End the access tokens of an authorization now; its refresh tokens live on."""
        with self.state.changing(SECTION):
            for value in authorization.access:
                record = self.part("tokens").get(value)
                if record:
                    record["expires_at"] = self.now()

    def add_client_token(self, value: str, token: Token) -> None:
        """Record a client or registration token; expired ones are forgotten on the way."""
        now = self.now()
        with self.state.changing(SECTION):
            tokens = self.part("tokens")
            stale = [
                k for k, t in tokens.items() if not t["authorization"] and t["expires_at"] <= now
            ]
            for key in stale:
                del tokens[key]
            tokens[value] = asdict(token)

    def token(self, value: str) -> Token | None:
        """Return the token, expired or not; registration tokens of the profiles never expire."""
        for profile in PROFILES.values():
            if secrets.compare_digest(value.encode(), profile.registration_token.encode()):
                return Token("registration", profile.code, None, "FB=36_40", 2**40)
        record = self.part("tokens").get(value)
        return Token(**record) if record else None

    def refresh_token(self, value: str) -> Authorization | None:
        """Return the live authorization behind an unexpired refresh token."""
        record = self.part("refresh").get(value)
        if record is None or record["expires_at"] <= self.now():
            return None
        authorization = self.authorization(record["authorization"])
        return authorization if authorization and authorization.is_live(self.now()) else None

    def drop_refresh_token(self, value: str) -> None:
        with self.state.changing(SECTION):
            record = self.part("refresh").pop(value, None)
            holder = self.authorization(record["authorization"]) if record else None
            if holder:
                self._put(replace(holder, refresh=tuple(t for t in holder.refresh if t != value)))
