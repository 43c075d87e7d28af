"""What ``dcarbon doctor`` looks at, one module per kind. Each only looks, and works while the rest
is broken: where something cannot be asked, that is a finding and not an error.
"""
