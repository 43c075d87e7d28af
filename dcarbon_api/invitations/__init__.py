"""Invitations of operators: sent by owners, accepted by whoever reads the mail."""
