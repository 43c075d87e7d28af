"""Pages for people; templates stand in templates/pages."""
