"""Retrying or ending many authorizations at once: preview, reason, progress."""
