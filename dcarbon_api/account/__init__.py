"""A person's own account: profile, sessions, API tokens."""
