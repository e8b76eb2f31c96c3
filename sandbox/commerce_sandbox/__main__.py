"""``python -m commerce_sandbox``."""

from commerce_sandbox.cli import main

if __name__ == "__main__":
    main()
