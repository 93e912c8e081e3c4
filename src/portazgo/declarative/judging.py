"""Everything that is wrong with a document by itself and against the names that there are, all at once. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from pydantic import ValidationError

from portazgo.backends.domain import check_targets
from portazgo.backends.forwarding import contradictions
from portazgo.declarative import forwarding
from portazgo.declarative.document import Document
from portazgo.declarative.domain import SECTIONS, Kind, Ref, escape
from portazgo.declarative.problems import Problem, nearest, problems_of
from portazgo.routes.domain import addresses, check_backend_path, check_idempotency_key, check_upgrades

Known = Mapping[Kind, AbstractSet[str]]
"""Names of things that exist, by kind; a reference may lead to them as well as into the file."""

DEPTH = 40
HINTS_AT_MOST = 50


def judge(tree: object, known: Known | None) -> tuple[Document | None, list[Problem]]:
    """Return the document when its form is right, and all that is wrong.

    `known` None: nobody could be asked what exists, so references out of the file are not judged.
    """
    unfit = _unfit(tree)
    if unfit:
        return None, unfit
    assert isinstance(tree, dict)  # noqa: S101 - judged just now
    problems: list[Problem] = []
    document = None
    try:
        document = Document.model_validate(tree)
    except ValidationError as error:
        problems += problems_of(error, tree)
    problems += _dangling(tree, known)
    problems += _same_places(tree)
    problems += _parameters(tree)
    problems += [*_unresolved(document), *_contradictory(document)] if document else []
    return document, list(dict.fromkeys(problems))


def _unfit(tree: object) -> list[Problem]:
    """Refuse what is no mapping, too deep to walk, or holds text that no database takes."""
    if not isinstance(tree, dict):
        return [Problem("", "a document is a mapping of sections")]
    problems: list[Problem] = []
    waiting: list[tuple[str, Any, int]] = [("", tree, 0)]
    while waiting:
        pointer, node, depth = waiting.pop()
        if depth > DEPTH:
            return [Problem(pointer, f"this is nested more than {DEPTH} levels deep")]
        if isinstance(node, str) and not _storable(node):
            problems.append(
                Problem(pointer, "this text holds a character that can't be stored (U+0000 or half a pair)")
            )
        members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for name, value in members:
            if isinstance(name, str) and not _storable(name):
                problems.append(Problem(pointer, "a name here holds a character that can't be stored"))
            else:
                waiting.append((f"{pointer}/{escape(str(name))}", value, depth + 1))
    return problems


def _storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _dangling(tree: dict[str, Any], known: Known | None) -> list[Problem]:
    if known is None:
        return []
    problems: list[Problem] = []
    # Put together once for each kind: a document may have as many references as it has names.
    names = {kind: known.get(kind, frozenset()) | _names(tree, kind) for kind in SECTIONS.values()}
    for pointer, kind, name in _references(tree):
        there = names[kind]
        if isinstance(name, str) and name not in there:
            what = "API" if kind == "api" else kind
            # To look for the nearest takes time: beyond some it helps nobody.
            hint = nearest(name, there) if len(problems) < HINTS_AT_MOST else ""
            problems.append(Problem(pointer, f'there is no {what} "{name}", neither here nor at the server{hint}'))
    return problems


def outside(tree: object) -> list[Problem]:
    """Name the references that lead out of the file: without a server nobody can say whether they lead anywhere."""
    if _unfit(tree) or not isinstance(tree, dict):
        return []
    names = {kind: _names(tree, kind) for kind in SECTIONS.values()}
    return [
        Problem(pointer, f'the {kind} "{name}" is not in the file; whether the server has it was not asked')
        for pointer, kind, name in _references(tree)
        if isinstance(name, str) and name not in names[kind]
    ]


def _names(tree: Mapping[str, Any], kind: Kind) -> set[str]:
    section = next(name for name, of in SECTIONS.items() if of == kind)
    return {str(name) for name, _, _ in _members(tree, section)}


def _members(node: object, name: str, pointer: str = "") -> Iterator[tuple[str, str, Any]]:
    """Give name, pointer and value of a section's members, whatever the rest looks like."""
    section = node.get(name) if isinstance(node, Mapping) else None
    if isinstance(section, Mapping):
        for inner, value in section.items():
            yield str(inner), f"{pointer}/{name}/{escape(str(inner))}", value


def _references(tree: Mapping[str, Any]) -> Iterator[tuple[str, Kind, Any]]:
    """Give every place that names something else: its pointer, the kind of what it names, the name."""
    for _, backend_at, backend in _members(tree, "backends"):
        for _, at, environment in _members(backend, "environments", backend_at):
            credential = environment.get("credential") if isinstance(environment, Mapping) else None
            yield from _named(credential, "issuer", "issuer", f"{at}/credential")
            subject = credential.get("subject") if isinstance(credential, Mapping) else None
            yield from _named(subject, "issuer", "issuer", f"{at}/credential/subject")
    for _, api_at, api in _members(tree, "apis"):
        for _, at, route in _members(api, "routes", api_at):
            yield from _named(route, "backend", "backend", at)
            yield from _versioned(route, "contract", f"{at}/contract")
    for _, at, schema in _members(tree, "schemas"):
        yield from _named(schema, "backend", "backend", at)
    for _, at, contract in _members(tree, "contracts"):
        yield from _named(contract, "api", "api", at)
        yield from _named(contract, "schema", "schema", at)
    for _, plan_at, plan in _members(tree, "plans"):
        yield from _listed(plan, "apis", "api", plan_at)
        yield from _pins(plan, plan_at)
    for _, partner_at, partner in _members(tree, "partners"):
        yield from _pins(partner, partner_at)
        for _, at, application in _members(partner, "applications", partner_at):
            yield from _named(application, "plan", "plan", at)
            yield from _pins(application, at)


