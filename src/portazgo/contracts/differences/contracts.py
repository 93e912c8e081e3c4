"""Two versions of a contract, compared as their partners meet them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from portazgo.contracts.compiling import CompiledContract, CompiledParameter, CompiledRoute
from portazgo.contracts.differences.bodies import Comparison
from portazgo.contracts.differences.rules import RULES, Change, Side
from portazgo.contracts.expressions.written import Written, computed_in
from portazgo.contracts.language.paths import read_path


def changes(old: CompiledContract, new: CompiledContract) -> list[Change]:
    """What changes for partners who go from one version to the other, breaking changes first, else in the contract's order."""
    found: list[Change] = []
    for name, route in old.routes.items():
        if name in new.routes:
            _Route(name, old, new, found).compare(route, new.routes[name])
        else:
            found.append(Change("route-removed", name, "", "", "the route is gone"))
    found.extend(
        Change("route-added", name, "", "", "the route is new") for name in new.routes if name not in old.routes
    )
    return sorted(dict.fromkeys(found), key=lambda change: not change.breaking)


def is_breaking(found: list[Change]) -> bool:
    """Whether a caller that did nothing wrong may fail after these."""
    return any(change.breaking for change in found)


class _Route:
    """A route that both versions have."""

    def __init__(self, name: str, old: CompiledContract, new: CompiledContract, found: list[Change]) -> None:
        self._name = name
        self._old = old
        self._new = new
        self._found = found

    def compare(self, old: CompiledRoute, new: CompiledRoute) -> None:
        self._parameters(old, new)
        self._request(old, new)
        self._fields_option(old.wire.get("fields"), new.wire.get("fields"))
        before, after = _answers(old), _answers(new)
        for status in before:
            if status not in after:
                self._tell("answer-status-removed", f"answer {status}", "the answer is gone")
        for status, answer in after.items():
            if status in before:
                self._answer(status, (old, before[status]), (new, answer))
            else:
                self._tell("answer-status-added", f"answer {status}", "the answer is new")
        self._problems_statuses(_problem_statuses(old), _problem_statuses(new))

    def _problems_statuses(self, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        for status in sorted(before.keys() | after.keys()):
            was, is_now = before.get(status, status), after.get(status, status)
            if was != is_now:
                self._tell("answer-status-changed", f"answer {status}", f"{was} became {is_now}")

    def _parameters(self, old: CompiledRoute, new: CompiledRoute) -> None:
        before, after = _by_name(old), _by_name(new)
        for (place, name), parameter in before.items():
            if (place, name) not in after:
                self._tell("parameter-removed", f"{parameter.place} {name}", "the parameter is gone")
        for (place, name), parameter in after.items():
            at = f"{place} {name}"
            if (place, name) in before:
                self._parameter(at, before[place, name], parameter)
            elif parameter.required:
                self._tell("parameter-added-required", at, "the parameter is new and must be sent")
            else:
                self._tell("parameter-added", at, "the parameter is new")
        was, is_now = (route.wire["request"].get("query_unknown", "refuse") for route in (old, new))
        if was != is_now:
            rule = "request-unknown-refused" if is_now == "refuse" else "request-unknown-dropped"
            self._tell(rule, "query", f"unknown parameters are {'refused' if is_now == 'refuse' else 'dropped'}")

    def _parameter(self, at: str, old: CompiledParameter, new: CompiledParameter) -> None:
        if old.required != new.required:
            turn = "required" if new.required else "optional"
            self._tell(f"parameter-became-{turn}", at, f"the parameter is {turn} now")
        if old.many != new.many:
            turn = "many" if new.many else "single"
            self._tell(f"parameter-became-{turn}", at, f"it may come {'several times' if new.many else 'once'}")
        self._values(Side.REQUEST, at).compare(old.schema, new.schema)

    def _request(self, old: CompiledRoute, new: CompiledRoute) -> None:
        before, after = old.wire["request"]["body"], new.wire["request"]["body"]
        if before is None and after is None:
            return
        if after is None:
            self._tell("request-body-refused", "request", "the operation takes no body")
        elif before is None:
            rule = "request-body-required" if after["required"] else "request-body-taken"
            self._tell(
                rule, "request", f"the operation takes a body{' that must be sent' if after['required'] else ''}"
            )
        elif before["kind"] != after["kind"]:
            self._tell("request-body-replaced", "request", f"{_kind(before)} became {_kind(after)}")
        else:
            self._bodies(before, after)
            if old.request_schema is not None and new.request_schema is not None:
                self._values(Side.REQUEST, "request").compare(old.request_schema, new.request_schema)

    def _bodies(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        if before["required"] != after["required"]:
            turn = "required" if after["required"] else "optional"
            self._tell(f"request-body-{turn}", "request", f"the body is {turn} now")
        self._media_types(Side.REQUEST, "request", before["types"], after["types"])
        most, most_now = before.get("max_bytes", 0), after.get("max_bytes", 0)
        if most != most_now:
            turn = "narrowed" if most_now < most else "widened"
            self._tell(f"request-size-{turn}", "request", f"{most} bytes became {most_now}")

    def _media_types(self, side: Side, at: str, before: list[str], after: list[str]) -> None:
        for gone in (kind for kind in before if kind not in after):
            self._tell(f"{side}-media-type-removed", at, f"{gone} is gone")
        for come in (kind for kind in after if kind not in before):
            self._tell(f"{side}-media-type-added", at, f"{come} is new")

    def _fields_option(self, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> None:
        if before is None and after is not None:
            self._tell("fields-allowed", "query fields", "?fields= is taken")
        elif before is not None and after is None:
            self._tell("fields-refused", "query fields", "?fields= is no longer taken")
        elif before != after and before is not None and after is not None:
            self._tell("fields-moved", "query fields", f"{_at(before)} became {_at(after)}")

    def _answer(
        self, status: str, old: tuple[CompiledRoute, Mapping[str, Any]], new: tuple[CompiledRoute, Mapping[str, Any]]
    ) -> None:
        at = f"answer {status}"
        (before_route, before), (after_route, after) = old, new
        if before.get("send") != after.get("send"):
            sent = [answer.get("send") or status for answer in (before, after)]
            self._tell("answer-status-changed", at, f"{sent[0]} became {sent[1]}")
        self._headers(at, before, after)
        kinds = before["body"]["kind"], after["body"]["kind"]
        if kinds[0] != kinds[1]:
            self._tell(_replaced(*kinds), at, f"{_kind(before['body'])} became {_kind(after['body'])}")
        else:
            self._media_types(Side.ANSWER, at, _media_types(before), _media_types(after))
        schemas = before_route.answer_schemas.get(status), after_route.answer_schemas.get(status)
        if schemas[0] is not None and schemas[1] is not None:
            self._values(Side.ANSWER, at).compare(schemas[0], schemas[1])
            self._sources(at, status, before_route, after_route)

    def _headers(self, at: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        was, is_now = ([header["out"] for header in answer.get("headers", ())] for answer in (before, after))
        for gone in (name for name in was if name not in is_now):
            self._tell("answer-header-removed", at, f"the header {gone} is gone")
        for come in (name for name in is_now if name not in was):
            self._tell("answer-header-added", at, f"the header {come} is new")

    def _sources(self, at: str, status: str, old: CompiledRoute, new: CompiledRoute) -> None:
        before, after = _sources_of(old, status), _sources_of(new, status)
        moved = {partner: was for partner, was in before.items() if after.get(partner, was) != was}
        for partner, was in moved.items():
            come = f"it came from {', '.join(was)} and comes from {', '.join(after[partner])}"
            self._tell("answer-source-changed", at, come, partner)
        told = {read_path(partner)[-1] for partner in moved}
        was_computed, computed = _computed_of(old), _computed_of(new)
        for name in sorted(computed.keys() - told):
            if name in was_computed and was_computed[name] != computed[name]:
                self._tell("answer-source-changed", at, "its expression is another", name)

    def _values(self, side: Side, place: str) -> Comparison:
        return Comparison(side, self._old.components, self._new.components, self._reporting(place))

    def _reporting(self, place: str) -> Callable[[str, str, str], None]:
        def report(rule: str, path: str, detail: str) -> None:
            self._tell(rule, place, detail, path)

        return report

    def _tell(self, rule: str, place: str, detail: str, path: str = "") -> None:
        self._found.append(Change(RULES[rule].name, self._name, place, path, detail))


def _sources_of(route: CompiledRoute, status: str) -> dict[str, tuple[str, ...]]:
    """Return where each field comes from: a computed one of several places."""
    sources: dict[str, tuple[str, ...]] = {}
    for pair in route.fields.get(status, ()):
        sources[pair.partner] = (*sources.get(pair.partner, ()), pair.backend)
    return sources


def _computed_of(route: CompiledRoute) -> dict[str, list[Written]]:
    """Return the computed members of the program by their names, in the program's order."""
    found: dict[str, list[Written]] = {}
    for one in computed_in(route.wire.get("program", {})):
        found.setdefault(one.name, []).append(one)
    return found


def _by_name(route: CompiledRoute) -> dict[tuple[str, str], CompiledParameter]:
    return {(parameter.place, parameter.name): parameter for parameter in route.parameters}


def _answers(route: CompiledRoute) -> dict[str, Mapping[str, Any]]:
    """The answers that are no problems: what no entry fits becomes one, whether the contract says so or not."""
    return {answer["status"]: answer for answer in route.wire["answers"] if answer["body"]["kind"] != "problem"}


def _problem_statuses(route: CompiledRoute) -> dict[str, str]:
    """What partners get for the statuses in whose place problems stand, where it is another."""
    problems = (answer for answer in route.wire["answers"] if answer["body"]["kind"] == "problem")
    return {answer["status"]: str(answer["send"]) for answer in problems if answer.get("send")}


def _replaced(before: str, after: str) -> str:
    if after == "empty":
        return "answer-body-removed"
    return "answer-body-added" if before == "empty" else "answer-body-replaced"


def _kind(body: Mapping[str, Any]) -> str:
    return {"json": "JSON", "pass": "a body that passes as it is", "empty": "no body"}[body["kind"]]


def _media_types(answer: Mapping[str, Any]) -> list[str]:
    body = answer["body"]
    return list(body["types"] if body["kind"] == "pass" else answer.get("content_types", ()))


def _at(option: Mapping[str, Any]) -> str:
    return ".".join(option["at"]) or "the whole answer"


def render(found: list[Change]) -> Iterator[str]:
    """One line per change, for a terminal."""
    for change in found:
        mark = "breaking" if change.breaking else "exposure" if change.exposure else "fine"
        yield f"{mark:<9} {change.rule:<32} {change.sentence}"
