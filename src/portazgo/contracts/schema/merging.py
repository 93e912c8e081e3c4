"""Shapes put together: what fits all of several (allOf), and what fits any of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from math import gcd, lcm
from typing import Any, Protocol, TypeVar

from portazgo.contracts.schema.shapes import FREE, SCALARS, TYPES, Property, Shape, Type, Variant
from portazgo.contracts.schema.values import distinct, key_of

VARIANTS_AT_MOST = 64
MULTIPLES_DIGITS = 18  # of a multiple that nodes check
# Those that nodes check (docs/programs.md).
CHECKED_FORMATS = frozenset({"date", "date-time", "time", "email", "uuid", "uri", "ipv4", "ipv6", "hostname"})
Resolve = Callable[[Shape], Shape]
Value = TypeVar("Value")
_NO_TYPES: frozenset[Type] = frozenset()
_OF_A_MERGE = 20
"""Looks that it takes about as long as."""


class TooManyVariants(Exception):
    """Several lists of variants multiply to more than anybody reads."""


class Resolver(Protocol):
    """What components are, and how much more work is done for a document."""

    def __call__(self, shape: Shape, /) -> Shape:
        """Return the shape without a reference at its top."""

    def spend(self, looks: int) -> None:
        """Note so many looks at shapes. Raises where a document takes more of them than any that is sound."""


def all_of(first: Shape, second: Shape, resolve: Resolver) -> Shape:
    """Return the shape of values that fit both. Raises TooManyVariants, and what `spend` raises."""
    resolve.spend(_OF_A_MERGE + len(second.properties))
    if first == second or _says_nothing(second):
        return annotated(first, second)
    if _says_nothing(first):
        return annotated(second, first)
    first, second = resolve(first), resolve(second)
    if first.variants or second.variants:
        return _distributed(first, second, resolve)
    if first.free or second.free:
        return annotated(second, first) if first.free else annotated(first, second)
    merged = Shape(
        types=_common_types(first.types, second.types),
        enum=_common_values(first.enum, second.enum),
        format=_format(first, second),
        pattern=first.pattern or second.pattern,
        more_patterns=_more_patterns(first, second),
        min_length=_most(first.min_length, second.min_length),
        max_length=_least(first.max_length, second.max_length),
        minimum=_most(first.minimum, second.minimum),
        maximum=_least(first.maximum, second.maximum),
        above=_most(first.above, second.above),
        below=_least(first.below, second.below),
        multiple_of=_common_multiple(first.multiple_of, second.multiple_of) or second.multiple_of,
        unheld=first.unheld or second.unheld or _unheld(first, second),
        items=_both(first.items, second.items, resolve),
        min_items=_most(first.min_items, second.min_items),
        max_items=_least(first.max_items, second.max_items),
        unique=first.unique or second.unique,
        properties=_all_properties(first, second, resolve),
        others=_both(first.others, second.others, resolve),
        closed=first.closed or second.closed,
        min_members=_most(first.min_members, second.min_members),
        max_members=_least(first.max_members, second.max_members),
    )
    return annotated(annotated(merged, second), first)


def annotated(shape: Shape, other: Shape) -> Shape:
    """Return the shape with the other's words where it has none of its own."""
    return replace(
        shape,
        title=shape.title or other.title,
        description=shape.description or other.description,
        example=shape.example if shape.has_example else other.example,
        has_example=shape.has_example or other.has_example,
        deprecated=shape.deprecated or other.deprecated,
    )


def any_of(shapes: Sequence[Variant], resolve: Resolver, *, discriminator: str | None, exclusive: bool) -> Shape:
    """Return the shape of values that fit one or some of these. What is one shape in several pieces becomes one."""
    resolve.spend(len(shapes))
    null = any(_only_null(resolve(variant.shape)) for variant in shapes)
    rest = [variant for variant in shapes if not _only_null(resolve(variant.shape))]
    if not rest:
        return Shape(types=frozenset({"null"}))
    if any(variant.shape.free for variant in rest):
        return FREE
    joined = _joined([resolve(variant.shape) for variant in rest]) if len(rest) > 1 else rest[0].shape
    if joined is None:
        joined = Shape(variants=tuple(rest), discriminator=discriminator, exclusive=exclusive)
    return joined.or_null() if null else joined


