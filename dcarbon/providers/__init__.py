"""What speaks to utilities: one transport, profiles, and a package per protocol."""
