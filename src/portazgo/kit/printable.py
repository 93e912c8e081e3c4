"""Text of others on a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """Show what is not printable as an escape: a name from a file must not hide or colour lines, or turn them round."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
