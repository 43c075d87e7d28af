"""Daily totals of one meter."""
