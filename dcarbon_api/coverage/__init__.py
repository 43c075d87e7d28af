"""Coverage of a facility's meters: a calendar of local days, and the history of each day."""
