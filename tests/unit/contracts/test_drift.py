"""What an answer of the backend's shows beside its schema."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.made_contract import DOCUMENT, backend_schema

from portazgo.contracts.drift.finding import FINDINGS_AT_MOST, Finding, Kind, drift
from portazgo.contracts.schema import Schema, read_schema

SCHEMA = backend_schema()
WHOLE = {"id": 7, "title": "Welder", "state": "issued", "owner": {"name": "Ann", "salary_band": "B"}}


def found(document: Any, schema: Schema = SCHEMA, status: str = "200") -> set[Finding]:
    return set(drift(schema, schema.operations[0], status, document))


def test_an_answer_that_fits_shows_nothing() -> None:
    assert found(WHOLE) == set()


def test_new_missing_and_retyped_members_are_told_by_place_and_type() -> None:
    document = {"id": "7", "state": None, "owner": {"name": "Ann", "nick_name": "A."}, "price": 1.5}
    assert found(document) == {
        Finding(Kind.RETYPED, "id", "string", "integer"),
        Finding(Kind.RETYPED, "state", "null", "string"),
        Finding(Kind.MISSING, "title", "", "string"),
        Finding(Kind.NEW, "price", "number"),
        Finding(Kind.NEW, "owner.nick_name", "string"),
    }


def test_another_root_or_status_is_told() -> None:
    assert found([WHOLE]) == {Finding(Kind.RETYPED, ".", "array", "object")}
    assert found({}, status="503") == {Finding(Kind.UNKNOWN_STATUS, ".")}


def with_property(text: str) -> Schema:
    return read_schema(DOCUMENT.replace("        owner:", f"        {text}\n        owner:"))


def test_what_springdoc_calls_any_type_is_json() -> None:
    schema = read_schema(DOCUMENT.replace("{application/json:", "{'*/*':"))
    assert found({**WHOLE, "id": "7"}, schema) == {Finding(Kind.RETYPED, "id", "string", "integer")}


def test_arrays_are_transparent_and_maps_are_starred() -> None:
    schema = with_property("parts: {type: array, items: {type: object, properties: {code: {type: string}}}}")
    parts = {**WHOLE, "parts": [{"code": "a"}, {"code": 1}, {"code": 2, "extra": True}]}
    assert found(parts, schema) == {
        Finding(Kind.RETYPED, "parts.code", "integer", "string"),
        Finding(Kind.NEW, "parts.extra", "boolean"),
    }
    prices = with_property("prices: {type: object, additionalProperties: {type: number}}")
    assert found({**WHOLE, "prices": {"ann@example.test": "x", "b": 1}}, prices) == {
        Finding(Kind.RETYPED, "prices.*", "string", "number")
    }


def test_variants_are_taken_together() -> None:
    schema = with_property(
        "by: {oneOf: [{type: object, required: [a, k], properties: {a: {type: string}, k: {type: string}}}, "
        "{type: object, required: [b, k], properties: {b: {type: string}, k: {type: string}}}, {type: 'null'}]}"
    )
    assert found({**WHOLE, "by": None}, schema) == set()
    assert found({**WHOLE, "by": {"a": "x"}}, schema) == {Finding(Kind.MISSING, "by.k", "", "string")}


def test_names_that_may_be_values_are_not_told() -> None:
    shown = {
        finding.path for finding in found({**WHOLE, "ann@example.test": 1, "4711": 2, "user_20261126": 3, "ok-name": 4})
    }
    assert shown == {"*", "ok-name"}
    assert found({**WHOLE, **{f"name_{chr(97 + n)}": 1 for n in range(20)}}) == {Finding(Kind.NEW, "*", "integer")}


def test_findings_are_bounded() -> None:
    members = ", ".join(f"m{n}: {{type: string}}" for n in range(100))
    schema = with_property(f"many: {{type: object, properties: {{{members}}}}}")
    assert len(found({**WHOLE, "many": {f"m{n}": n for n in range(100)}}, schema)) == FINDINGS_AT_MOST
    deep: Any = 1
    for _ in range(5_000):
        deep = {"owner": deep}
    assert found(deep)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.just("NEEDLE-value"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "title", "state", "owner", "name", "other"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(VALUES)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_value_is_ever_told(document: Any) -> None:
    told = json.dumps([[finding.kind, finding.path, finding.found, finding.expected] for finding in found(document)])
    assert "NEEDLE" not in told
