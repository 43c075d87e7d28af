"""Use cases: they own the transaction and write the audit entry."""
