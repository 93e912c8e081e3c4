"""The rules by which a change of a contract counts as breaking; docs/contract-changes.md is written from them.

There is one thought behind them. A caller that did nothing wrong before must do nothing wrong afterwards, and must be able to
read what it gets. So what a partner *sends* may only become freer, and what a partner *receives* may only become narrower.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Flag, StrEnum, auto


class Side(StrEnum):
    """Which way the values travel that a rule is about."""

    REQUEST = "request"
    ANSWER = "answer"


class Weight(Flag):
    """What a change asks of whoever publishes it."""

    FINE = 0
    BREAKING = auto()
    """A caller that did nothing wrong may fail."""
    EXPOSURE = auto()
    """Partners see or set something that they could not before: a person should look."""


_FINE, _BREAKING, _EXPOSURE = Weight.FINE, Weight.BREAKING, Weight.EXPOSURE


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of change."""

    name: str
    weight: Weight
    meaning: str

    @property
    def breaking(self) -> bool:
        """Whether a caller that did nothing wrong may fail."""
        return Weight.BREAKING in self.weight

    @property
    def exposure(self) -> bool:
        """Whether partners see or set something that they could not."""
        return Weight.EXPOSURE in self.weight


_SUBJECTS = {
    "type": "the types of a value",
    "null": "whether a value may be null",
    "enum": "the list of allowed values",
    "range": "the bounds of a number",
    "length": "the bounds of a text's length",
    "count": "the bounds of how many items or members there are",
    "pattern": "the pattern of a text",
    "format": "the format of a text",
    "variant": "the forms that an object or a value may have",
    "members": "whether an object may have members that the contract does not name",
}
"""What a value may be is said in these ways: each can become narrower or wider."""

_NARROWED = "Less fits than before"
_WIDENED = "More fits than before"


_OTHERWISE = {
    # Members without a name are members: clients ignore what they don't know, and miss what they used.
    "answer-members-widened": _EXPOSURE,
    "answer-members-narrowed": _BREAKING,
}


def _of_values() -> list[Rule]:
    rules = []
    for side in Side:
        for subject, what in _SUBJECTS.items():
            broken_by = "narrowed" if side is Side.REQUEST else "widened"
            for turn, sentence in (("narrowed", _NARROWED), ("widened", _WIDENED)):
                name = f"{side}-{subject}-{turn}"
                weight = _OTHERWISE.get(name, _BREAKING if turn == broken_by else _FINE)
                rules.append(Rule(name, weight, f"{sentence}: {what}."))
    return rules


RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in [
        Rule("route-removed", _BREAKING, "The contract no longer has the route: calls get 404."),
        Rule("route-added", _EXPOSURE, "The contract has a route that it did not have."),
        Rule("request-body-refused", _BREAKING, "The operation no longer takes a body: one that comes is refused."),
        Rule("request-body-taken", _EXPOSURE, "The operation takes a body that need not be sent."),
        Rule("request-body-required", _BREAKING, "A body has to be sent where none had to be."),
        Rule("request-body-optional", _FINE, "The body may be left out."),
        Rule("request-body-replaced", _BREAKING, "JSON became another kind of body, or the reverse."),
        Rule("request-media-type-removed", _BREAKING, "A media type is no longer accepted."),
        Rule("request-media-type-added", _FINE, "A media type is accepted that was refused."),
        Rule("request-size-narrowed", _BREAKING, "A body that passes as it is may have fewer bytes."),
        Rule("request-size-widened", _FINE, "A body that passes as it is may have more bytes."),
        Rule("request-field-removed", _BREAKING, "A member can no longer be sent."),
        Rule("request-field-added", _EXPOSURE, "A member can be sent that could not."),
        Rule("request-field-added-required", _BREAKING | _EXPOSURE, "A new member must be sent."),
        Rule("request-field-became-required", _BREAKING, "A member must be sent that could be left out."),
        Rule("request-field-became-optional", _FINE, "A member can be left out."),
        Rule("request-default-changed", _BREAKING, "A call that leaves the value out now means something else."),
        Rule(
            "request-unknown-refused",
            _BREAKING,
            "Query parameters that are not known are refused, no longer dropped.",
        ),
        Rule(
            "request-unknown-dropped",
            _FINE,
            "Query parameters that are not known are dropped, no longer refused.",
        ),
        Rule("parameter-removed", _BREAKING, "A parameter can no longer be sent."),
        Rule("parameter-added", _EXPOSURE, "A parameter can be sent that could not."),
        Rule("parameter-added-required", _BREAKING | _EXPOSURE, "A new parameter must be sent."),
        Rule("parameter-became-required", _BREAKING, "A parameter must be sent that could be left out."),
        Rule("parameter-became-optional", _FINE, "A parameter can be left out."),
        Rule("parameter-became-single", _BREAKING, "A parameter may no longer come several times."),
        Rule("parameter-became-many", _FINE, "A parameter may come several times."),
        Rule("fields-refused", _BREAKING, "`?fields=` is no longer taken."),
        Rule("fields-allowed", _FINE, "`?fields=` is taken."),
        Rule("fields-moved", _BREAKING, "`?fields=` begins at another member: selections have to be written anew."),
        Rule(
            "answer-status-removed",
            _BREAKING,
            "The contract has no answer of this status any more: it becomes a problem.",
        ),
        Rule("answer-status-added", _EXPOSURE, "The contract has an answer of a status that it did not have."),
        Rule("answer-status-changed", _BREAKING, "The backend's answer is given on with another status."),
        Rule("answer-body-removed", _BREAKING, "The answer has no body of the backend's any more."),
        Rule("answer-body-added", _EXPOSURE, "The answer has a body where it had none."),
        Rule("answer-body-replaced", _BREAKING | _EXPOSURE, "JSON became another kind of body, or the reverse."),
        Rule("answer-media-type-removed", _FINE, "The answer never has this media type any more."),
        Rule("answer-media-type-added", _BREAKING, "The answer may have a media type that it never had."),
        Rule("answer-field-removed", _BREAKING, "A member never comes any more."),
        Rule("answer-field-added", _EXPOSURE, "A member comes that did not."),
        Rule("answer-field-became-optional", _BREAKING, "A member that always came may be absent."),
        Rule("answer-field-became-required", _FINE, "A member always comes."),
        Rule("answer-default-changed", _FINE, "What is written for an absent member is something else."),
        Rule(
            "answer-source-changed",
            _EXPOSURE,
            "A member has its name and form, but comes from another field of the backend.",
        ),
        Rule("answer-header-removed", _BREAKING, "A header never comes any more."),
        Rule("answer-header-added", _EXPOSURE, "A header comes that did not."),
        *_of_values(),
    ]
}
"""By name. The names are stable: they stand in what people filter by."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two versions, in the partner's names.

    `place` is `answer 200`, `request` or `query limit`, and `path` what lies below it; "" is the whole.
    """

    rule: str
    route: str
    place: str
    path: str
    detail: str
    """What changed here, from what to what."""

    @property
    def breaking(self) -> bool:
        """Whether a caller that did nothing wrong may fail."""
        return RULES[self.rule].breaking

    @property
    def exposure(self) -> bool:
        """Whether partners see or set something that they could not."""
        return RULES[self.rule].exposure

    @property
    def sentence(self) -> str:
        """The change for a person to read."""
        where = " ".join(part for part in (self.place, self.path) if part)
        return f"{self.route}{': ' if where else ''}{where}: {self.detail}"
