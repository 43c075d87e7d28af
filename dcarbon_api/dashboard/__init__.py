"""Facilities at a glance and one by one, for owners, operators and residents."""