def united(shape: Shape, resolve: Resolve) -> Shape:
    """Return one shape without variants that takes all that any of the variants takes, type for type (and perhaps more)."""
    flat = list(_flattened(shape, resolve, set()))
    if len(flat) == 1:
        return annotated(flat[0].or_null() if shape.nullable else flat[0], shape)
    if any(one.free for one in flat):
        return annotated(FREE, shape)
    objects = [one for one in flat if "object" in one.types]
    arrays = [one for one in flat if "array" in one.types]
    types = frozenset(kind for one in flat for kind in one.types)
    maps = [one.others for one in objects if one.others is not None]
    return annotated(
        Shape(
            types=(types - {"integer"} if "number" in types else types)
            | (frozenset({"null"}) if shape.nullable else _NO_TYPES),
            items=_either([one.items or FREE for one in arrays]) if arrays else None,
            properties=_united_properties(objects),
            # A map of one variant's would let through what another knows nothing of.
            others=_either(maps) if len(maps) == len(objects) else None,
            closed=bool(objects) and all(one.closed for one in objects),
        ),
        shape,
    )


def _flattened(shape: Shape, resolve: Resolve, seen: set[str]) -> Iterable[Shape]:
    if shape.ref is not None:
        if shape.ref in seen:
            return
        seen.add(shape.ref)
    resolved = resolve(shape)
    if not resolved.variants:
        yield resolved
        return
    if resolved.nullable:
        yield Shape(types=frozenset({"null"}))
    for variant in resolved.variants:
        yield from _flattened(variant.shape, resolve, seen)


def _united_properties(objects: Sequence[Shape]) -> dict[str, Property]:
    names = dict.fromkeys(name for one in objects for name in one.properties)
    properties = {}
    for name in names:
        found = [one.properties[name] for one in objects if name in one.properties]
        properties[name] = Property(
            shape=_either([one.shape for one in found]) or FREE,
            required=len(found) == len(objects) and all(one.required for one in found),
            read_only=all(one.read_only for one in found),
            write_only=all(one.write_only for one in found),
        )
    return properties


def _either(shapes: Sequence[Shape]) -> Shape | None:
    distinct: list[Shape] = []
    for shape in shapes:
        if shape not in distinct:
            distinct.append(shape)
    if not distinct:
        return None
    if len(distinct) == 1:
        return distinct[0]
    return Shape(variants=tuple(Variant(shape) for shape in distinct))


def _joined(shapes: Sequence[Shape]) -> Shape | None:
    """Return one scalar shape for these, where nothing is lost by it: lists of values, or different types."""
    if any(shape.variants or not shape.types or shape.types - {"null", *SCALARS} for shape in shapes):
        return None
    types = frozenset(kind for shape in shapes for kind in shape.types)
    if all(shape.enum is not None for shape in shapes):
        values = distinct(value for shape in shapes for value in shape.enum or ())
        return Shape(types=types, enum=tuple(values), format=shapes[0].format)
    apart = sum(len(shape.types - {"null"}) for shape in shapes) == len(types - {"null"})
    if not apart or {"integer", "number"} <= types or any(shape.enum is not None for shape in shapes):
        return None
    # Rules of different types don't meet; a format is a text's rather than a number's width.
    rules: dict[str, Any] = {
        name: next((getattr(shape, name) for shape in shapes if getattr(shape, name) is not None), None)
        for name in (
            "pattern",
            "unheld",
            "min_length",
            "max_length",
            "minimum",
            "maximum",
            "above",
            "below",
            "multiple_of",
        )
    }
    by_text = sorted(shapes, key=lambda shape: "string" not in shape.types)
    more = by_text[0].more_patterns
    return replace(shapes[0], types=types, format=by_text[0].format, more_patterns=more, **rules)


