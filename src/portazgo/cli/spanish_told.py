"""From what others say in English (the control plane, click) to Spanish, by the form of a sentence.

A form has members: `{name}` is given on as it is; `{why:told}` is said in Spanish itself, where its form is known; so is
each of `{users:each}` (with commas between them), of `{why:parts}` (semicolons) and of `{types:kinds}` ("or"). What has no
known form stays English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from portazgo.cli.spanish_answers import ANSWERS, AROUND
from portazgo.cli.spanish_contracts import CONTRACTS

_MEMBER = re.compile(r"\{(\w+)(?::(told|each|parts|kinds))?\}")
# Longer sentences, and forms deeper in each other, are none that people read.
_LONGEST = 4_000
_DEEPEST = 8
_BETWEEN = {"each": (", ", ", "), "parts": ("; ", "; "), "kinds": (" or ", " o ")}


class _Member(NamedTuple):
    """A member of a form, and the words that stand behind it."""

    name: str
    how: str
    words: str


class _Form(NamedTuple):
    begins: str
    members: tuple[_Member, ...]
    spanish: str

    def found_in(self, sentence: str) -> Mapping[str, str] | None:
        """Give the members of a sentence of this form; None: it has another.

        Each ends where the words behind it come first. Nothing is tried twice: names in sentences are a backend's, and one
        that is made of such words could be split in very many ways.
        """
        if not sentence.startswith(self.begins):
            return None
        values: dict[str, str] = {}
        at = len(self.begins)
        for number, member in enumerate(self.members):
            if number == len(self.members) - 1:
                end = len(sentence) - len(member.words) if sentence.endswith(member.words) else -1
            else:
                end = sentence.find(member.words, at + 1)
            if end <= at:
                return None
            values[member.name] = sentence[at:end]
            at = end + len(member.words)
        return values if at == len(sentence) else None


def translated(sentence: str, depth: int = 0) -> str:
    """Give the Spanish of a sentence; the sentence itself where nobody has written it down."""
    if len(sentence) > _LONGEST or depth > _DEEPEST:
        return sentence
    for form in _forms():
        found = form.found_in(sentence)
        if found is not None:
            given = {name: _given_on(found[name], how, depth + 1) for name, how, _ in form.members}
            return form.spanish.format(**given)
    return sentence


def _given_on(text: str, how: str, depth: int) -> str:
    if not how:
        return text
    between = _BETWEEN.get(how)
    if between is None:
        return translated(text, depth)
    english, spanish = between
    return spanish.join(translated(part, depth) for part in text.split(english))


@cache
def _forms() -> tuple[_Form, ...]:
    """Read the forms. Those with the most words of their own come first, since members match anything."""
    forms = {**ANSWERS, **CONTRACTS}
    own = {english: len(_MEMBER.sub("", english)) for english in forms}
    ordered = sorted(forms, key=own.__getitem__, reverse=True)
    return tuple(_form(english, {**AROUND, **forms}[english]) for english in [*AROUND, *ordered])


def _form(english: str, spanish: str) -> _Form:
    # Of three parts each: a member's name, how it is given on, and the words behind it.
    begins, *others = _MEMBER.split(english)
    members = zip(others[::3], others[1::3], others[2::3], strict=True)
    return _Form(begins, tuple(_Member(name, how or "", words) for name, how, words in members), spanish)
