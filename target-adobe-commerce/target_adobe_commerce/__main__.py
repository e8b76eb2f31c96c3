"""``python -m target_adobe_commerce``."""

from target_adobe_commerce.cli import main

main()
