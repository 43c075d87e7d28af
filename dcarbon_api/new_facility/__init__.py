"""Add New Facility: the steps of a registration, each saved."""
