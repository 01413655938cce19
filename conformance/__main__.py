"""``python -m conformance``."""

from conformance.cli.main import main

if __name__ == "__main__":
    main()
