"""What an OpenAPI document says about values, in one form for 3.0 and 3.1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Type = Literal["null", "boolean", "integer", "number", "string", "array", "object"]
SCALARS: tuple[Type, ...] = ("boolean", "integer", "number", "string")
TYPES: tuple[Type, ...] = ("null", *SCALARS, "array", "object")


@dataclass(frozen=True, slots=True)
class Property:
    """A member that an object is known to have."""

    shape: Shape
    required: bool = False
    read_only: bool = False
    write_only: bool = False


@dataclass(frozen=True, slots=True)
class Variant:
    """One of several shapes that a value may have. `value` is what the discriminator says then; None: it says nothing."""

    shape: Shape
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """What a value may be: of one of `types` under the rules below, or what `ref` is, or what one of `variants` is.

    Rules speak of the types that they fit and of no others, as in JSON Schema. `free` means that the document says
    nothing about the value: anything may come.
    """

    types: frozenset[Type] = frozenset()
    free: bool = False
    ref: str | None = None
    """The name of a component. Besides it, `types` holds "null" or nothing."""
    variants: tuple[Variant, ...] = ()
    discriminator: str | None = None
    exclusive: bool = False
    """Whether exactly one of the variants may fit (oneOf) or several (anyOf)."""

    enum: tuple[Any, ...] | None = None
    format: str | None = None
    pattern: str | None = None
    more_patterns: tuple[str, ...] = ()
    """Of parts that hold together (allOf): each is to be found beside `pattern`."""
    min_length: int | None = None
    max_length: int | None = None
    minimum: int | float | None = None
    maximum: int | float | None = None
    above: int | float | None = None
    below: int | float | None = None
    multiple_of: int | float | None = None
    unheld: str | None = None
    """Why not all that the document says can be held: parts that hold together say it in two ways. None: it can."""

    items: Shape | None = None
    """Of an array. None: anything."""
    min_items: int | None = None
    max_items: int | None = None
    unique: bool = False

    properties: Mapping[str, Property] = field(default_factory=dict)
    others: Shape | None = None
    """What members that are not listed may be. None: the document forbids them, or says nothing about them."""
    closed: bool = False
    """Whether the document forbids members that are not listed."""
    min_members: int | None = None
    max_members: int | None = None

    title: str | None = None
    description: str | None = None
    told: str | None = None
    """What a contract's author says to partners, in place of the backend's description."""
    example: Any = None
    has_example: bool = False
    default: Any = None
    """What stands where the value is absent, by a contract: what backends' documents say of that is not kept."""
    has_default: bool = False
    deprecated: bool = False

    @property
    def nullable(self) -> bool:
        """Whether null is among the types named here. What a component allows is not looked at."""
        return "null" in self.types

    @property
    def inner(self) -> list[Shape]:
        """The shapes that it may be, and of what an array or object of it holds: one level, and no component of `ref`."""
        inner = [variant.shape for variant in self.variants]
        inner += [member.shape for member in self.properties.values()]
        return inner + [shape for shape in (self.items, self.others) if shape is not None]

    def or_null(self) -> Shape:
        """Return the shape that allows null too."""
        enum = self.enum if self.enum is None or None in self.enum else (*self.enum, None)
        return replace(self, types=self.types | {"null"}, enum=enum)


FREE = Shape(free=True)


@dataclass(frozen=True, slots=True)
class Body:
    """What a request or an answer carries."""

    contents: Mapping[str, Shape | None]
    """By media type, in the document's order; None: the document says nothing about the content."""
    required: bool = False
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an operation: in its path, in the query or a header (whose name is in lower case)."""

    name: str
    place: Literal["path", "query", "header"]
    shape: Shape
    required: bool = False
    many: bool = False
    """Whether it may come again (an array, exploded)."""
    description: str | None = None


@dataclass(frozen=True, slots=True)
class SchemaOperation:
    """An operation of the backend's. `path` includes the base path of the document's first server."""

    method: str
    path: str
    operation_id: str | None
    parameters: tuple[Parameter, ...]
    request: Body | None
    answers: Mapping[str, Body]
    """By "200", "4XX" or "default"."""
    summary: str | None = None
    description: str | None = None
    tags: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """How people call it."""
        return self.operation_id or f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Schema:
    """A backend's OpenAPI document, read."""

    title: str
    version: str
    operations: tuple[SchemaOperation, ...]
    components: Mapping[str, Shape]

    def resolve(self, shape: Shape) -> Shape:
        """Return the shape without a reference at its top: null, where it stands beside one, is kept."""
        resolved = shape
        while resolved.ref is not None:
            target = self.components[resolved.ref]
            resolved = target.or_null() if resolved.nullable else target
        return resolved
