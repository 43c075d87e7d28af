"""A Green Button Connect My Data custodian: consent, tokens, resources, notifications."""
