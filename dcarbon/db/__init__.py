"""What speaks to PostgreSQL and the landing zone."""
