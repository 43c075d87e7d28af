"""The custodian's own records as XML: authorizations, the application, service status, notices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from xml.sax.saxutils import escape

from dcarbon_sandbox.green_button.dialects import ESPI, Dialect
from dcarbon_sandbox.green_button.profiles import Profile
from dcarbon_sandbox.green_button.store import Authorization

_FAR = 2_051_222_400  # 2035-01-01: where PG&E's unlimited periods seem to end
SERVICE_STATUS = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<ServiceStatus xsi:schemaLocation="http://naesb.org/espi espiDerived.xsd" '
    f'xmlns="{ESPI}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
    "<currentStatus>1</currentStatus></ServiceStatus>"
)


@dataclass(frozen=True)
class Registration:
    """What the ApplicationInformation says beside the profile: absolute addresses."""

    base: str
    root: str
    redirect_uris: Sequence[str]
    notify_uri: str


@dataclass(frozen=True)
class RecordWriter:
    """Writes the custodian's records in the utility's dialect."""

    profile: Profile
    dialect: Dialect
    base: str
    now: datetime

    def authorization(self, authorization: Authorization, expires_at: int) -> str:
        """Return the entry of an authorization; ``expires_at`` is its access token's end."""
        d = self.dialect
        here = f"{self.base}/Authorization/{authorization.id}"
        tail = f"Batch/Subscription/{authorization.id}"
        if d.name == "pge":
            tail = f"Subscription/{authorization.id}"
        body = (
            self._period("authorizedPeriod", authorization.created_at, authorization.until)
            + self._period(
                "publishedPeriod",
                authorization.created_at - authorization.history_s,
                authorization.until,
            )
            + d.element("status", authorization.status)
            + d.element("expires_at", expires_at)
            + ("" if d.name == "pge" else d.element("grant_type", "authorization_code"))
            + d.element("scope", authorization.scope)
            + d.element("token_type", "Bearer")
            + d.element("resourceURI", f"{self.base}/{tail}")
            + d.element("authorizationURI", here)
        )
        if d.name != "pge":
            customer = f"{self.base}/Batch/RetailCustomer/{authorization.id}"
            body += d.element("customerResourceURI", customer)
        return d.entry(
            self_href=here,
            up=f"{self.base}/Authorization",
            title="" if d.name == "pge" else "Green Button Authorization",
            now=self.now,
            payload=d.payload("Authorization", body),
        )

    def _period(self, name: str, start: int, end: int) -> str:
        d = self.dialect
        if d.name == "pge":  # milliseconds, and unlimited is a far end (reference 4.7)
            duration, start = ((end or _FAR) - start) * 1000, start * 1000
        else:
            duration = end - start if end else 0
        return d.group(name, d.element("duration", duration), d.element("start", start))

    def feed(self, title: str, self_href: str, entries: Sequence[str]) -> str:
        start = self.dialect.feed_start(title=title, self_href=self_href, now=self.now)
        return start + "".join(entries) + self.dialect.feed_end()

    def application(self, registration: Registration) -> str:
        """Return the ApplicationInformation entry (reference 2). It holds the client's secret."""
        d, p = self.dialect, self.profile
        here = f"{self.base}/ApplicationInformation/{p.application_id}"
        screen = registration.root + p.scope_screen_path
        fields: list[tuple[str, object]] = [
            ("dataCustodianId", p.code.upper()),
            ("dataCustodianApplicationStatus", 2),
            ("thirdPartyApplicationDescription", "DCarbon"),
            ("thirdPartyApplicationStatus", 1),
            ("thirdPartyApplicationType", 1),
            ("thirdPartyApplicationUse", 1),
            ("authorizationServerUri", registration.root),
            ("thirdPartyNotifyUri", registration.notify_uri),
            ("authorizationServerAuthorizationEndpoint", registration.root + p.authorize_path),
            ("authorizationServerTokenEndpoint", registration.root + p.token_path),
            ("dataCustodianBulkRequestURI", f"{self.base}/Batch/Bulk/{p.bulk_id}"),
            ("dataCustodianResourceEndpoint", self.base),
            ("client_secret", p.client_secret),
            ("client_name", "DCarbon"),
            *(("redirect_uri", uri) for uri in registration.redirect_uris),
            ("client_id", p.client_id),
            ("software_id", "dcarbon"),
            ("software_version", "1"),
            ("client_id_issued_at", 1_577_865_600),
            ("client_secret_expires_at", 0),
            ("token_endpoint_auth_method", "client_secret_basic"),
            ("scope", p.default_scope or "FB=4_5_10_15_16_46_47"),
            ("grant_types", "authorization_code"),
            ("grant_types", "client_credentials"),
            ("grant_types", "refresh_token"),
            ("response_types", "code"),
            ("registration_client_uri", here),
            ("registration_access_token", p.registration_token),
            ("dataCustodianScopeSelectionScreenURI", screen),
        ]
        body = "".join(d.element(name, value) for name, value in fields)
        return d.entry(
            self_href=here,
            up=f"{self.base}/ApplicationInformation",
            title="",
            now=self.now,
            payload=d.payload("ApplicationInformation", body),
        )


def batch_list(dialect: Dialect, uris: Sequence[str]) -> str:
    """Return the notification naming resources that are ready or changed (reference 4.5)."""
    p = dialect.espi
    declared = f"xmlns:{p[:-1]}" if p else "xmlns"
    items = "".join(f"<{p}resources>{escape(uri)}</{p}resources>" for uri in uris)
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        f'<{p}BatchList {declared}="{ESPI}">{items}</{p}BatchList>'
    )
