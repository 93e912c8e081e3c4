"""The partner's document for who reads it: what each operation needs of a key, and those operations alone that one may call."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from portazgo.contracts.document.components import reached

Document = Mapping[str, Any]
_OF_ALL = "securitySchemes"
"""The document as a whole names them, whatever operations it has."""


def operations_of(document: Document) -> list[str]:
    """Name the operations, by their ids, in the document's order."""
    return [operation["operationId"] for item in document["paths"].values() for operation in item.values()]


def with_scopes(document: Document, scopes: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Say which scopes a key needs, all of them, by the operation's id; of one that needs none, nothing.

    They stand in the operation's `security`, as roles do of a scheme that is not OAuth's (OpenAPI 3.1.0, 4.8.30).
    """
    schemes = document["components"][_OF_ALL]

    def told(operation: Document) -> Document:
        needed = list(scopes.get(operation["operationId"], ()))
        return {**operation, "security": [{scheme: needed} for scheme in schemes]} if needed else operation

    paths = {
        path: {method: told(operation) for method, operation in item.items()}
        for path, item in document["paths"].items()
    }
    return {**document, "paths": paths}


def cut_to(document: Document, operations: Collection[str]) -> dict[str, Any]:
    """Give the document of these operations, with the components that they lead to and no others."""
    paths = dict(_kept(document["paths"].items(), operations))
    known = document["components"]
    used = reached(paths, known)
    components = {
        section: members if section == _OF_ALL else {name: members[name] for name in members if name in used[section]}
        for section, members in known.items()
    }
    return {**document, "paths": paths, "components": components}


def _kept(paths: Iterable[tuple[str, Document]], operations: Collection[str]) -> Iterable[tuple[str, Document]]:
    for path, item in paths:
        kept = {method: one for method, one in item.items() if one["operationId"] in operations}
        if kept:
            yield path, kept
