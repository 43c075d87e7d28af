"""A secret shows itself to nobody who does not ask for it by name."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest

from dcarbon.domain.secrets import Secret, hashed


@dataclasses.dataclass(frozen=True)
class Holder:
    token: Secret


def test_no_way_of_printing_shows_a_secret() -> None:
    secret = Secret("s3cret-token")

    shown = [str(secret), repr(secret), f"{secret}", f"{secret:>20}", f"{secret!r}"]
    shown += [repr(Holder(secret)), str(dataclasses.asdict(Holder(secret))), "%s" % secret]  # noqa: UP031

    assert not [text for text in shown if "s3cret" in text]
    assert secret.reveal() == "s3cret-token"


def test_a_secret_is_not_pickled() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret("s3cret-token"))


def test_secrets_are_equal_when_their_texts_are() -> None:
    secret = Secret("a")

    assert secret == Secret("a")
    assert secret != Secret("b")
    assert secret != "a"
    assert len({secret, Secret("a"), copy.deepcopy(secret)}) == 1


@pytest.mark.parametrize("value", ["", None, 5])
def test_an_empty_secret_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="not empty"):
        Secret(value)  # type: ignore[arg-type]


def test_of_a_secret_that_we_gave_out_its_hash_is_kept() -> None:
    assert hashed("abc").hex().startswith("ba7816bf8f01cfea")
    assert hashed("\ud800") == hashed("?")  # what no browser sends by itself is no failure of ours
