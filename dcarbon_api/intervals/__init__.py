"""Readings of one meter over a range."""
