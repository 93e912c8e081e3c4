"""From a schema object of OpenAPI 3.0 or 3.1 to a shape."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import isfinite
from typing import Any, TypeGuard
from urllib.parse import unquote

from portazgo.contracts.schema.merging import Resolve, TooManyVariants, all_of, annotated, any_of
from portazgo.contracts.schema.shapes import FREE, TYPES, Property, Shape, Type, Variant
from portazgo.contracts.schema.values import is_json
from portazgo.routes.openapi.places import escape, follow, steps
from portazgo.routes.openapi.refused import DocumentRefused

_ANNOTATIONS = frozenset(
    {"title", "description", "example", "examples", "deprecated", "summary", "$comment", "default"}
)
LOOKS_AT_MOST = 2_000_000
"""At shapes that are put together, or compared, for one document."""
_NO_JSON = "one of the values is none that JSON can say: an infinite number, or what holds itself"
_NEVER = Shape()
_TYPES_OF_VALUES: tuple[tuple[type, Type], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (list, "array"),
    (dict, "object"),
)


def type_of(value: object) -> Type:
    """Name the JSON type of a value as Python reads it."""
    if value is None:
        return "null"
    return next((name for kind, name in _TYPES_OF_VALUES if isinstance(value, kind)), "string")


class _Resolver:
    """Finds what components are while parts of schemas are put together, and ends what would go on for ever."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._left = LOOKS_AT_MOST

    def __call__(self, shape: Shape, /) -> Shape:
        return self._resolve(shape)

    def spend(self, looks: int) -> None:
        """Note so many looks. Raises DocumentRefused when there were too many: parts of parts multiply."""
        self._left -= looks
        if self._left < 0:
            raise DocumentRefused(
                "the schemas are put together of too many parts (allOf, oneOf, anyOf, prefixItems): parts of parts?"
            )


