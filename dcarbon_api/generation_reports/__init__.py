"""Generation reports: months of a unit, one report, its files."""
