"""The partner's document for who reads it: which operations there are, and what each needs of a key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Document = Mapping[str, Any]
OF_ALL = "securitySchemes"
"""The section of components that the document as a whole names, whatever operations it has."""


def operations_of(document: Document) -> list[str]:
    """Name the operations, by their ids, in the document's order."""
    return [operation["operationId"] for item in document["paths"].values() for operation in item.values()]


def with_scopes(document: Document, scopes: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Say which scopes a key needs, all of them, by the operation's id; of one that needs none, nothing.

    They stand in the operation's `security`, as roles do of a scheme that is not OAuth's (OpenAPI 3.1.0, 4.8.30).
    """
    schemes = document["components"][OF_ALL]

    def told(operation: Document) -> Document:
        needed = list(scopes.get(operation["operationId"], ()))
        return {**operation, "security": [{scheme: needed} for scheme in schemes]} if needed else operation

    paths = {
        path: {method: told(operation) for method, operation in item.items()}
        for path, item in document["paths"].items()
    }
    return {**document, "paths": paths}
