"""Reading what a contract says of one route."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from portazgo.contracts.language.headers import OF_URLS, is_never_shown
from portazgo.contracts.language.operators import Action, Operator, Value
from portazgo.contracts.language.paths import Path
from portazgo.contracts.language.problems import Problems
from portazgo.contracts.language.reading import OperatorReader, read_value, read_words
from portazgo.routes.domain import MAX_BYTES
from portazgo.routes.openapi.places import escape

HOLD_BYTES = 65_536
_HOLD_AT_MOST = 16 * 1024**2
_STATUS = re.compile(r"[1-5]([0-9]{2}|XX)")
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/([a-z0-9!#$&^_.+-]+|\*)")
_HEADER = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_SIZE = re.compile(r"([0-9]{1,15})(B|kB|KiB|MB|MiB|GB|GiB)?")
_UNITS = {"B": 1, "kB": 1000, "KiB": 1024, "MB": 1000**2, "MiB": 1024**2, "GB": 1000**3, "GiB": 1024**3}
_ROUTE = (
    "operation",
    "summary",
    "description",
    "path",
    "query",
    "query_unknown",
    "headers",
    "request",
    "answers",
    "response_headers",
    "hold",
    "fields",
    "missing",
    "sampling",
    "recording",
    "compress",
)
_ANSWER = ("body", "pass", "empty", "problem", "send")
_SENT_AT_LEAST, _SENT_AT_MOST, _FIRST_ERROR = 200, 599, 400
_NEVER_SENT = {
    206: "a part of a document",
    304: "what the client has already",
    401: "the partner's key",
    407: "a proxy's",
}
_BODILESS = (204, 205)
_PARAMETER = ("to", "default", "required", "fill", "map_value", "coerce")
_ERRORS = ("drf", "fastapi", "rfc9457")


@dataclass(frozen=True, slots=True)
class JsonTerms:
    """A body that is mapped by operators."""

    at: str
    operators: tuple[Operator, ...]
    send: int | None = None
    """Of an answer: the status that partners get; None: the backend's."""


@dataclass(frozen=True, slots=True)
class PassTerms:
    """A body that passes as it is, of these types and up to this size."""

    at: str
    types: tuple[str, ...]
    max_bytes: int
    send: int | None = None


@dataclass(frozen=True, slots=True)
class EmptyTerms:
    """An answer without a body, whatever the backend sent."""

    at: str
    send: int | None = None


@dataclass(frozen=True, slots=True)
class ProblemTerms:
    """An answer that becomes a problem of ours."""

    at: str
    detail: str | None
    errors: str | None
    send: int | None = None


AnswerTerms = JsonTerms | PassTerms | EmptyTerms | ProblemTerms


@dataclass(frozen=True, slots=True)
class ParameterTerms:
    """What becomes of one parameter, by the backend's name."""

    at: str
    to: str | None = None
    required: bool | None = None
    default: Any = None
    has_default: bool = False
    fill: Value | None = None
    action: Action | None = None


@dataclass(frozen=True, slots=True)
class HeaderTerms:
    """A header of answers, by the backend's name."""

    at: str
    to: str
    url: bool


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which answers nodes compare with the schema: one in so many (0: none), and so many a minute on each."""

    one_in: int
    per_minute: int


SAMPLING_OFF = Sampling(0, 0)
USUAL_SAMPLING = Sampling(1000, 6)
"""What nodes do where the contract says nothing."""
_ONE_IN_AT_MOST, _PER_MINUTE_AT_MOST = 1_000_000, 60


@dataclass(frozen=True, slots=True)
class Recording:
    """How many answers of each status are recorded without their values, and for how many days each is kept."""

    answers: int
    days: int


USUAL_RECORDING = Recording(20, 7)
MOST_RECORDING = Recording(100, 30)


def recording_of(route: Mapping[str, Any]) -> Recording | None:
    """Give what a route of a contract that was checked says of recording; None: nothing is recorded."""
    return _read_recording(route, "", Problems())


@dataclass(frozen=True, slots=True)
class RouteTerms:
    """A route of a contract, read."""

    at: str
    operation: str | None = None
    path: Mapping[str, ParameterTerms] = field(default_factory=dict)
    query: Mapping[str, ParameterTerms] = field(default_factory=dict)
    headers: Mapping[str, ParameterTerms] = field(default_factory=dict)
    query_unknown: Literal["refuse", "drop"] = "refuse"
    request: JsonTerms | PassTerms | None = None
    answers: Mapping[str, AnswerTerms] = field(default_factory=dict)
    response_headers: Mapping[str, HeaderTerms] = field(default_factory=dict)
    hold: int | Literal["whole"] = HOLD_BYTES
    fields: Path | None = None
    missing: Literal["fail", "omit"] = "fail"
    compress: bool | None = None
    """Whether answers may go out compressed; None: it is the node's to say."""
    words: Mapping[str, str] = field(default_factory=dict)
    """`summary` and `description` for partners."""
    sampling: Sampling | None = None


