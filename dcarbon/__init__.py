"""The core of DCarbon: rules, providers, storage, use cases. Knows neither Dagster nor Flask."""
