"""Texts with `{path}` in them. Pure; what a path may be is the user's to say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Path:
    """One `{path}` of a template."""

    text: str


Piece = str | Path


def pieces_of(text: str) -> list[Piece]:
    """Split a template into literals and paths. Raises ValueError for an open brace."""
    pieces: list[Piece] = []
    rest = text
    while "{" in rest:
        literal, _, tail = rest.partition("{")
        path, closing, rest = tail.partition("}")
        if not closing:
            raise ValueError("a '{' without its '}'")
        if literal:
            pieces.append(literal)
        pieces.append(Path(path))
    if rest:
        pieces.append(rest)
    return pieces
