"""Dagster schedules."""
