"""What actions make of single values."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from portazgo.contracts.language.operators import Action, Coerce, CoerceMoment, MapValue, Moment
from portazgo.contracts.reference.documents import NUMBER, Number, Violation, own, type_of

OMIT = object()
"""The member is to be left out."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_partner(action: Action | None, value: Any) -> Any:
    """Return what the partner reads. URLs are another matter. Raises Violation."""
    if isinstance(action, MapValue):
        pairs = [
            (_typed(backend, value) if action.by_text else own(backend), own(partner))
            for backend, partner in action.pairs
        ]
        return _mapped(pairs, value, action.otherwise)
    if isinstance(action, Coerce):
        return _coerced(value, action.to)
    if isinstance(action, CoerceMoment):
        return _moment(value, action.backend, action.partner)
    return value


def to_backend(action: Action | None, value: Any, backend_type: str, enum: tuple[Any, ...] | None) -> Any:
    """Return what the backend receives. Raises Violation."""
    if isinstance(action, MapValue):
        turned: list[tuple[Any, Any]] = []
        for backend, partner in action.pairs:
            written = own(_of_type(backend, backend_type, enum)) if action.by_text else own(backend)
            if all(partner != known for known, _ in turned):
                turned.append((own(partner), written))
        return _mapped(turned, value, action.otherwise)
    if isinstance(action, Coerce):
        return _coerced(value, backend_type)
    if isinstance(action, CoerceMoment):
        return _moment(value, action.partner, action.backend)
    return value


def _mapped(pairs: list[tuple[Any, Any]], value: Any, otherwise: str) -> Any:
    for known, other in pairs:
        if known == value and type(known) is type(value):
            return other
    if otherwise == "fail":
        raise Violation("value")
    return {"copy": value, "null": None, "omit": OMIT}[otherwise]


def _typed(text: str, value: Any) -> Any:
    """Read the name of a mapping as a value of the type that came."""
    if isinstance(value, str):
        return text
    try:
        return own(json.loads(text))
    except ValueError:
        return OMIT


def _of_type(text: str, backend_type: str, enum: tuple[Any, ...] | None) -> Any:
    for value in enum or ():
        if text == (value if isinstance(value, str) else json.dumps(value)):
            return value
    return text if backend_type == "string" else json.loads(text)


def _coerced(value: Any, to: str) -> Any:
    kind = type_of(value)
    if kind == to or (kind == "integer" and to == "number"):
        return value
    if to == "string":
        return value.lexeme if isinstance(value, Number) else ("true" if value else "false")
    if to == "boolean":
        known: dict[Any, bool] = {"true": True, "false": False, Number("0"): False, Number("1"): True}
        if value in known:
            return known[value]
        raise Violation("value")
    if not isinstance(value, str) or not NUMBER.fullmatch(value):
        raise Violation("value")
    if to == "integer" and set(value) & set(".eE"):
        raise Violation("value")
    return Number(value)


def _moment(value: Any, source: Moment, target: Moment) -> Any:
    moment = _read_moment(value, source)
    since = moment - _EPOCH
    if target == "date":
        return moment.date().isoformat()
    if target == "date-time":
        digits = "milliseconds" if moment.microsecond % 1000 == 0 else "microseconds"
        return moment.replace(tzinfo=None).isoformat(timespec=digits if moment.microsecond else "seconds") + "Z"
    seconds = since // timedelta(seconds=1)
    return Number(str(seconds if target == "unix" else since // timedelta(milliseconds=1)))


def _read_moment(value: Any, source: Moment) -> datetime:
    try:
        if source == "date":
            return datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC)
        if source == "date-time":
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is None:
                raise Violation("value")
            return moment.astimezone(UTC)
        return _EPOCH + timedelta(**{"seconds" if source == "unix" else "milliseconds": int(value.lexeme)})
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise Violation("value") from None
