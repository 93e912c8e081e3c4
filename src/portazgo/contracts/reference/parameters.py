"""Parameters of a call, mapped by hand: what the backend is asked for what the partner asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from portazgo.contracts.language.operators import Coerce, MapValue
from portazgo.contracts.language.routes import ParameterTerms
from portazgo.contracts.reference.documents import NUMBER, Number, Violation, own, type_of
from portazgo.contracts.reference.requests import Fill, Refused, check
from portazgo.contracts.reference.values import OMIT, to_backend
from portazgo.contracts.schema.shapes import Parameter, Shape

Pairs = list[tuple[str, str]]
_PREFERRED = ("string", "integer", "number", "boolean")


def map_parameters(
    known: Sequence[Parameter], terms: Mapping[str, ParameterTerms], sent: Pairs, *, unknown: str, fill: Fill
) -> Pairs:
    """Return the backend's names and values for the partner's, all of one place. Raises Refused."""
    rules = {(told.to or name): (_parameter(known, name), told) for name, told in terms.items() if told.fill is None}
    written: Pairs = []
    for name, value in sent:
        if name in rules:
            parameter, told = rules[name]
            if not parameter.many and [one for one, _ in sent].count(name) > 1:
                raise Refused
            written += [(parameter.name, text) for text in _value(value, parameter.shape, told)]
        elif unknown == "refuse":
            raise Refused
    for name, (parameter, told) in rules.items():
        if name not in [one for one, _ in sent]:
            written += _absent(parameter, told)
    for name, told in terms.items():
        if told.fill is not None:
            parameter = _parameter(known, name)
            kind = next(one for one in _PREFERRED if one in parameter.shape.types)
            written.append((name, _text(fill(told.fill, kind))))
    return written


def map_value(text: str, parameter: Parameter, told: ParameterTerms) -> str | None:
    """Return the backend's value for one of the partner's; None: it is left out. Raises Refused."""
    return next(iter(_value(text, parameter.shape, told)), None)


def _absent(parameter: Parameter, told: ParameterTerms) -> Pairs:
    if told.has_default:
        values = told.default if isinstance(told.default, list) else [told.default]
        return [(parameter.name, _text(own(value))) for value in values]
    if parameter.required if told.required is None else told.required:
        raise Refused
    return []


def _parameter(known: Sequence[Parameter], name: str) -> Parameter:
    return next(one for one in known if one.name == name)


def _value(text: str, shape: Shape, told: ParameterTerms) -> list[str]:
    """Read a text as what the partner may send, and write what the backend takes."""
    action = told.action
    [kind] = shape.types - {"null"}
    if action is None:
        value = _read(text, kind)
        check(value, shape)
        return [_text(value)]
    partner = action.to if isinstance(action, Coerce) else None
    if isinstance(action, MapValue):
        words = [own(word) for _, word in action.pairs]
        value = next((word for word in words if _text(word) == text), text)
        if action.otherwise == "copy" and value not in words:
            value = _read(text, kind)
            check(value, shape)
    else:
        value = _read(text, partner or "string")
        if (
            partner is not None
            and type_of(value) != partner
            and not (partner == "number" and isinstance(value, Number))
        ):
            raise Refused
        if partner == kind:
            check(value, shape)
    try:
        made = to_backend(action, value, kind, shape.enum)
    except Violation:
        raise Refused from None
    return [] if made is OMIT or made is None else [_text(made)]


def _read(text: str, kind: str) -> Any:
    if kind in {"integer", "number"} and NUMBER.fullmatch(text):
        return Number(text)
    if kind == "boolean" and text in {"true", "false"}:
        return text == "true"
    return text


def _text(value: Any) -> str:
    if isinstance(value, Number):
        return value.lexeme
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
