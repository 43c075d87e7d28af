"""A provider that sends us something is the one asking: its mistakes are not our outages."""

from __future__ import annotations

import pytest

from dcarbon.domain.errors import (
    ClientCredentialsRejected,
    DCarbonError,
    InvalidInput,
    NotFound,
    UnreadablePayload,
)
from dcarbon_api import inbound


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (UnreadablePayload("cut"), InvalidInput),
        (ClientCredentialsRejected("none", code="provider_not_set_up"), NotFound),
    ],
    ids=["unreadable", "not_set_up"],
)
def test_an_inbound_error_is_the_askers_under_the_same_code(
    raised: DCarbonError, expected: type[DCarbonError]
) -> None:
    with pytest.raises(expected) as caught, inbound.reading():
        raise raised

    assert caught.value.code == raised.code
