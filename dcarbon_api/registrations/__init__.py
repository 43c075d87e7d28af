"""Registrations under way, step by step."""
