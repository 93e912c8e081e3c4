"""The words of an expression."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

LONGEST = 1024
"""Characters of an expression."""

Kind = Literal["name", "int", "double", "text", "sign", "end"]


class ExpressionRefused(ValueError):
    """An expression can't be used: why, and at which character, from 0; `near` is what may have been meant."""

    def __init__(self, why: str, at: int, near: str | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.at = at
        self.near = near


@dataclass(frozen=True, slots=True)
class Token:
    """A word; a text's is its content."""

    kind: Kind
    word: str
    at: int


_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
    |(?P<double>[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?)
    |(?P<int>0x[0-9a-fA-F]+|[0-9]+)
    |(?P<text>[rR]?(?:"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<sign>&&|\|\||[=!<>]=|[-+*/%<>!?:.,()\[\]])""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|[xX]([0-9a-fA-F]{2})|([0-3][0-7]{2})|(.))", re.DOTALL)
_PLAIN = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_LAST = 0x10FFFF
# Half of a surrogate pair, and NUL, which PostgreSQL does not keep.
_NO_CHARACTER = re.compile("[\x00\ud800-\udfff]")


def tokens_of(text: str) -> list[Token]:
    """Split an expression. Raises ExpressionRefused."""
    if len(text) > LONGEST:
        raise ExpressionRefused(f"an expression has at most {LONGEST} characters", LONGEST)
    half = _NO_CHARACTER.search(text)
    if half is not None:
        raise ExpressionRefused(f"{half[0]!r} is no character", half.start())
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise ExpressionRefused(f"{text[at]!r} begins nothing that is known here", at)
        word = match[0]
        if match.lastgroup == "text":
            found.append(Token("text", _content(word, at), at))
        elif match.lastgroup != "space":
            found.append(Token(match.lastgroup, word, at))  # type: ignore[arg-type]
        at = match.end()
        if match.lastgroup in ("int", "double") and at < len(text) and (text[at].isalnum() or text[at] == "_"):
            raise ExpressionRefused(f"{word + text[at]} is no number: unsigned ones are not known here", match.start())
    found.append(Token("end", "", len(text)))
    return found


def _content(word: str, at: int) -> str:
    if word[0] in "rR":
        return word[2:-1]

    def meant(match: re.Match[str]) -> str:
        digits = match[1] or match[2] or match[3]
        if digits or match[4]:
            number = int(digits, 16) if digits else int(match[4], 8)
            if not 0 < number <= _LAST or 0xD800 <= number <= 0xDFFF:  # noqa: PLR2004 - the surrogates
                raise ExpressionRefused(f"{match[0]} is no character", at)
            return chr(number)
        if match[5] in _PLAIN:
            return _PLAIN[match[5]]
        if match[5] in "\\'\"`?":
            return match[5]
        raise ExpressionRefused(f"{match[0]} is no escape", at)

    return _ESCAPE.sub(meant, word[1:-1])
