"""Facilities: registering and reading."""
