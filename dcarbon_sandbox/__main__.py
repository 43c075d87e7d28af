"""``python -m dcarbon_sandbox`` is the command ``dcarbon-sandbox``."""

from dcarbon_sandbox.cli import main

main()
