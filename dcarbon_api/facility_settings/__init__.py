"""Settings of a facility: its details, its utility, and ending the access."""
