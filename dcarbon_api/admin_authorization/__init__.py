"""One authorization for administrators: all of it, its files, and what can be done with it."""
