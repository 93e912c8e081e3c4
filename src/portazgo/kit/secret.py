"""Text that must not be seen."""

from __future__ import annotations

import hmac
from typing import NoReturn, final

REDACTED = "[redacted]"


@final
class Secret:
    """A secret text: redacts itself wherever it is printed, compares in constant time, refuses to be pickled.

    `reveal()` is the one way out, and is easy to look for.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text itself."""
        return self._text

    def __repr__(self) -> str:
        """Redact."""
        return f"Secret({REDACTED})"

    def __str__(self) -> str:
        """Redact."""
        return REDACTED

    def __format__(self, _specification: str) -> str:
        """Redact."""
        return REDACTED

    def __eq__(self, other: object) -> bool:
        """Compare in constant time; equal to no bare string."""
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        """Hash as the text does."""
        return hash(self._text)

    def __bool__(self) -> bool:
        """Tell whether there is any text."""
        return bool(self._text)

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled. Raises TypeError."""
        raise TypeError("a secret can't be pickled")
