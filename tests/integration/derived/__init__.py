"""Tests of derived energy on a real PostgreSQL."""
