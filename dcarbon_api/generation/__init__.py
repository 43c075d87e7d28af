"""The page Generation of a facility: units, what channels may be used for, claims."""