class Normaliser:
    """Reads the schema objects of one document; components become shapes of their own when somebody refers to them."""

    def __init__(self, tree: dict[str, Any]) -> None:
        self._tree = tree
        self._resolver = _Resolver(self.resolve)
        self._numbers: dict[str, int] = {}  # the last that a name was given
        self._names: dict[str, str] = {}  # of components, by reference
        self._references: dict[str, str] = {}
        self._done: dict[str, Shape] = {}
        self._partly: dict[str, Shape] = {}  # of those that are being read

    def components(self) -> dict[str, Shape]:
        """Return every component that was referred to, and those that they refer to."""
        while waiting := [name for name in self._references if name not in self._done]:
            for name in waiting:
                self.component(name)
        return dict(self._done)

    def shape(self, node: object, pointer: str) -> Shape:
        """Read one schema object. Raises DocumentRefused."""
        if isinstance(node, bool):
            return FREE if node else _NEVER
        if not isinstance(node, dict):
            raise DocumentRefused("the schema is not an object", pointer=pointer)
        reference = node.get("$ref")
        if isinstance(reference, str):
            referred = Shape(ref=self._name(reference, pointer))
            rest = {name: value for name, value in node.items() if name != "$ref"}
            if rest.keys() <= _ANNOTATIONS:
                return annotated(referred, _words(rest))
            # A rule beside a reference: both hold (3.1); 3.0 leaves it undefined, generators mean the same.
            node = {**rest, "allOf": [*_listed(rest, "allOf", pointer), {"$ref": reference}]}
        return self._combined(node, pointer, self._own(node, pointer))

    def resolve(self, shape: Shape) -> Shape:
        """Return the shape without a reference at its top."""
        while shape.ref is not None:
            target = self.component(shape.ref)
            shape = annotated(target.or_null() if shape.nullable else target, shape)
        return shape

    def component(self, name: str) -> Shape:
        """Return a component's shape; while it is being read, as much of it as is known."""
        if name in self._done:
            return self._done[name]
        if name in self._partly:
            return self._partly[name]
        pointer = self._references[name]
        node = follow(self._tree, pointer)
        if not isinstance(node, dict) or "$ref" in node:
            self._partly[name] = FREE
            shape = self.shape(node, pointer)
        else:
            # Its members may name it again: what it says of itself is not needed for those. A base may name its
            # variants, and they the base (springdoc): each is read without the other then.
            self._partly[name] = Shape(types=_types(node, pointer) or _implied(node, _enum(node)) or frozenset())
            self._partly[name] = own = self._own(node, pointer)
            shape = self._combined(node, pointer, own)
        self._check_arrives(name, shape, pointer)
        self._done[name] = shape
        del self._partly[name]
        return shape

    def _check_arrives(self, name: str, shape: Shape, pointer: str) -> None:
        """Refuse a component that is itself alone: variants of which one is left may be a reference, and lead back."""
        while shape.ref is not None:
            if shape.ref == name:
                raise DocumentRefused("the schema is nothing but itself", pointer=pointer)
            if shape.ref not in self._done:
                return  # It is looked at when it is done.
            shape = self._done[shape.ref]

    def _name(self, reference: str, pointer: str) -> str:
        if reference in self._names:
            return self._names[reference]
        if not reference.startswith("#/"):
            raise DocumentRefused(f"the reference {reference[:200]!r} is not followed in a schema", pointer=pointer)
        target = unquote(reference[1:])
        wanted = _component_name(steps(target)[-1])
        name, number = wanted, self._numbers.get(wanted, 1)
        while name in self._references:
            number += 1
            name = f"{wanted}{number}"
        self._numbers[wanted] = number
        self._names[reference] = name
        self._references[name] = target
        return name

    def _combined(self, node: dict[str, Any], pointer: str, shape: Shape) -> Shape:
        words = _words(node)
        try:
            for index, part in enumerate(_listed(node, "allOf", pointer)):
                shape = all_of(shape, self.shape(part, f"{pointer}/allOf/{index}"), self._resolver)
            for keyword in ("oneOf", "anyOf"):
                if keyword in node:
                    shape = all_of(shape, self._variants(node, keyword, pointer), self._resolver)
        except TooManyVariants:
            raise DocumentRefused("the variants of the schema multiply to more than 64", pointer=pointer) from None
        shape = _with_required(shape, node, pointer)
        if node.get("nullable") is True and not shape.free:
            shape = shape.or_null()
        # What stands here is nearer than what the parts say of themselves.
        return annotated(annotated(replace(shape, title=None, description=None), words), shape)

    def _variants(self, node: dict[str, Any], keyword: str, pointer: str) -> Shape:
        parts = _listed(node, keyword, pointer)
        discriminator = node.get("discriminator")
        told = discriminator if isinstance(discriminator, dict) else {}
        name = told.get("propertyName")
        mapping = told.get("mapping") if isinstance(told.get("mapping"), dict) else {}
        variants: list[Variant] = []
        for index, part in enumerate(parts):
            shape = self.shape(part, f"{pointer}/{keyword}/{index}")
            values = self._values(shape, mapping) if isinstance(name, str) else [None]
            variants += [Variant(shape, value) for value in values]
        return any_of(
            variants,
            self._resolver,
            discriminator=name if isinstance(name, str) else None,
            exclusive=keyword == "oneOf",
        )

    def _values(self, shape: Shape, mapping: Any) -> list[str | None]:
        if shape.ref is None:
            return [None]
        found: list[str | None] = [
            str(value)
            for value, target in mapping.items()
            if isinstance(target, str) and self._points_to(target, shape.ref)
        ]
        return found or [shape.ref]

    def _points_to(self, target: str, component: str) -> bool:
        """Tell whether a word of a discriminator means the component. It may mean what no variant is, or nothing."""
        return unquote(target[1:]) == self._references[component] if target.startswith("#") else target == component

    def _own(self, node: dict[str, Any], pointer: str) -> Shape:
        """Read what the node says itself, apart from what it is composed of."""
        types = _types(node, pointer)
        enum = _enum(node)
        if enum is not None and not all(is_json(value) for value in enum):
            raise DocumentRefused(_NO_JSON, pointer=f"{pointer}/{'const' if 'const' in node else 'enum'}")
        if types is None:
            types = _implied(node, enum)
        if types is None:
            return FREE
        if enum is not None:
            types &= frozenset(_with_integers(type_of(value) for value in enum)) | {"null"}
            if node.get("nullable") is not True and None not in enum:
                types -= {"null"}
        minimum, above = _bound(node, "minimum", "exclusiveMinimum")
        maximum, below = _bound(node, "maximum", "exclusiveMaximum")
        return Shape(
            types=types,
            enum=enum,
            format=_text(node, "format"),
            pattern=_text(node, "pattern"),
            min_length=_count(node, "minLength"),
            max_length=_count(node, "maxLength"),
            minimum=minimum,
            maximum=maximum,
            above=above,
            below=below,
            multiple_of=_number(node, "multipleOf"),
            items=self._items(node, pointer) if "array" in types else None,
            min_items=_count(node, "minItems"),
            max_items=_count(node, "maxItems"),
            unique=node.get("uniqueItems") is True,
            properties=self._properties(node, pointer) if "object" in types else {},
            others=self._others(node, pointer) if "object" in types else None,
            closed=node.get("additionalProperties") is False or node.get("unevaluatedProperties") is False,
            min_members=_count(node, "minProperties"),
            max_members=_count(node, "maxProperties"),
        )

    def _items(self, node: dict[str, Any], pointer: str) -> Shape | None:
        """What items may be; of a tuple: what any of its places may have, since an array is transparent in paths."""
        places = _listed(node, "prefixItems", pointer)
        items = node.get("items", None if not places else False)
        shapes = [self.shape(place, f"{pointer}/prefixItems/{index}") for index, place in enumerate(places)]
        if items is not None and items is not False:
            shapes.append(self.shape(items, f"{pointer}/items"))
        self._resolver.spend(len(shapes) ** 2 // 2)
        distinct = [shape for index, shape in enumerate(shapes) if shape not in shapes[:index]]
        if not distinct:
            return None
        if len(distinct) == 1:
            return distinct[0]
        return any_of([Variant(shape) for shape in distinct], self._resolver, discriminator=None, exclusive=False)

    def _properties(self, node: dict[str, Any], pointer: str) -> dict[str, Property]:
        declared = node.get("properties", {})
        if not isinstance(declared, dict):
            raise DocumentRefused("properties is not an object", pointer=f"{pointer}/properties")
        properties = {}
        for name, schema in declared.items():
            if schema is False:
                continue
            properties[str(name)] = Property(
                shape=self.shape(schema, f"{pointer}/properties/{escape(str(name))}"),
                read_only=self._says(schema, "readOnly"),
                write_only=self._says(schema, "writeOnly"),
            )
        return properties

    def _says(self, schema: object, word: str) -> bool:
        """Tell whether a member's schema says the word, or what it refers to, or one of its parts."""
        waiting, seen = [schema], set[str]()
        while waiting:
            node = waiting.pop()
            if not isinstance(node, dict):
                continue
            if node.get(word) is True:
                return True
            reference = node.get("$ref")
            if isinstance(reference, str) and reference.startswith("#/") and reference not in seen:
                seen.add(reference)
                waiting.append(follow(self._tree, unquote(reference[1:])))
                self._resolver.spend(1)
            for keyword in ("allOf", "oneOf", "anyOf"):
                parts = node.get(keyword)
                # Of variants, each may be meant: one that is hidden hides the member.
                waiting += parts if isinstance(parts, list) else []
                self._resolver.spend(len(parts) if isinstance(parts, list) else 0)
        return False

    def _others(self, node: dict[str, Any], pointer: str) -> Shape | None:
        declared = node.get("additionalProperties")
        if declared is None or isinstance(declared, bool):
            # An object about which nothing at all is said is free-form; one with members merely does not forbid others.
            free = declared is True or (declared is None and not node.get("properties") and not _composed(node))
            return FREE if free else None
        return self.shape(declared, f"{pointer}/additionalProperties")


def _composed(node: dict[str, Any]) -> bool:
    return any(keyword in node for keyword in ("allOf", "oneOf", "anyOf", "patternProperties"))


def _with_required(shape: Shape, node: dict[str, Any], pointer: str) -> Shape:
    names = [name for name in _listed(node, "required", pointer) if isinstance(name, str)]
    if not names:
        return shape
    if shape.variants:
        return replace(
            shape,
            variants=tuple(
                replace(variant, shape=_require(variant.shape, names)) if variant.shape.ref is None else variant
                for variant in shape.variants
            ),
        )
    return _require(shape, names)


def _require(shape: Shape, names: Iterable[str]) -> Shape:
    if "object" not in shape.types:
        return shape
    properties = dict(shape.properties)
    for name in names:
        properties[name] = replace(properties.get(name, Property(shape.others or FREE)), required=True)
    return replace(shape, properties=properties)


def _words(node: dict[str, Any]) -> Shape:
    examples = node.get("examples")
    example = node.get("example", examples[0] if isinstance(examples, list) and examples else None)
    has_example = ("example" in node or (isinstance(examples, list) and bool(examples))) and is_json(example)
    return Shape(
        title=_text(node, "title"),
        description=_text(node, "description"),
        example=example if has_example else None,
        has_example=has_example,
        deprecated=node.get("deprecated") is True,
    )


def _types(node: dict[str, Any], pointer: str) -> frozenset[Type] | None:
    declared = node.get("type")
    if declared is None:
        return None
    names = declared if isinstance(declared, list) else [declared]
    types: set[Type] = set()
    for name in names:
        if not _is_type(name):
            raise DocumentRefused(f"{name!r} is no type of JSON Schema", pointer=f"{pointer}/type")
        types.add(name)
    if node.get("nullable") is True:
        types.add("null")
    return frozenset(types - {"integer"} if "number" in types else types)


def _is_type(name: object) -> TypeGuard[Type]:
    return name in TYPES


def _implied(node: dict[str, Any], enum: tuple[Any, ...] | None) -> frozenset[Type] | None:
    if enum is not None:
        return frozenset(type_of(value) for value in enum)
    if "properties" in node or isinstance(node.get("additionalProperties"), dict):
        return frozenset({"object"})
    if "required" in node and not _composed(node):
        return frozenset({"object"})
    if "items" in node or "prefixItems" in node:
        return frozenset({"array"})
    if "pattern" in node or "minLength" in node or "maxLength" in node or "format" in node:
        return frozenset({"string"})
    return None


def _with_integers(types: Iterable[Type]) -> Iterable[Type]:
    for kind in types:
        yield kind
        if kind == "integer":
            yield "number"


def _enum(node: dict[str, Any]) -> tuple[Any, ...] | None:
    if "const" in node:
        return (node["const"],)
    values = node.get("enum")
    return tuple(values) if isinstance(values, list) else None


def _bound(node: dict[str, Any], inclusive: str, exclusive: str) -> tuple[int | float | None, int | float | None]:
    """Read a bound: `exclusiveMinimum` is a number in 3.1, and a word about `minimum` in 3.0."""
    bound, strict = _number(node, inclusive), node.get(exclusive)
    if strict is True:
        return None, bound
    return bound, _number(node, exclusive)


def _number(node: dict[str, Any], name: str) -> int | float | None:
    value = node.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    # An integer is finite, and may be larger than every number that `isfinite` takes.
    return value if isinstance(value, int) or isfinite(value) else None


def _count(node: dict[str, Any], name: str) -> int | None:
    value = _number(node, name)
    return int(value) if value is not None and value >= 0 else None


def _text(node: dict[str, Any], name: str) -> str | None:
    value = node.get(name)
    return value if isinstance(value, str) else None


def _listed(node: dict[str, Any], name: str, pointer: str) -> list[Any]:
    value = node.get(name, [])
    if not isinstance(value, list):
        # OpenAPI has no boolean `required` in schemas; Swagger 2 habits survive and mean nothing.
        if name == "required":
            return []
        raise DocumentRefused(f"{name} is not a list", pointer=f"{pointer}/{name}")
    return value


def _component_name(text: str) -> str:
    """Make a name that OpenAPI allows for a component."""
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "_" for letter in text)
