"""`python -m cluvault` is `cluvault`."""

from cluvault.cli import main

if __name__ == "__main__":
    main()
