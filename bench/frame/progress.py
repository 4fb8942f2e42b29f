"""One line on the terminal that says what is being measured; nothing where nobody looks."""

import sys

__all__ = ["clear", "tell"]


def tell(what: str) -> None:
    """Show this in place of what was shown before."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K  {what} …", end="", file=sys.stderr, flush=True)


def clear() -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
