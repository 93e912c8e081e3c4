"""The grammar: from words to a tree."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

from portazgo.contracts.expressions.tokens import ExpressionRefused, Token, tokens_of

DEEPEST = 24
"""Expressions in each other, and operators in a row."""
DEEPEST_TREE = 40
"""Parts in each other, of what data planes run."""
_WITHOUT_PART = 3
"""So many in each other come to one part: the member of a member of `self`, as `has` names it."""

_LEVELS: tuple[tuple[str, ...], ...] = (
    ("||",),
    ("&&",),
    ("==", "!=", "<", "<=", ">", ">=", "in"),
    ("+", "-"),
    ("*", "/", "%"),
)
_LITERALS = {"true": True, "false": False, "null": None}
_SIGNED_64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Expr:
    """A part of an expression. `kind`: literal, list, name, select, index, call, method, unary, binary, if."""

    kind: str
    at: int
    word: Any = None
    """A literal's value, a name, an operator."""
    parts: tuple[Expr, ...] = ()


def parse(text: str) -> Expr:
    """Read an expression. Raises ExpressionRefused."""
    parser = _Parser(tokens_of(text))
    expr = parser.ternary()
    parser.end()
    _check_depth(expr)
    return expr


def _check_depth(expr: Expr) -> None:
    """Refuse what is too deep for data planes before anything goes through it part for part: level by level."""
    level = [expr]
    for _ in range(DEEPEST_TREE + _WITHOUT_PART):
        level = [part for one in level for part in one.parts]
        if not level:
            return
    raise ExpressionRefused(f"more than {DEEPEST_TREE} parts of the expression lie in each other", 0)


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _is(self, *words: str) -> bool:
        return self._token.kind in ("sign", "name") and self._token.word in words

    def _take(self) -> Token:
        token = self._token
        self._next += token.kind != "end"
        return token

    def _expect(self, word: str) -> Token:
        if not self._is(word):
            raise ExpressionRefused(f"{word!r} is missing before {self._shown()}", self._token.at)
        return self._take()

    def _shown(self) -> str:
        return "the end" if self._token.kind == "end" else repr(self._token.word)

    def end(self) -> None:
        if self._token.kind != "end":
            raise ExpressionRefused(f"nothing can stand here, and there is {self._shown()}", self._token.at)

    def ternary(self) -> Expr:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ExpressionRefused(f"more than {DEEPEST} expressions lie in each other", self._token.at)
        test = self._binary(0)
        if self._is("?"):
            at = self._take().at
            then = self._binary(0)
            self._expect(":")
            test = Expr("if", at, None, (test, then, self.ternary()))
        self._depth -= 1
        return test

    def _binary(self, level: int) -> Expr:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        chained = 0
        while self._is(*_LEVELS[level]):
            chained += 1
            if chained > DEEPEST:
                raise ExpressionRefused(
                    f"more than {DEEPEST} operators stand in a row: use parentheses", self._token.at
                )
            operator = self._take()
            left = Expr("binary", operator.at, operator.word, (left, self._binary(level + 1)))
        return left

    def _unary(self) -> Expr:
        if not self._is("!", "-"):
            return self._member()
        operator = self._take()
        if operator.word == "-" and self._token.kind in ("int", "double") and not self._follows_number():
            return self._number("-", operator.at)
        self._depth += 1
        if self._depth > DEEPEST:
            raise ExpressionRefused(f"more than {DEEPEST} expressions lie in each other", operator.at)
        expr = Expr("unary", operator.at, operator.word, (self._unary(),))
        self._depth -= 1
        return expr

    def _follows_number(self) -> bool:
        following = self._tokens[self._next + 1]
        return following.kind == "sign" and following.word in (".", "[")

    def _member(self) -> Expr:
        expr = self._primary()
        for _ in range(DEEPEST):
            if self._is("."):
                self._take()
                name = self._take()
                if name.kind != "name":
                    raise ExpressionRefused("after a dot comes a name", name.at)
                if self._is("("):
                    expr = Expr("method", name.at, name.word, (expr, *self._arguments()))
                else:
                    expr = Expr("select", name.at, name.word, (expr,))
            elif self._is("["):
                at = self._take().at
                index = self.ternary()
                self._expect("]")
                expr = Expr("index", at, None, (expr, index))
            else:
                return expr
        raise ExpressionRefused(f"a path has more than {DEEPEST} steps", self._token.at)

    def _arguments(self, opening: str = "(", closing: str = ")") -> tuple[Expr, ...]:
        self._expect(opening)
        found: list[Expr] = []
        while not self._is(closing):
            found.append(self.ternary())
            if not self._is(closing):
                self._expect(",")
        self._take()
        return tuple(found)

    def _primary(self) -> Expr:
        token = self._token
        if token.kind in ("int", "double"):
            return self._number("", token.at)
        if self._is("("):
            self._take()
            expr = self.ternary()
            self._expect(")")
            return expr
        if self._is("["):
            return Expr("list", token.at, None, self._arguments("[", "]"))
        if token.kind not in ("text", "name") or (token.kind, token.word) == ("name", "in"):
            raise ExpressionRefused(f"a value is missing before {self._shown()}", token.at)
        self._take()
        if token.kind == "text":
            return Expr("literal", token.at, token.word)
        return self._named(token)

    def _named(self, token: Token) -> Expr:
        if token.word in _LITERALS:
            return Expr("literal", token.at, _LITERALS[token.word])
        if self._is("("):
            return Expr("call", token.at, token.word, self._arguments())
        return Expr("name", token.at, token.word)

    def _number(self, sign: str, at: int) -> Expr:
        token = self._take()
        if token.kind == "double":
            number = float(sign + token.word)
            if not isfinite(number):
                raise ExpressionRefused(f"{sign}{token.word} is larger than any number of this kind", at)
            return Expr("literal", at, number)
        value = int(sign + token.word, 16 if token.word.startswith("0x") else 10)
        if value not in _SIGNED_64:
            raise ExpressionRefused(f"{sign}{token.word} is no integer of 64 bits", at)
        return Expr("literal", at, value)
