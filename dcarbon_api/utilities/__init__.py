"""The utilities people choose from."""
