"""Which moves an authorization may make, all of them written down once more."""

from __future__ import annotations

from itertools import product

import pytest

from dcarbon.domain.errors import InvalidTransition
from dcarbon.domain.states import LABELS, AuthStatus, may_move, require_move

ALLOWED = {
    ("pending", "authorized"),
    ("pending", "failed"),
    ("pending", "revoked"),
    ("authorized", "expired"),
    ("authorized", "revoked"),
    ("authorized", "failed"),
    ("failed", "pending"),
    ("failed", "revoked"),
    ("expired", "authorized"),
    ("expired", "revoked"),
}


@pytest.mark.parametrize(("now", "to"), list(product(AuthStatus, repeat=2)))
def test_a_move_is_allowed_as_the_table_says(now: AuthStatus, to: AuthStatus) -> None:
    assert may_move(now, to) is ((now.value, to.value) in ALLOWED)


def test_a_refused_move_says_how_it_stands_in_peoples_words() -> None:
    with pytest.raises(InvalidTransition) as caught:
        require_move(AuthStatus.EXPIRED, AuthStatus.FAILED)

    assert "needs reauthorization" in caught.value.display_message


def test_every_status_has_a_label() -> None:
    assert set(LABELS) == set(AuthStatus)
