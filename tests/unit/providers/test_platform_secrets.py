"""A process takes up a secret set by command within half a minute, and asks no more often."""

from __future__ import annotations

from dcarbon.domain.secrets import Secret
from dcarbon.providers.platform_secrets import GOOD_FOR_S, KeptSecrets


class Shelf:
    """Where secrets are read, and how often somebody looked."""

    def __init__(self) -> None:
        self.now = 0.0
        self.looks = 0
        self.secret: Secret | None = None

    def read(self, provider: str, name: str) -> Secret | None:
        assert (provider, name) == ("utilityapi", "api_token")
        self.looks += 1
        return self.secret

    def kept(self) -> KeptSecrets:
        return KeptSecrets(self.read, monotonic=lambda: self.now)


def test_what_was_read_is_good_for_half_a_minute() -> None:
    shelf = Shelf()
    kept = shelf.kept()
    assert kept.get("utilityapi", "api_token") is None
    shelf.secret = Secret("set-by-command")

    shelf.now = GOOD_FOR_S
    within = kept.get("utilityapi", "api_token")
    shelf.now = GOOD_FOR_S + 1
    after = kept.get("utilityapi", "api_token")

    assert (within, after, shelf.looks) == (None, shelf.secret, 2)


def test_what_is_forgotten_is_read_at_once() -> None:
    shelf = Shelf()
    kept = shelf.kept()
    kept.get("utilityapi", "api_token")
    shelf.secret = Secret("set-by-command")

    kept.forget("pge")
    unrelated = kept.get("utilityapi", "api_token")
    kept.forget("utilityapi")

    assert (unrelated, kept.get("utilityapi", "api_token")) == (None, shelf.secret)
