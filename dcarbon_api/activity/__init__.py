"""What happened at a facility, for its people."""