class RouteReader:
    """Reads the routes of a contract."""

    def __init__(self, mappings: Mapping[str, Any], problems: Problems) -> None:
        self._problems = problems
        self._operators = OperatorReader(mappings, problems)

    def read(self, value: object, at: str) -> RouteTerms:
        """Read a route; what is wrong with it is noted and left out."""
        told = self._problems.members(value, at, _ROUTE)
        # It concerns no program: what it says is read where answers arrive (`recording_of`).
        _read_recording(told, at, self._problems)
        operation = told.get("operation")
        if operation is not None and not isinstance(operation, str):
            self._problems.add(f"{at}/operation", "the operation is a text: its operationId, or GET /api/badges/{id}/")
            operation = None
        return RouteTerms(
            at=at,
            operation=operation,
            path=self._parameters(told, at, "path"),
            query=self._parameters(told, at, "query"),
            headers={name.lower(): terms for name, terms in self._parameters(told, at, "headers").items()},
            query_unknown=self._one_of(told, at, "query_unknown", ("refuse", "drop"), "refuse"),
            request=self._request(told, at),
            answers=self._answers(told, at),
            response_headers=self._response_headers(told, at),
            hold=self._hold(told, at),
            fields=self._fields(told, at),
            missing=self._one_of(told, at, "missing", ("fail", "omit"), "fail"),
            compress=self._truth(told, at, "compress"),
            words=self._words(told, at),
            sampling=self._sampling(told, at),
        )

    def _truth(self, told: Mapping[str, Any], at: str, name: str) -> bool | None:
        value = told.get(name)
        if value is not None and not isinstance(value, bool):
            self._problems.add(f"{at}/{name}", "this must be true or false")
            return None
        return value

    def _words(self, told: Mapping[str, Any], at: str) -> dict[str, str]:
        found = {
            name: read_words(told[name], f"{at}/{name}", self._problems)
            for name in ("summary", "description")
            if name in told
        }
        return {name: text for name, text in found.items() if text is not None}

    def _one_of(self, told: Mapping[str, Any], at: str, name: str, known: tuple[str, ...], default: str) -> Any:
        return self._problems.word(told[name], f"{at}/{name}", known) or default if name in told else default

    def _parameters(self, told: Mapping[str, Any], at: str, place: str) -> dict[str, ParameterTerms]:
        if place not in told:
            return {}
        found = self._problems.mapping(told[place], f"{at}/{place}")
        return {
            name: self._parameter(value, f"{at}/{place}/{escape(name)}", fills=place != "path")
            for name, value in found.items()
        }

    def _parameter(self, value: object, at: str, *, fills: bool) -> ParameterTerms:
        members = self._problems.members({} if value is None else value, at, _PARAMETER)
        to, required = members.get("to"), members.get("required")
        if to is not None and (not isinstance(to, str) or not to):
            self._problems.add(f"{at}/to", "the partner's name is a text")
            to = None
        if required is not None and not isinstance(required, bool):
            self._problems.add(f"{at}/required", "this must be true or false")
            required = None
        if "fill" in members and (len(members) > 1 or not fills):
            why = "a parameter that is filled is not the partner's to send" if fills else "the path is the partner's"
            self._problems.add(f"{at}/fill", f"{why}: fill stands alone" if fills else f"{why}, nothing fills it")
        return ParameterTerms(
            at=at,
            to=to,
            required=required,
            default=members.get("default"),
            has_default="default" in members,
            fill=read_value(members["fill"], f"{at}/fill", self._problems) if "fill" in members else None,
            action=self._action(members, at),
        )

    def _action(self, members: Mapping[str, Any], at: str) -> Action | None:
        given = [name for name in ("map_value", "coerce") if name in members]
        if len(given) > 1:
            self._problems.add(f"{at}/coerce", "map_value and coerce exclude each other: the map can write any type")
            return None
        if "map_value" in members:
            return next(self._operators.mapped(members["map_value"], f"{at}/map_value", ()), None)
        if "coerce" in members:
            return next(self._operators.coerced(members["coerce"], f"{at}/coerce", ()), None)
        return None

    def _request(self, told: Mapping[str, Any], at: str) -> JsonTerms | PassTerms | None:
        value, place = told.get("request"), f"{at}/request"
        if value is None:
            return None
        if isinstance(value, Mapping):
            members = self._problems.members(value, place, ("pass",))
            return self._pass(members["pass"], f"{place}/pass") if "pass" in members else None
        return JsonTerms(place, tuple(self._operators.read(value, place, "request")))

    def _answers(self, told: Mapping[str, Any], at: str) -> dict[str, AnswerTerms]:
        if "answers" not in told:
            self._problems.add(at, "the route says nothing of answers: without answers, partners receive only problems")
            return {}
        answers: dict[str, AnswerTerms] = {}
        for name, value in self._problems.mapping(told["answers"], f"{at}/answers").items():
            place = f"{at}/answers/{escape(name)}"
            status = name if name == "default" else name.upper()
            if status != "default" and not _STATUS.fullmatch(status):
                self._problems.add(place, f'{name!r} is no status: write "200", "4XX" or default')
                continue
            if status in answers:
                self._problems.add(place, f"the status {status} stands here twice")
                continue
            terms = self._answer(value, place, status)
            if terms is not None:
                answers[status] = terms
        return answers

    def _answer(self, value: object, at: str, status: str) -> AnswerTerms | None:
        if isinstance(value, list):
            return JsonTerms(at, tuple(self._operators.read(value, at, "answer")))
        members = self._problems.members(value, at, _ANSWER)
        kinds = [name for name in members if name in _ANSWER and name != "send"]
        if len(kinds) != 1:
            if isinstance(value, Mapping):
                self._problems.add(
                    at, "an answer is a list of operators, or one of body (such a list), pass, empty and problem"
                )
            return None
        send = self._send(members["send"], f"{at}/send", status, kinds[0]) if "send" in members else None
        if "body" in members:
            return JsonTerms(at, tuple(self._operators.read(members["body"], f"{at}/body", "answer")), send)
        if "pass" in members:
            return replace(self._pass(members["pass"], f"{at}/pass"), send=send)
        if "empty" in members:
            if members["empty"] is not True:
                self._problems.add(f"{at}/empty", "empty is true")
            return EmptyTerms(at, send)
        return self._problem(members, at, send)

    def _problem(self, members: Mapping[str, Any], at: str, send: int | None) -> ProblemTerms:
        told = self._problems.members(members["problem"], f"{at}/problem", ("detail", "errors"))
        detail, errors = told.get("detail"), told.get("errors")
        if detail is not None and not isinstance(detail, str):
            self._problems.add(f"{at}/problem/detail", "the detail is a text")
            detail = None
        if errors is not None:
            errors = self._problems.word(errors, f"{at}/problem/errors", _ERRORS)
        return ProblemTerms(at, detail, errors, send)

    def _send(self, value: object, at: str, status: str, kind: str) -> int | None:
        """Read the status that partners get in place of the backend's."""
        number = value if isinstance(value, int) and not isinstance(value, bool) else 0
        wrong = None
        if not _SENT_AT_LEAST <= number <= _SENT_AT_MOST:
            wrong = f"this is a status from {_SENT_AT_LEAST} to {_SENT_AT_MOST}"
        elif number in _NEVER_SENT:
            wrong = f"{number} speaks of {_NEVER_SENT[number]}: an answer of the backend's can't become that"
        elif number in _BODILESS and kind != "empty":
            wrong = f"an answer {number} has no body: write empty: true"
        elif kind == "problem" and (number < _FIRST_ERROR or status[0] in "123"):
            wrong = "a problem has a status from 400 on, and stands in place of one"
        elif status == "304" or (status == "204" and kind != "empty"):
            wrong = f"an answer {status} has no body, and goes out as it is"
        if wrong is None:
            return number
        self._problems.add(at, wrong)
        return None

    def _pass(self, value: object, at: str) -> PassTerms:
        told = self._problems.members(value, at, ("types", "max_bytes"))
        types = []
        for place, text in self._problems.texts(told.get("types", []), f"{at}/types"):
            if _MEDIA_TYPE.fullmatch(text.lower()):
                types.append(text.lower())
            else:
                self._problems.add(place, f"{text!r} is no media type: write image/png, or image/*")
        if "types" not in told or "max_bytes" not in told:
            self._problems.add(at, "a body passes under rules: {types: [image/png], max_bytes: 5MB}")
        size = self._size(told["max_bytes"], f"{at}/max_bytes", MAX_BYTES) if "max_bytes" in told else 0
        return PassTerms(at, tuple(types), size)

    def _size(self, value: object, at: str, most: int) -> int:
        match = _SIZE.fullmatch(value) if isinstance(value, str) else None
        size = value if isinstance(value, int) and not isinstance(value, bool) else None
        if match is not None:
            size = int(match[1]) * _UNITS[match[2] or "B"]
        if size is None or not 0 < size <= most:
            self._problems.add(at, f"this must be a size up to {most} bytes, such as 64KiB or 5MB")
            return most
        return size

    def _hold(self, told: Mapping[str, Any], at: str) -> int | Literal["whole"]:
        if told.get("hold") == "whole":
            return "whole"
        return self._size(told["hold"], f"{at}/hold", _HOLD_AT_MOST) if "hold" in told else HOLD_BYTES

    def _sampling(self, told: Mapping[str, Any], at: str) -> Sampling | None:
        value, place = told.get("sampling"), f"{at}/sampling"
        if value is None:
            return None
        if value == "off":
            return SAMPLING_OFF
        if not isinstance(value, Mapping):
            self._problems.add(place, "write off, or how many: {one_in: 1000, per_minute: 6}")
            return None
        members = self._problems.members(value, place, ("one_in", "per_minute"))
        return Sampling(
            _whole(members, place, "one_in", (USUAL_SAMPLING.one_in, _ONE_IN_AT_MOST), self._problems),
            _whole(members, place, "per_minute", (USUAL_SAMPLING.per_minute, _PER_MINUTE_AT_MOST), self._problems),
        )

    def _fields(self, told: Mapping[str, Any], at: str) -> Path | None:
        value = told.get("fields")
        if value is True:
            return ()
        if value is None or value is False:
            return None
        members = self._problems.members(value, f"{at}/fields", ("at",))
        return self._problems.path(members["at"], f"{at}/fields/at") if "at" in members else None

    def _response_headers(self, told: Mapping[str, Any], at: str) -> dict[str, HeaderTerms]:
        headers = {}
        for name, value in self._problems.mapping(told.get("response_headers", {}), f"{at}/response_headers").items():
            place = f"{at}/response_headers/{escape(name)}"
            members: Mapping[str, Any] = {"to": value} if isinstance(value, str) else {}
            if not isinstance(value, str) and value is not True and value is not None:
                members = self._problems.members(value, place, ("to", "url"))
            to = members.get("to", name)
            if not isinstance(to, str) or not _HEADER.fullmatch(to.lower()) or not _HEADER.fullmatch(name.lower()):
                self._problems.add(place, "a header's name is made of letters, digits and hyphens")
                continue
            if not isinstance(members.get("url", False), bool):
                self._problems.add(f"{place}/url", "this must be true or false")
            if is_never_shown(name) or is_never_shown(to):
                self._problems.add(
                    place, f"the header {name} describes the backend, or sends clients elsewhere: it stays inside"
                )
                continue
            url = members.get("url") is True or not OF_URLS.isdisjoint((name.lower(), to.lower()))
            headers[name.lower()] = HeaderTerms(place, to.lower(), url)
        return headers


def _read_recording(told: Mapping[str, Any], at: str, problems: Problems) -> Recording | None:
    value, place = told.get("recording"), f"{at}/recording"
    if value is None or value is False or value == "off":
        return None
    if value is not True and not isinstance(value, Mapping):
        problems.add(place, "write true, off, or how much: {answers: 20, days: 7}")
        return None
    if told.get("sampling") == "off":
        problems.add(place, "what is recorded is taken of sampled answers: `sampling` must not be off")
        return None
    members: Mapping[str, Any] = {} if value is True else problems.members(value, place, ("answers", "days"))
    return Recording(
        _whole(members, place, "answers", (USUAL_RECORDING.answers, MOST_RECORDING.answers), problems),
        _whole(members, place, "days", (USUAL_RECORDING.days, MOST_RECORDING.days), problems),
    )


def _whole(members: Mapping[str, Any], at: str, name: str, usual_and_most: tuple[int, int], problems: Problems) -> int:
    usual, most = usual_and_most
    value = members.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        problems.add(f"{at}/{name}", f"this must be a whole number from 1 to {most}")
        return usual
    return value
