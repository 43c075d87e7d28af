"""Inviting operators, and the page an invitation leads to."""
