"""What a change of the backend's schema means for a contract that is over it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from portazgo.contracts.compiling import CompiledContract, CompiledRoute, FieldPair
from portazgo.contracts.differences.forms import Components, JsonSchema, forms, properties, required
from portazgo.contracts.differences.schemas import Kind, SchemaChange
from portazgo.contracts.language.paths import FREELY, Path, read_path


class Outcome(StrEnum):
    """What becomes of calls when the backend answers as its new document says, and the contract stays as it is."""

    FAILS = "fails"
    """Calls fail, all of them or those that the change is about."""
    CHANGES = "changes"
    """Calls go on, and partners get or send something else."""
    HIDDEN = "hidden"
    """Nothing changes for partners."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What one change means for one route of a contract."""

    contract: str
    route: str
    change: SchemaChange
    outcome: Outcome
    sentence: str


def effects(found: Iterable[SchemaChange], contracts: Mapping[str, CompiledContract]) -> list[Effect]:
    """What changes mean for contracts, what fails first. A change that no contract's route is about has no effect."""
    told = [effect for change in found for effect in _of_change(change, contracts)]
    order = list(Outcome)
    return sorted(told, key=lambda effect: order.index(effect.outcome))


def _of_change(change: SchemaChange, contracts: Mapping[str, CompiledContract]) -> Iterator[Effect]:
    for name, contract in contracts.items():
        for route_name, route in contract.routes.items():
            if route.operation == change.operation:
                judged = _Judging(name, route_name, route, contract.components).judge(change)
                yield from (Effect(name, route_name, change, outcome, said) for outcome, said in judged)