def _distributed(first: Shape, second: Shape, resolve: Resolver) -> Shape:
    """Both hold: each variant of the one with the other, or with each variant of the other."""
    left = first.variants or (Variant(first),)
    right = second.variants or (Variant(second),)
    if len(left) * len(right) > VARIANTS_AT_MOST:
        raise TooManyVariants
    found = [
        Variant(all_of(one.shape, other.shape, resolve), one.value if first.variants else other.value)
        for one in left
        for other in right
    ]
    kept = first if first.variants else second
    merged = Shape(
        types=first.types & second.types & {"null"},
        variants=tuple(found),
        discriminator=first.discriminator or second.discriminator,
        exclusive=kept.exclusive,
    )
    return annotated(annotated(merged, second), first)


def _all_properties(first: Shape, second: Shape, resolve: Resolver) -> dict[str, Property]:
    merged = dict(first.properties)
    for name, property_ in second.properties.items():
        known = merged.get(name)
        merged[name] = (
            property_
            if known is None
            else Property(
                shape=all_of(known.shape, property_.shape, resolve),
                required=known.required or property_.required,
                read_only=known.read_only or property_.read_only,
                write_only=known.write_only or property_.write_only,
            )
        )
    return merged


def _both(first: Shape | None, second: Shape | None, resolve: Resolver) -> Shape | None:
    if first is None or second is None:
        return first or second
    return all_of(first, second, resolve)


def _more_patterns(first: Shape, second: Shape) -> tuple[str, ...]:
    """Return the patterns that hold beside the one that the merged shape has."""
    found = [pattern for shape in (first, second) for pattern in (shape.pattern, *shape.more_patterns) if pattern]
    return tuple(dict.fromkeys(found))[1:]


def _format(first: Shape, second: Shape) -> str | None:
    """Return the format that is checked where only one of two is: the others only tell readers something."""
    if first.format in CHECKED_FORMATS and second.format not in CHECKED_FORMATS:
        return first.format
    return second.format or first.format


def _unheld(first: Shape, second: Shape) -> str | None:
    if first.format != second.format and {first.format, second.format} <= CHECKED_FORMATS:
        return f"one value has the formats {first.format} and {second.format}, and only one can be checked"
    if first.multiple_of and second.multiple_of and _common_multiple(first.multiple_of, second.multiple_of) is None:
        one, other = (f"{multiple!s:.40}" for multiple in (first.multiple_of, second.multiple_of))
        return f"one number is a multiple of {one} and of {other}, and only one can be checked"
    return None


def _common_multiple(first: float | None, second: float | None) -> int | float | None:
    """Return the least number that both divide, as decimals; None: nobody says one, or no number of ours is it."""
    if not first or not second:
        return first or second
    one, other = Fraction(repr(first)), Fraction(repr(second))
    common = Fraction(lcm(one.numerator, other.numerator), gcd(one.denominator, other.denominator))
    if common >= 10**MULTIPLES_DIGITS:
        return None
    written = common.numerator if common.denominator == 1 else float(common)
    spelt = repr(written)
    is_exact = Fraction(spelt) == common and len(spelt.replace(".", "").lstrip("0")) <= MULTIPLES_DIGITS
    return written if is_exact else None


def _common_types(first: frozenset[Type], second: frozenset[Type]) -> frozenset[Type]:
    common = first & second
    if ("integer" in first and "number" in second) or ("number" in first and "integer" in second):
        common |= {"integer"}
    return common


def _common_values(first: tuple[Any, ...] | None, second: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
    if first is None or second is None:
        return first if second is None else second
    known = {key_of(value) for value in second}
    return tuple(value for value in first if key_of(value) in known)


def _only_null(shape: Shape) -> bool:
    return shape.types == {"null"} and not shape.variants and shape.ref is None


def _says_nothing(shape: Shape) -> bool:
    return shape.free


def _most(first: Any, second: Any) -> Any:
    return max((value for value in (first, second) if value is not None), default=None)


def _least(first: Any, second: Any) -> Any:
    return min((value for value in (first, second) if value is not None), default=None)


def in_order(types: Iterable[Type]) -> list[Type]:
    """Return types in one fixed order, whatever order a set has them in."""
    found = set(types)
    return [kind for kind in TYPES if kind in found]
