"""The dcarbon command."""
