"""The closed list of what stands in documents and cannot run inside the tests, and why."""

from __future__ import annotations

NOT_RUN = {
    "tests": "the tests run in it, or it runs them all",
    "minutes": "takes too long: a benchmark, a set-up, a rotation that waits for other processes",
    "machine": "changes the machine: installs packages, services or users, needs root",
    "elsewhere": "runs on other machines, in a cluster, or against somebody else's service",
    "serves": "goes on until it is stopped; the demo runs the same program",
    "processes": "starts broker, workers and proxy, which stay; tests/integration/engine does it",
    "destroys": "ends or erases what other documents need; a test of its own tries it",
}
"""Reasons by the key that stands behind ``not-run=``."""
