"""OpenAPI documents as generators write them, read to one form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from portazgo.contracts.schema import DocumentRefused, Schema, read_schema
from portazgo.contracts.schema.shapes import FREE, Property, Shape

DOCUMENTS = Path(__file__).parents[2] / "cases" / "openapi"
TEXT = Shape(types=frozenset({"string"}))
NUMBER = Shape(types=frozenset({"integer"}))


def read(components: dict[str, Any], version: str = "3.1.0") -> Schema:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Root"}}}
    return read_schema(
        json.dumps(
            {
                "openapi": version,
                "info": {"title": "t", "version": "1"},
                "paths": {"/a": {"get": {"responses": {"200": {"description": "", "content": content}}}}},
                "components": {"schemas": components},
            }
        )
    )


def root(schema: dict[str, Any], version: str = "3.1.0", **others: Any) -> Shape:
    return read({"Root": schema, **others}, version).components["Root"]


def test_null_is_a_type_in_both_versions() -> None:
    expected = Shape(types=frozenset({"string", "null"}))
    assert root({"type": "string", "nullable": True}, "3.0.3") == expected
    assert root({"type": ["string", "null"]}) == expected
    assert root({"anyOf": [{"type": "string"}, {"type": "null"}]}) == expected


def test_a_reference_that_may_be_null_stays_a_reference() -> None:
    other = {"type": "object", "properties": {"a": {"type": "integer"}}}
    holder = {
        "type": "object",
        "properties": {"o": {"anyOf": [{"$ref": "#/components/schemas/Other"}, {"type": "null"}]}},
    }
    assert root(holder, Other=other).properties["o"].shape == Shape(ref="Other", types=frozenset({"null"}))


def test_parts_of_all_of_are_one() -> None:
    base = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}
    schema = {
        "allOf": [{"$ref": "#/components/schemas/Base"}, {"properties": {"name": {"type": "string"}}}],
        "required": ["name"],
    }
    shape = root(schema, Base=base)
    assert shape.properties == {"id": Property(NUMBER, required=True), "name": Property(TEXT, required=True)}


def test_values_of_several_enumerations_are_one() -> None:
    schema = {"oneOf": [{"$ref": "#/components/schemas/Status"}, {"enum": [""]}, {"enum": [None]}], "nullable": True}
    shape = root(schema, "3.0.3", Status={"type": "string", "enum": ["open"]})
    assert shape.enum == ("open", "", None)
    assert sorted(shape.types) == ["null", "string"]


def test_exclusive_bounds_of_both_versions() -> None:
    assert root({"type": "number", "minimum": 1, "exclusiveMinimum": True}, "3.0.3").above == 1
    assert root({"type": "number", "exclusiveMinimum": 1}).above == 1


def test_what_nothing_is_said_of_is_free() -> None:
    assert root({}) == FREE
    assert root({"type": "object"}).others == FREE
    assert root({"type": "object", "additionalProperties": {"type": "integer"}}).others == NUMBER
    assert root({"type": "object", "properties": {"a": {}}}).others is None


def test_words_of_a_discriminator_that_mean_no_variant_say_nothing() -> None:
    pets = {name: {"type": "object", "properties": {"kind": {"type": "string"}}} for name in ("Cat", "Dog", "Bird")}
    mapping = {
        "feline": "#/components/schemas/C%61t",
        "bird": "#/components/schemas/Bird",
        "fish": "#/components/schemas/Fish",
    }
    variants = [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}]
    schema = read({"Root": {"oneOf": variants, "discriminator": {"propertyName": "kind", "mapping": mapping}}, **pets})
    assert [variant.value for variant in schema.components["Root"].variants] == ["feline", "Dog"]
    assert schema.components.keys() == {"Root", "Cat", "Dog"}


def test_variants_keep_what_the_discriminator_says() -> None:
    cat = {"type": "object", "properties": {"kind": {"type": "string"}}}
    schema = {
        "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}],
        "discriminator": {"propertyName": "kind", "mapping": {"feline": "#/components/schemas/Cat"}},
    }
    shape = root(schema, Cat=cat, Dog={**cat, "required": ["kind"]})
    assert shape.discriminator == "kind"
    assert [(variant.shape.ref, variant.value) for variant in shape.variants] == [("Cat", "feline"), ("Dog", "Dog")]


def test_a_base_that_names_its_variants_which_name_it_is_read() -> None:
    base = {
        "type": "object",
        "properties": {"id": {"type": "integer"}},
        "oneOf": [{"$ref": "#/components/schemas/Cat"}],
    }
    cat = {
        "allOf": [
            {"$ref": "#/components/schemas/Base"},
            {"type": "object", "properties": {"lives": {"type": "integer"}}},
        ]
    }
    components = read({"Root": {"$ref": "#/components/schemas/Base"}, "Base": base, "Cat": cat}).components
    assert set(components["Cat"].properties) == {"id", "lives"}


def test_a_schema_that_holds_itself_stays_finite() -> None:
    tree = {
        "type": "object",
        "properties": {"below": {"type": "array", "items": {"$ref": "#/components/schemas/Root"}}},
    }
    assert root(tree).properties["below"].shape.items == Shape(ref="Root")


def test_variants_that_multiply_are_refused() -> None:
    many = {"oneOf": [{"type": "object", "properties": {f"p{n}": {"type": "integer"}}} for n in range(9)]}
    with pytest.raises(DocumentRefused, match="multiply to more than 64"):
        root({"allOf": [many, many | {"title": "other"}]})


def test_all_that_parts_say_of_one_value_holds() -> None:
    text = root(
        {"allOf": [{"type": "string", "pattern": "^a"}, {"pattern": "b$"}, {"pattern": "^a"}, {"pattern": "c"}]}
    )
    assert (text.pattern, text.more_patterns) == ("^a", ("b$", "c"))
    for first, second, together in ((4, 6, 12), (0.1, 0.25, 0.5), (0.01, 1, 1), (3, None, 3)):
        number = root({"allOf": [{"type": "number", "multipleOf": first}, {"type": "number", "multipleOf": second}]})
        assert (number.multiple_of, number.unheld) == (together, None)
    known = root({"allOf": [{"type": "string", "format": "email"}, {"type": "string", "format": "x-mail"}]})
    assert (known.format, known.unheld) == ("email", None)


def test_what_parts_say_in_two_ways_is_noted() -> None:
    text = root({"allOf": [{"type": "string", "format": "email"}, {"type": "string", "format": "uuid"}]})
    assert text.unheld == "one value has the formats email and uuid, and only one can be checked"
    huge = root({"allOf": [{"type": "number", "multipleOf": 1e300}, {"type": "number", "multipleOf": 1e-300}]})
    assert huge.unheld is not None
    odd = root({"allOf": [{"type": "number", "multipleOf": 0.1234567890123457}, {"type": "number", "multipleOf": 7.3}]})
    assert odd.unheld is not None
    assert "a multiple of 0.1234567890123457 and of 7.3" in odd.unheld


def test_what_a_referred_component_says_of_reading_and_writing_counts() -> None:
    secret = {"type": "string", "writeOnly": True}
    properties = {
        "p": {"$ref": "#/components/schemas/Secret"},
        "q": {"allOf": [{"$ref": "#/components/schemas/Secret"}]},
    }
    shape = root({"type": "object", "properties": properties}, Secret=secret)
    assert [member.write_only for member in shape.properties.values()] == [True, True]


def test_drf_spectacular() -> None:
    schema = read_schema((DOCUMENTS / "drf-spectacular.yaml").read_text())
    parcel = schema.components["ParcelS"].properties
    assert {name for name, member in parcel.items() if member.read_only} == {"id", "created", "url"}
    assert parcel["pin"] == Property(TEXT, required=True, write_only=True)
    assert parcel["owner"].shape == Shape(ref="OwnerS", types=frozenset({"null"}))
    assert parcel["status"].shape.enum == ("open", "closed", "", None)
    assert parcel["data"].shape == FREE
    update = next(operation for operation in schema.operations if operation.operation_id == "api_parcels_update")
    assert (update.method, update.path) == ("PUT", "/api/parcels/{id}/")
    assert update.request is not None
    assert dict(update.request.contents) == {"application/json": Shape(ref="ParcelS")}


def test_fastapi() -> None:
    schema = read_schema((DOCUMENTS / "fastapi.json").read_text())
    parcel = schema.components["Parcel"].properties
    assert [variant.value for variant in parcel["pet"].shape.variants] == ["cat", "dog"]
    assert parcel["price"].shape.types == {"integer", "string"}
    listing = next(operation for operation in schema.operations if operation.operation_id == "list_parcels")
    assert [(one.name, one.required, one.many) for one in listing.parameters] == [
        ("page", False, False),
        ("tag", False, True),
        ("tenant", True, False),
    ]


def test_springdoc() -> None:
    schema = read_schema((DOCUMENTS / "springdoc.json").read_text())
    [listing] = schema.operations
    assert [one.name for one in listing.parameters] == ["page", "size", "sort"]
    assert dict(listing.answers["200"].contents) == {"*/*": Shape(ref="PageParcel")}
    assert schema.components["Parcel"].properties["id"].shape == Shape(types=frozenset({"integer"}), format="int64")
