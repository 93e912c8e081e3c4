"""Why a document is not used."""

from __future__ import annotations

DEPTH = 100


class DocumentRefused(Exception):
    """The document can't be used. `pointer` (RFC 6901) and `line` (from 1) say where, as far as that is known."""

    def __init__(self, why: str, *, pointer: str = "", line: int | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.pointer = pointer
        self.line = line

    def __str__(self) -> str:
        """Say why and where in one sentence."""
        places = [f"at {self.pointer}" if self.pointer else "", f"line {self.line}" if self.line else ""]
        where = ", ".join(place for place in places if place)
        return f"{self.why} ({where})" if where else self.why


def too_deep(pointer: str) -> DocumentRefused:
    """Refuse what is nested without end, or nearly so."""
    return DocumentRefused(f"the document is nested more than {DEPTH} levels deep", pointer=pointer)
