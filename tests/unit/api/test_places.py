"""Places in sorted lists come back as they were written, and nothing else is one."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from uuid import UUID

import orjson
import pytest

from dcarbon.domain.errors import InvalidInput
from dcarbon.services.authorization_lists import BY_NAME, Place, Sort
from dcarbon_api.admin_authorizations import places

ID = UUID("0198f0a1-0000-7000-8000-000000000001")
KEYS = {
    Sort.CREATED: datetime(2026, 3, 20, 12, 0, 0, 123456, UTC),
    Sort.LAST_SYNC: datetime(1970, 1, 1, tzinfo=UTC),
    Sort.STATUS: 0,
    Sort.HEALTH: 4,
    Sort.UTILITY: "PG&E",
    Sort.METHOD: "green_button",
}


def _forged(*content: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(content)).decode().rstrip("=")


@pytest.mark.parametrize("sort", Sort)
def test_a_place_comes_back_as_it_was_written(sort: Sort) -> None:
    place = Place(ID, KEYS.get(sort))

    written = places.written(place, sort)

    assert places.read(written, sort) == place
    assert (place.key is None) == (sort in BY_NAME)


@pytest.mark.parametrize(
    ("after", "sort"),
    [
        ("nonsense", Sort.STATUS),
        ("é", Sort.STATUS),
        (_forged("status", ID.hex, 1), Sort.HEALTH),
        (_forged("status", ID.hex), Sort.STATUS),
        (_forged("status", "x", 1), Sort.STATUS),
        (_forged("status", 7, 1), Sort.STATUS),
        (_forged("status", ID.hex, True), Sort.STATUS),
        (_forged("status", ID.hex, "1"), Sort.STATUS),
        (_forged("created", ID.hex, "soon"), Sort.CREATED),
        (_forged("created", ID.hex, "2026-03-20T12:00:00"), Sort.CREATED),
        (_forged("utility", ID.hex, "A\0B"), Sort.UTILITY),
        (_forged("user", ID.hex, "ann@example.test"), Sort.USER),
        (base64.urlsafe_b64encode(b"7").decode(), Sort.STATUS),
    ],
)
def test_what_was_not_written_by_us_is_refused(after: str, sort: Sort) -> None:
    with pytest.raises(InvalidInput) as refused:
        places.read(after, sort)

    assert refused.value.code == "after_invalid"
