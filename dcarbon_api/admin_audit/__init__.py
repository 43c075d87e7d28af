"""The audit log for administrators: search, and entries as files."""