@dataclass(frozen=True, slots=True)
class _Judging:
    contract: str
    name: str
    route: CompiledRoute
    components: Components

    def judge(self, change: SchemaChange) -> Iterator[tuple[Outcome, str]]:
        place, _, status = change.place.partition(" ")
        match place:
            case "":
                yield self._of_operation(change)
            case "answer":
                yield from self._of_answer(change, status)
            case "request":
                yield self._of_request(change)
            case _:
                yield self._of_parameter(change, place, status)

    def _of_operation(self, change: SchemaChange) -> tuple[Outcome, str]:
        if change.kind is Kind.GONE:
            return Outcome.FAILS, f"the backend no longer has {change.operation}, which the route {self.name} leads to"
        return Outcome.FAILS, f"{change.detail}: the route {self.name} calls the backend where the operation was"

    def _of_answer(self, change: SchemaChange, status: str) -> Iterator[tuple[Outcome, str]]:
        entry = self._entry(status)
        if entry is None or entry["body"]["kind"] != "json":
            what = "the contract does not look into answers of this status"
            yield Outcome.HIDDEN, f"answer {status}: {what}"
            return
        if not change.path:
            yield self._of_whole_answer(change, status)
            return
        selected = list(_selected(self.route.fields.get(entry["status"], ()), read_path(change.path)))
        if not selected:
            yield Outcome.HIDDEN, f"{change.path} is not selected: partners don't see it"
        for pair in selected:
            yield self._of_field(change, entry["status"], pair)

    def _of_whole_answer(self, change: SchemaChange, status: str) -> tuple[Outcome, str]:
        if change.kind is Kind.RETYPED:
            return (
                Outcome.FAILS,
                f"answer {status}: {change.detail}: what does not fit fails with contract_violation_response",
            )
        if change.kind is Kind.GONE:
            return Outcome.CHANGES, f"answer {status}: the backend's document no longer has it"
        return Outcome.HIDDEN, f"answer {status}: nothing changes as long as its fields are the same"

    def _of_field(self, change: SchemaChange, status: str, pair: FieldPair) -> tuple[Outcome, str]:
        seen = f"{change.path}, which partners see as {pair.partner}"
        inside = len(read_path(change.path)) < len(read_path(pair.backend))
        always = _promised(self.route.answer_schemas[status], self.components, read_path(pair.partner), inside=inside)
        match change.kind:
            case Kind.GONE | Kind.OPTIONAL if always:
                gone = "is gone" if change.kind is Kind.GONE else "may be absent"
                return Outcome.FAILS, f"{seen}, {gone}: answers without it fail, since the contract promises it"
            case Kind.GONE:
                return Outcome.CHANGES, f"{seen}, is gone: partners no longer get it"
            case Kind.RETYPED:
                return (
                    Outcome.FAILS,
                    f"{seen}: {change.detail}: answers with a type that the contract does not have fail",
                )
            case Kind.VALUES_NEW:
                return Outcome.CHANGES, f"{seen}, has new values: {change.detail}"
            case _:
                return Outcome.HIDDEN, f"{seen}: partners notice nothing ({change.kind.value.replace('_', ' ')})"

    def _of_request(self, change: SchemaChange) -> tuple[Outcome, str]:
        if not change.path:
            return self._of_whole_request(change)
        path = read_path(change.path)
        sent = any(_touches(path, other) for other in written(self.route.wire["request"], path))
        match change.kind:
            case Kind.NEW_REQUIRED | Kind.REQUIRED if not sent:
                return Outcome.FAILS, f"the backend wants {change.path}, which the contract neither takes nor fills"
            case Kind.REQUIRED:
                return (
                    Outcome.CHANGES,
                    f"the backend wants {change.path}: partners may leave it out, unless it is filled",
                )
            case Kind.GONE | Kind.RETYPED | Kind.VALUES_GONE if sent:
                said = change.detail or "the backend no longer has it"
                return Outcome.CHANGES, f"the contract sends {change.path}: {said}"
            case _:
                return Outcome.HIDDEN, f"{change.path}: nothing changes in what is sent"

    def _of_whole_request(self, change: SchemaChange) -> tuple[Outcome, str]:
        if self.route.wire["request"]["body"] is not None:
            return (
                Outcome.CHANGES,
                f"request: {change.detail or change.kind.value}: the contract sends a body as before",
            )
        if change.kind in {Kind.NEW_REQUIRED, Kind.REQUIRED}:
            return Outcome.FAILS, "the backend wants a body, and the contract sends none"
        return Outcome.HIDDEN, "request: the contract sends no body"

    def _of_parameter(self, change: SchemaChange, place: str, name: str) -> tuple[Outcome, str]:
        request = self.route.wire["request"]
        key = {"header": "headers"}.get(place, place)
        sent = any(parameter["out"] == name for parameter in request.get(key, ()))
        sent |= any(fill["at"] == place and fill["out"] == name for fill in request.get("fill", ()))
        match change.kind:
            case Kind.NEW_REQUIRED | Kind.REQUIRED if not sent:
                return (
                    Outcome.FAILS,
                    f"the backend wants the {place} parameter {name}, which the contract does not send",
                )
            case Kind.GONE | Kind.RETYPED | Kind.VALUES_GONE | Kind.REQUIRED if sent:
                return (
                    Outcome.CHANGES,
                    f"the contract sends the {place} parameter {name}: {change.detail or change.kind}",
                )
            case _:
                return Outcome.HIDDEN, f"the {place} parameter {name}: nothing changes in what is sent"

    def _entry(self, status: str) -> Mapping[str, Any] | None:
        """The contract's entry that answers of this status of the document fall under."""
        entries = {answer["status"]: answer for answer in self.route.wire["answers"]}
        return next((entries[key] for key in (status, f"{status[0]}XX", "default") if key in entries), None)


def written(request: Mapping[str, Any], towards: Path | None = None) -> Iterator[Path]:
    """The places of the backend's body that a compiled request writes: taken from the partner, or filled.

    Recursive programs end where a node is met again: such a place is written at any depth. `towards`: only what lies on the
    way to this place, and it itself; all of them may be more than anybody counts.
    """
    body = request["body"]
    if body is not None and body["kind"] == "json":
        yield from _Writing(request["program"]["nodes"], towards).node(body["root"], (), frozenset())


