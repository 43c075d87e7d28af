"""Green Button: start, return, status, and the hints utilities send."""
