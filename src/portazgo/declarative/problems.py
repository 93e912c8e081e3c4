"""What is wrong with a document: where, in a sentence, with the nearest that would be right. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import ValidationError

from portazgo.declarative.document import (
    CONTRACT_PATTERN,
    ISSUER_URL_PATTERN,
    PATH_PATTERN,
    PIN_PATTERN,
    Document,
)
from portazgo.declarative.domain import escape
from portazgo.declarative.words import DURATION_PATTERN
from portazgo.kit.forms import FORMS, lacks
from portazgo.kit.values import kind_of
from portazgo.partners.domain import METADATA_NAME_PATTERN

_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_FORMS = {
    **FORMS,
    PATH_PATTERN: "is no path: it begins with a slash and has no blanks",
    DURATION_PATTERN: "is no duration: a whole number and one of ms, s, m, h, d, such as 30s",
    METADATA_NAME_PATTERN: "is no name for metadata: 1 to 64 letters, digits, '_', '.' and '-'",
    CONTRACT_PATTERN: "names no contract: its name, or its name and a version, such as badges-basic@2026-11-26",
    PIN_PATTERN: "names no version: a contract's name and the version's, such as badges-basic@2026-11-26",
    ISSUER_URL_PATTERN: "is no issuer's URL: http:// or https://, a host, perhaps a path",
}
_BOUNDS = frozenset(
    {
        "greater_than_equal",
        "less_than_equal",
        "less_than",
        "too_long",
        "too_short",
        "string_too_long",
        "string_too_short",
    }
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `pointer` (RFC 6901) leads to the value, or to the parent of what is missing."""

    pointer: str
    message: str


def nearest(word: object, among: Iterable[str]) -> str:
    """Give the end of a sentence: `; did you mean "x"?`, or what there is to choose from, or nothing."""
    known = sorted(among)
    near = difflib.get_close_matches(str(word), known, n=1)
    if near:
        return f'; did you mean "{near[0]}"?'
    return f" (there is: {', '.join(known)})" if 0 < len(known) <= _NAMED_AT_MOST else ""


_NAMED_AT_MOST = 12


def problems_of(error: ValidationError, tree: object) -> list[Problem]:
    """Say what pydantic found in the words of the file."""
    return [_problem(dict(one), tree) for one in error.errors(include_url=False)]


def _problem(one: dict[str, Any], tree: object) -> Problem:
    path = _path(one["loc"], tree)
    if one["type"] == "union_tag_invalid":
        path.append(_discriminator(one))
    pointer = "".join(f"/{escape(str(step))}" for step in path)
    return Problem(pointer, _message(one, path))


def _path(loc: Sequence[str | int], tree: object) -> list[str | int]:
    """Keep the steps that the document has: pydantic names variants and missing members too."""
    path: list[str | int] = []
    node: Any = tree
    for step in loc:
        if _has(node, step):
            node = node[step]
            path.append(step)
    return path


def _has(node: object, step: str | int) -> bool:
    if isinstance(node, list):
        return isinstance(step, int) and step < len(node)
    return isinstance(node, Mapping) and step in node


def _message(one: dict[str, Any], path: Sequence[str | int]) -> str:  # noqa: PLR0911 - one sentence per type of error
    kind, given, context = one["type"], one.get("input"), one.get("ctx") or {}
    if kind == "extra_forbidden":
        return f'there is no member "{path[-1]}" here{nearest(path[-1], _members(path[:-1]))}'
    if kind in {"missing", "union_tag_not_found"}:
        member = one["loc"][-1] if kind == "missing" else _discriminator(one)
        return f'"{member}" is missing'
    if kind == "union_tag_invalid":
        tags = [tag.strip(" '") for tag in context["expected_tags"].split(",")]
        return f'"{context["tag"]}" is none of {", ".join(tags)}{nearest(context["tag"], tags)}'
    if kind == "literal_error":
        return _literal(given, context["expected"])
    if kind == "value_error":
        return str(context["error"])
    if kind == "string_pattern_mismatch":
        return f"{_shown(given)} {lacks(context['pattern'], _FORMS)}"
    if kind in _TYPES:
        return f"this is {kind_of(given)}, and must be {_TYPES[kind]}"
    if kind in _BOUNDS:
        return f"{_shown(given)} is out of bounds: {one['msg'][0].lower()}{one['msg'][1:]}"
    return str(one["msg"])


def _discriminator(one: Mapping[str, Any]) -> str:
    return str(one["ctx"]["discriminator"]).strip("'")


def _literal(given: object, expected: str) -> str:
    words = [word.strip(" '") for word in expected.replace(" or ", ", ").split(",")]
    if words == ["True"]:
        return "this must be true: that bodies pass unprojected is to be said explicitly"
    hint = nearest(given, words) if len(words) > 1 and isinstance(given, str) else ""
    return f"{_shown(given)} is none of {', '.join(words)}{hint.split(' (there is')[0]}"


def _shown(value: object) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _SHOWN_AT_MOST else text[:_SHOWN_AT_MOST] + "…"


_SHOWN_AT_MOST = 80


@cache
def _schema() -> dict[str, Any]:
    return Document.model_json_schema()


def _members(path: Sequence[str | int]) -> list[str]:
    """Name the members that a mapping at this path can have, by the JSON schema."""
    found = [_schema()]
    for step in path:
        found = [inner for schema in found for inner in _inside(schema, step)]
    of_files = set() if path else {"include", "settings"}
    return sorted({name for schema in found for name in schema.get("properties", {})} | of_files)


def _variants(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Follow references and alternatives to schemas that say something."""
    if "$ref" in schema:
        return _variants(_schema()["$defs"][schema["$ref"].rpartition("/")[2]])
    several = schema.get("anyOf") or schema.get("oneOf")
    return [one for variant in several for one in _variants(variant)] if several else [schema]


def _inside(schema: dict[str, Any], step: str | int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if isinstance(step, int):
        found = [schema["items"]] if isinstance(schema.get("items"), dict) else []
    elif step in schema.get("properties", {}):
        found = [schema["properties"][step]]
    else:
        further = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
        found = [one for one in further if isinstance(one, dict)]
    return [variant for one in found for variant in _variants(one)]
