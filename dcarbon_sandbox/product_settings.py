"""What a DCarbon installation has to set to reach this sandbox: names and values, nothing more."""

from __future__ import annotations

from urllib.parse import urlsplit

from dcarbon_sandbox.green_button.profiles import PROFILES
from dcarbon_sandbox.server import Endpoints
from dcarbon_sandbox.utilityapi.settings import DEFAULT_TOKEN

UTILITIES = ("pge", "sce", "sdge")
WEBHOOK_SECRET = "sandbox-webhook-secret"  # noqa: S105 — published on purpose, signs only the sandbox's


def product_settings(endpoints: Endpoints) -> dict[str, str]:
    """Return environment variables: addresses, registration and the authority to trust."""
    found: dict[str, str] = {}
    for code in UTILITIES:
        profile = PROFILES[code]
        found |= _named(
            code,
            {
                "BASE_URL": f"{endpoints.https}{profile.prefix}",
                # Browsers go to the plain loopback page: no certificate warning for a newcomer.
                "AUTHORIZE_URL": f"{endpoints.http}{profile.authorize_path}",
                "CA_FILE": endpoints.ca,
                "CLIENT_ID": profile.client_id,
                "CLIENT_SECRET": profile.client_secret,
                "CLIENT_CERTIFICATE": endpoints.client_certificate,
                "CLIENT_KEY": endpoints.client_key,
            },
        )
    found |= _mail(endpoints)
    return found | _named(
        "utilityapi",
        {
            "BASE_URL": endpoints.https,
            "CA_FILE": endpoints.ca,
            "API_TOKEN": DEFAULT_TOKEN,
            "WEBHOOK_SECRET": WEBHOOK_SECRET,
        },
    )


def _mail(endpoints: Endpoints) -> dict[str, str]:
    """Return how the mail sink is reached: STARTTLS, with the sandbox's own certificate."""
    sink = urlsplit(endpoints.smtp)
    return {
        "DCARBON_MAIL_HOST": str(sink.hostname),
        "DCARBON_MAIL_PORT": str(sink.port),
        "DCARBON_MAIL_SECURITY": "starttls",
        "DCARBON_MAIL_FROM": "DCarbon <mail@dcarbon.example>",
        "DCARBON_MAIL_CA_FILE": endpoints.ca,
    }


def _named(utility: str, values: dict[str, str]) -> dict[str, str]:
    return {f"DCARBON_PROVIDERS__{utility.upper()}__{name}": v for name, v in values.items()}
