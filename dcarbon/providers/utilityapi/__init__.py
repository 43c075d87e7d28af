"""UtilityAPI v2: requests and parsing."""
