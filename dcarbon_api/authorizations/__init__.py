"""Authorizations of a facility: list, retry, end, change of provider."""
