"""Who answers for a change that a command makes."""

from __future__ import annotations

import click

by = click.option(
    "--by",
    "email",
    metavar="EMAIL",
    required=True,
    help="Your address as an administrator, for the audit log.",
)
"""The address of an administrator, as ``email``."""
