"""From what others say in English (the control plane, click) to Spanish, by the form of a sentence.

A form has members: `{name}` is given on as it is; `{why:told}` is said in Spanish itself, where its form is known; so is each
of `{users:each}`, with commas between them, and of `{why:parts}`, with semicolons. What has no known form stays English.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from portazgo.cli.spanish_answers import ANSWERS, AROUND
from portazgo.cli.spanish_contracts import CONTRACTS

_MEMBER = re.compile(r"\{(\w+)(?::(told|each|parts))?\}")
_BETWEEN = {"each": ", ", "parts": "; "}


class _Form(NamedTuple):
    english: re.Pattern[str]
    members: dict[str, str]
    """By name, how each is given on."""
    spanish: str


def translated(sentence: str) -> str:
    """Give the Spanish of a sentence; the sentence itself where nobody has written it down."""
    for form in _forms():
        found = form.english.fullmatch(sentence)
        if found is not None:
            return form.spanish.format(**{name: _given_on(found[name], how) for name, how in form.members.items()})
    return sentence


def _given_on(text: str, how: str) -> str:
    if not how:
        return text
    between = _BETWEEN.get(how)
    return translated(text) if between is None else between.join(map(translated, text.split(between)))


@cache
def _forms() -> tuple[_Form, ...]:
    """Compile the forms. Those with the most words of their own come first, since members match anything."""
    forms = {**ANSWERS, **CONTRACTS}
    own = {english: len(_MEMBER.sub("", english)) for english in forms}
    ordered = [
        *AROUND.items(),
        *((english, forms[english]) for english in sorted(forms, key=own.__getitem__, reverse=True)),
    ]
    return tuple(_Form(_compiled(english), dict(_MEMBER.findall(english)), spanish) for english, spanish in ordered)


def _compiled(english: str) -> re.Pattern[str]:
    # Of three parts each: words of its own, a member's name, and how it is given on.
    first, *others = _MEMBER.split(english)
    written = [re.escape(first)]
    for name, words in zip(others[::3], others[2::3], strict=True):
        written.append(f"(?P<{name}>.+?){re.escape(words)}")
    return re.compile("".join(written), re.DOTALL)