def _versioned(node: object, member: str, pointer: str) -> Iterator[tuple[str, Kind, Any]]:
    """Give the contract that a member names, with a version or without."""
    written = node.get(member) if isinstance(node, Mapping) else None
    if isinstance(written, str):
        yield pointer, "contract", written.partition("@")[0]


def _pins(holder: object, pointer: str) -> Iterator[tuple[str, Kind, Any]]:
    pins = holder.get("contracts") if isinstance(holder, Mapping) else None
    for api in pins if isinstance(pins, Mapping) else ():
        at = f"{pointer}/contracts/{escape(str(api))}"
        yield at, "api", api
        yield from _versioned(pins, api, at)


def _named(node: object, member: str, kind: Kind, pointer: str) -> Iterator[tuple[str, Kind, Any]]:
    if isinstance(node, Mapping) and member in node:
        yield f"{pointer}/{member}", kind, node[member]


def _listed(node: object, member: str, kind: Kind, pointer: str) -> Iterator[tuple[str, Kind, Any]]:
    names = node.get(member) if isinstance(node, Mapping) else None
    for position, name in enumerate(names if isinstance(names, list) else []):
        yield f"{pointer}/{member}/{position}", kind, name


def _same_places(tree: Mapping[str, Any]) -> list[Problem]:
    """Find routes that could not be told apart."""
    problems = []
    taken: dict[object, str] = {}
    for api, api_at, body in _members(tree, "apis"):
        for name, at, route in _members(body, "routes", api_at):
            for place in _places(route):
                first = taken.setdefault(place, f"{api}/{name}")
                if first != f"{api}/{name}":
                    method, path = route["method"], route["path"]
                    problems.append(Problem(at, f"{method} {path} can't be told apart from the route {first}"))
                    break
    return problems


def _parameters(tree: Mapping[str, Any]) -> list[Problem]:
    """Find backend paths that use what the partner's path does not have."""
    problems = []
    for _, api_at, api in _members(tree, "apis"):
        for _, at, route in _members(api, "routes", api_at):
            path = route.get("path") if isinstance(route, Mapping) else None
            backend_path = route.get("backend_path") if isinstance(route, Mapping) else None
            if isinstance(path, str) and isinstance(backend_path, str):
                try:
                    check_backend_path(backend_path, path)
                except ValueError as problem:
                    problems.append(Problem(f"{at}/backend_path", str(problem)))
    return problems


def _places(route: object) -> list[object]:
    if not isinstance(route, Mapping):
        return []
    method, path, hosts = route.get("method"), route.get("path"), route.get("hosts")
    well_formed = hosts is None or (isinstance(hosts, list) and all(isinstance(host, str) for host in hosts))
    if not isinstance(method, str) or not isinstance(path, str) or not well_formed:
        return []
    return list(addresses([host.lower() for host in hosts] if hosts else None, method, path))


def _contradictory(document: Document) -> Iterator[Problem]:
    """Find what is right by itself and can't work together: targets and how they are called, a method and its upgrades."""
    for name, backend in document.backends.items():
        for where, one in (("live", backend.environments.live), ("test", backend.environments.test)):
            said = None if one is None else forwarding.terms_of(one.forwarding)
            if one is not None and said is not None:
                at = f"{Ref('backend', name).pointer}/environments/{where}/forwarding"
                found = contradictions(check_targets(one.targets), said)
                yield from (Problem(f"{at}{_in_file(member)}", sentence) for member, sentence in found)
    for name, api in document.apis.items():
        for inner, route in api.routes.items():
            at = Ref("route", f"{name}/{inner}").pointer
            yield from _blamed(
                f"{at}/upgrades", check_upgrades, route.upgrades, route.method, route.backend_method or route.method
            )
            if route.upgrades and not route.passthrough:
                yield Problem(f"{at}/upgrades", "no contract says what passes after a change of protocol")
            yield from _blamed(f"{at}/idempotency_key", check_idempotency_key, route.idempotency_key, route.method)


def _in_file(member: str) -> str:
    return member.removesuffix("_ms")


def _blamed(pointer: str, check: Callable[..., object], *values: object) -> Iterator[Problem]:
    try:
        check(*values)
    except ValueError as problem:
        yield Problem(pointer, str(problem))


def _unresolved(document: Document) -> list[Problem]:
    imports = [
        Problem(
            f"/apis/{name}/import",
            "an import is resolved where the file is read: the command line does, the API takes routes written out",
        )
        for name, api in document.apis.items()
        if api.import_ is not None
    ]
    return imports + [
        Problem(
            f"/schemas/{name}/openapi",
            "a document is read where the file is: the command line does, the API takes its text as `document`",
        )
        for name, schema in document.schemas.items()
        if schema.openapi is not None
    ]
