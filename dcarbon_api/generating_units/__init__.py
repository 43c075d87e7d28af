"""Generating units, eligibilities and claims, for programs."""
