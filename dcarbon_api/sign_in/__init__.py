"""Signing in: by a link from a mail, for administrators also by the company."""
