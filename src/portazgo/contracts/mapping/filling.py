"""What fills a member of a request, or a parameter."""

from __future__ import annotations

from typing import Any

from portazgo.backends.claims import check_fill
from portazgo.contracts.language.operators import Value
from portazgo.contracts.language.problems import Problems
from portazgo.contracts.mapping.places import Places
from portazgo.contracts.schema.fitting import unfit
from portazgo.contracts.schema.shapes import Shape, Type

_PREFERRED: tuple[Type, ...] = ("string", "integer", "number", "boolean")


def misfit_of_value(places: Places, value: Value, shape: Shape) -> str | None:
    """Say why the value can't fill a place of this shape; None: it can."""
    if value.kind == "const":
        return unfit(places.schema, shape, value.content)
    if places.is_free(shape):
        return None
    scalars = places.scalars(shape)
    if not scalars:
        return "it is no single value, so write {const: …}"
    if value.kind == "template":
        return None
    needed: set[Type] = {"integer", "number"} if value.content == "now-unix" else {"string"}
    if scalars & needed:
        return None
    return f"{value.content} is of type {min(needed)}, and the schema has {' or '.join(sorted(scalars))} here"


def check_claims(value: Value, at: str, claims: frozenset[str] | None, problems: Problems) -> None:
    """Note the claims that the value reads and no token of the backend's says: every call would fail."""
    if value.kind != "template" or claims is None:
        return
    for name in sorted(check_fill(value.content) - claims):
        if claims:
            problems.unknown(at, "the backend's token has no claim", name, claims)
        else:
            problems.add(at, f"calls to the backend carry no token of ours, so there is no claim {name!r}")


def filled_type(places: Places, shape: Shape) -> Type:
    """Return the type that a template's value is written as."""
    scalars = places.scalars(shape)
    return next((kind for kind in _PREFERRED if kind in scalars), "string")


def write_value(value: Value, kind: Type) -> dict[str, Any]:
    """Write VALUE of docs/programs.md."""
    if value.kind == "template":
        return {"template": value.content, "type": kind}
    return {value.kind: value.content}
