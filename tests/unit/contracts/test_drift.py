"""What an answer of the backend's shows beside its schema."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.made_contract import DOCUMENT, backend_schema

from portazgo.contracts.drift.expectation import Expectation, Row, read_expectation
from portazgo.contracts.drift.expecting import drift, expectation_of
from portazgo.contracts.drift.finding import FINDINGS_AT_MOST, Finding, Kind, findings, still_stands
from portazgo.contracts.drift.merging import Merged, Seen
from portazgo.contracts.drift.reading import NotJson, read_answer
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
def test_no_value_is_ever_told(document: Any) -> None:
    told = json.dumps([[finding.kind, finding.path, finding.found, finding.expected] for finding in found(document)])
    assert "NEEDLE" not in told


TREE = with_property("children: {type: array, items: {$ref: '#/components/schemas/Badge'}}")


def test_what_is_sent_to_nodes_compares_as_the_schema_does() -> None:
    for schema in (SCHEMA, TREE):
        expectation = expectation_of(schema, schema.operations[0])
        assert read_expectation(json.loads(json.dumps(expectation.written()))) == expectation
    again = expectation_of(TREE, TREE.operations[0])
    document = {**WHOLE, "children": [{**WHOLE, "children": [{**WHOLE, "id": "7"}]}]}
    assert findings(again, 200, document) == {Finding(Kind.RETYPED, "children.children.id", "string", "integer")}


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"rows": [], "answers": {"200": 0}},
        {"rows": [{"types": ["object"], "members": {"a": [1, True]}}], "answers": {}},
        {"rows": [{"types": ["array"], "items": 7}], "answers": {}},
        {"rows": [{"types": ["array"], "items": 0.0}], "answers": {}},
        {"rows": [{"types": ["object"], "members": []}], "answers": {}},
        {"rows": [[]], "answers": {}},
    ],
)
def test_an_expectation_that_names_what_is_not_there_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        read_expectation(told)


@pytest.mark.parametrize(
    ("body", "document"),
    [
        ('{"a": 1, "b": [true, {"c": "x, y]"', {"a": 0, "b": [True, {}]}),
        ('{"a": {"b": 1}, "c": "unfin', {"a": {"b": 0}}),
        ('{"a": "end\\\\", "b": "\\"', {"a": "end\\"}),
        ("[[1], [2", [[0], []]),
        ("[", []),
    ],
)
def test_an_answer_that_ends_early_is_read_as_far_as_it_came(body: str, document: Any) -> None:
    assert read_answer(body.encode()) == (document, True)


@pytest.mark.parametrize("body", [b"", b"x", b'"abc', b"]", b'{"a" 1}', b"[" * 100_000, b"\xff\xfe"])
def test_what_is_no_json_is_not_read(body: bytes) -> None:
    with pytest.raises(NotJson):
        read_answer(body)


def test_numbers_of_any_length_are_read() -> None:
    assert read_answer(b"[" + b"7" * 10_000 + b", 1e400]") == ([0, float("inf")], False)


def test_what_was_still_open_is_not_said_to_lack_anything() -> None:
    document, cut = read_answer(
        b'{"children": [{"id": 1, "title": "a", "state": "x"}, {"id": "2", "title": "b"}, {"id": 3, '
    )
    found = findings(expectation_of(TREE, TREE.operations[0]), 200, document, cut=cut)
    assert found == {
        Finding(Kind.MISSING, "children.state", "", "string"),
        Finding(Kind.RETYPED, "children.id", "string", "integer"),
    }


def test_a_finding_stands_until_a_document_declares_what_was_found() -> None:
    old = expectation_of(SCHEMA, SCHEMA.operations[0])
    declared = [
        (Finding(Kind.NEW, "price", "number"), "state:", "price: {type: number}\n        state:"),
        (
            Finding(Kind.NEW, "owner.nick", "string"),
            "name: {type: string}",
            "name: {type: string}, nick: {type: string}",
        ),
        (Finding(Kind.NEW, "*", "string"), "properties:\n", "additionalProperties: true\n      properties:\n"),
        (Finding(Kind.MISSING, "title", "", "string"), "[id, title, state]", "[id, state]"),
        (Finding(Kind.RETYPED, "id", "string", "integer"), "id: {type: integer}\n", "id: {type: [integer, string]}\n"),
        (
            Finding(Kind.UNKNOWN_STATUS, "."),
            '{"200":',
            '{"503": {description: no, content: {application/json: {}}}, "200":',
        ),
    ]
    for finding, before, after in declared:
        status = 503 if finding.kind is Kind.UNKNOWN_STATUS else 200
        assert still_stands(finding, status, old) == finding
        schema = read_schema(DOCUMENT.replace(before, after))
        assert still_stands(finding, status, expectation_of(schema, schema.operations[0])) is None, finding


def test_names_that_go_on_changing_are_taken_away() -> None:
    merged = Merged()
    for number in range(19):
        name = f"member_{chr(97 + number)}"
        merged.add({Finding(Kind.NEW, f"owner.{name}", "object"), Finding(Kind.NEW, "fixed", "string")}, number)
    # Two of nineteen are told, and no more than four ever.
    assert merged.seen == {
        Finding(Kind.NEW, "owner.*", "object"): Seen(17, 0, 16),
        Finding(Kind.NEW, "fixed", "string"): Seen(19, 0, 18),
        **{Finding(Kind.NEW, f"owner.member_{chr(97 + n)}", "object"): Seen(1, n, n) for n in range(17, 19)},
    }


def test_what_was_found_inside_an_array_stands_as_long_as_its_document() -> None:
    rows = (
        Row(frozenset({"array"}), items=1),
        Row(frozenset({"object"}), {"id": (2, True)}),
        Row(frozenset({"string"})),
    )
    expectation = Expectation(rows, {"200": 0})
    found = findings(expectation, 200, [{"new": 1}, {"id": 1}])
    assert {finding.kind for finding in found} == {Kind.NEW, Kind.MISSING, Kind.RETYPED}
    assert {still_stands(finding, 200, expectation) for finding in found} == found


def test_an_object_in_place_of_an_array_of_such_stands_until_a_document_has_one_there() -> None:
    thing, things = Row(frozenset({"object"})), Row(frozenset({"array"}), items=1)
    (found,) = findings(Expectation((things, thing), {"200": 0}), 200, {})
    assert (found.kind, found.found, found.expected) == (Kind.RETYPED, "object", "array")
    assert still_stands(found, 200, Expectation((things, thing), {"200": 0})) == found
    assert still_stands(found, 200, Expectation((thing,), {"200": 0})) is None
    (item,) = findings(Expectation((things, thing), {"200": 0}), 200, [1])
    either = Row(frozenset({"object", "integer"}))
    assert still_stands(item, 200, Expectation((things, thing), {"200": 0})) == item
    assert still_stands(item, 200, Expectation((things, either), {"200": 0})) is None
