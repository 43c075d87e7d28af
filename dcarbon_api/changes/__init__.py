"""What a utility changed: as reported on a date, as known today, and each difference."""
