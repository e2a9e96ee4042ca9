"""Commands and rendering."""


def main() -> None:
    """Entry point of the `cluvault` command."""
