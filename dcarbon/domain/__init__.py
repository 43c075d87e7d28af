"""Pure rules: no I/O, only the standard library."""
