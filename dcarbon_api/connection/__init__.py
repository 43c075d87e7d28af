"""Connecting a facility to its utility: choose, leave, come back, watch readings arrive."""
