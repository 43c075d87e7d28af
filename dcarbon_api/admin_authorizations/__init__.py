"""Every authorization, for administrators: list with filters, counts and sorting."""
