"""What of a schema partners may read.

The backend's titles, descriptions and examples were written for people inside, and nobody can tell by program what they give
away: none is shown. A contract's author says what partners read (docs/contracts.md, `describe`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portazgo.contracts.differences.forms import AnySchema, JsonSchema
from portazgo.contracts.mapping.json_schema import TOLD

_OF_INSIDE = frozenset({"title", "description", "example", "examples"})


def without_patterns(node: Any) -> Any:
    """A schema of answers without the patterns of texts: nodes don't check them there, and they tell how the inside is made."""
    if isinstance(node, Mapping):
        # A member may be called `pattern`: its schema is no text.
        return {
            word: without_patterns(value)
            for word, value in node.items()
            if not (word == "pattern" and isinstance(value, str))
        }
    if isinstance(node, list | tuple):
        return [without_patterns(value) for value in node]
    return node


def for_partners(schema: JsonSchema) -> dict[str, Any]:
    """The schema with the author's words in place of the backend's texts and examples."""
    shown: dict[str, Any] = {"description": schema[TOLD]} if TOLD in schema else {}
    for word, value in schema.items():
        if word in {"properties", "patternProperties", "$defs"}:
            shown[word] = {name: _inner(member) for name, member in value.items()}
        elif word in {"oneOf", "anyOf", "allOf", "prefixItems"}:
            shown[word] = [_inner(member) for member in value]
        elif word in {"items", "additionalProperties", "not", "contains", "propertyNames"}:
            shown[word] = _inner(value)
        elif word not in _OF_INSIDE and not word.startswith("x-"):
            shown[word] = value
    return shown


def _inner(schema: AnySchema) -> dict[str, Any] | bool:
    return schema if isinstance(schema, bool) else for_partners(schema)
