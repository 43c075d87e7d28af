"""Readings as files: the page where they are chosen, and the same for programs."""
