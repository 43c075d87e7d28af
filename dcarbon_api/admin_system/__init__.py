"""How the house is right now, for administrators: in words, and as JSON."""
