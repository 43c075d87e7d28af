"""UtilityAPI: start, return, status, and its signed events."""