class _Writing:
    """Walks through a program of requests."""

    def __init__(self, nodes: list[Any], towards: Path | None) -> None:
        self._nodes = nodes
        self._towards = towards
        self._met: set[tuple[int, Path]] = set()

    def node(self, index: int, path: Path, above: frozenset[int]) -> Iterator[Path]:
        if index in above:
            yield (*path, FREELY)
            return
        # By another way nothing else is written there.
        if (index, path) in self._met or not self._leads_on(path):
            return
        self._met.add((index, path))
        node, above = self._nodes[index], above | {index}
        if "any" in node:
            yield (*path, FREELY)
        if "array" in node:
            yield from self.node(node["array"]["items"], path, above)
        for variant in node.get("one_of", {}).get("variants", ()):
            yield from self.node(variant["node"], path, above)
        if "object" in node:
            yield from self._object(node["object"], path, above)

    def _leads_on(self, path: Path) -> bool:
        wanted = self._towards
        return wanted is None or (len(path) < len(wanted) and path == wanted[: len(path)])

    def _object(self, rule: Mapping[str, Any], path: Path, above: frozenset[int]) -> Iterator[Path]:
        slots: dict[int, int] = {}
        waiting = list(rule.get("members", ()))
        while waiting:
            member = waiting.pop()
            if "out" in member:
                below = (*path, *member.get("wrap", ()), member["out"])
                yield below
                yield from self.node(member["node"], below, above)
            elif "slot" in member:
                slots[member["slot"]] = member["node"]
            elif member.get("inline"):
                yield from self.node(member["node"], path, above)
            elif member.get("scatter"):
                waiting.extend(self._nodes[member["node"]].get("object", {}).get("members", ()))
        yield from ((*path, fill["out"]) for fill in rule.get("fill", ()))
        if not isinstance(rule.get("unknown", "refuse"), str):
            yield (*path, FREELY)
        yield from self._parts(rule.get("template", {}).get("members", ()), slots, (path, above))

    def _parts(
        self, parts: Iterable[Mapping[str, Any]], slots: Mapping[int, int], at: tuple[Path, frozenset[int]]
    ) -> Iterator[Path]:
        path, above = at
        for part in parts:
            below = (*path, part["out"])
            yield below
            if part.get("slot") in slots:
                yield from self.node(slots[part["slot"]], below, above)
            yield from self._parts(part.get("members", ()), slots, (below, above))


def _selected(pairs: Iterable[FieldPair], path: Path) -> Iterator[FieldPair]:
    """The fields that a change of this place of the backend's answer is about."""
    for pair in pairs:
        if _touches(path, read_path(pair.backend)):
            yield pair


def _touches(changed: Path, other: Path) -> bool:
    """Whether one of the places lies in the other; `**` is all that lies below."""
    for one, two in zip(changed, other, strict=False):
        if FREELY in {one, two}:
            return True
        if one != two:
            return False
    # What is new below a field of the contract's is new only if the contract goes that far down.
    return len(changed) <= len(other)


def _promised(schema: JsonSchema, components: Components, path: Path, *, inside: bool) -> bool:
    """Whether answers without the member don't fit the partner's schema.

    `inside`: it is an object around it that is missing. Then all that lies on the way must be promised, else the object is.
    """
    promised = False
    for name in path:
        found = [form.schema for form in _objects(schema, components) if name in properties(form.schema)]
        promised = bool(found) and all(name in required(one) for one in found)
        if not found or (inside and not promised):
            return False
        schema = properties(found[0])[name]
    return promised


def _objects(schema: JsonSchema, components: Components) -> Iterator[Any]:
    """Give the objects that a value is, or has in lists in lists; a list of itself has none but its own."""
    waiting, seen = [schema], set[int | str]()
    while waiting:
        one = waiting.pop(0)
        key = one["$ref"] if one.keys() == {"$ref"} else id(one)
        if key not in seen:
            seen.add(key)
            found = forms(one, components)
            yield from found.get("object", ())
            waiting += [items for form in found.get("array", ()) if (items := form.schema.get("items"))]
