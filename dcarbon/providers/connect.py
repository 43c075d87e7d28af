"""Opening the way to one utility: its profile, credentials and limits put into a transport."""

from __future__ import annotations

from pathlib import Path

import httpx2

from dcarbon.domain.errors import SettingsInvalid
from dcarbon.providers.limits import RateLimiter
from dcarbon.providers.profile import ProviderCredentials, UtilityProfile
from dcarbon.providers.transport import Transport


def open_transport(
    profile: UtilityProfile,
    credentials: ProviderCredentials,
    *,
    ca_file: Path | None = None,
    max_connections: int = 8,
    limiter: RateLimiter | None = None,
    transport: httpx2.BaseTransport | None = None,
) -> Transport:
    """Open a transport to the profile's own addresses and no others; the caller closes it.

    ``ca_file`` is an authority trusted besides the system's, as for the sandbox. Share one
    ``limiter`` (default: a new one of the profile's limits) between all transports of a utility.
    Raises :class:`SettingsInvalid` when the utility wants a client certificate and none is set.
    """
    if profile.needs_client_certificate and credentials.client_certificate is None:
        message = f"The utility {profile.key} needs a client certificate: set client_certificate."
        raise SettingsInvalid(message, display_message=message)
    return Transport(
        profile.resource_url,
        allowed_origins=profile.fetched_urls(),
        ca_file=ca_file,
        client_certificate=credentials.client_certificate,
        client_key=credentials.client_key,
        max_connections=max_connections,
        limiter=limiter or RateLimiter(profile.limits),
        transport=transport,
    )
