"""What counts as a breaking change of a contract."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.made_contract import FIELDS, IMAGE_BODY, JSON_BODY, NEW_BADGE, json_answer, made_contract, problem_answer

from portazgo.contracts.compiling import CompiledContract, CompiledParameter, CompiledRoute, FieldPair
from portazgo.contracts.differences import generate
from portazgo.contracts.differences.bodies import Comparison
from portazgo.contracts.differences.contracts import changes, is_breaking
from portazgo.contracts.differences.rules import RULES, Change, Side


def rules_between(
    side: Side, old: dict[str, Any], new: dict[str, Any], components: dict[str, Any] | None = None
) -> set[str]:
    found: set[str] = set()
    Comparison(side, components or {}, components or {}, lambda rule, *_: found.add(rule)).compare(old, new)
    return found


VALUES = [
    ({"type": "string"}, {"type": ["string", "null"]}, "null"),
    ({"type": "integer"}, {"type": "number"}, "type"),
    ({"type": "integer"}, {"type": ["integer", "string"]}, "type"),
    ({"enum": ["a"], "type": "string"}, {"enum": ["a", "b"], "type": "string"}, "enum"),
    ({"enum": ["a"], "type": "string"}, {"type": "string"}, "enum"),
    ({"const": 1}, {"enum": [1, 2]}, "enum"),
    (
        {"oneOf": [{"enum": ["a"]}, {"enum": [""]}]},
        {"oneOf": [{"enum": ["a", "b"]}, {"enum": [""]}]},
        "enum",
    ),
    ({"type": "integer", "minimum": 1}, {"type": "integer", "minimum": 0}, "range"),
    ({"type": "number", "maximum": 9.5}, {"type": "number"}, "range"),
    ({"type": "number", "exclusiveMinimum": 1}, {"type": "number", "minimum": 1}, "range"),
    ({"type": "number", "exclusiveMaximum": 1}, {"type": "number", "maximum": 1}, "range"),
    ({"type": "integer", "multipleOf": 10}, {"type": "integer", "multipleOf": 5}, "range"),
    ({"type": "string", "maxLength": 5}, {"type": "string", "maxLength": 6}, "length"),
    ({"type": "array", "maxItems": 5}, {"type": "array"}, "count"),
    ({"type": "array", "uniqueItems": True}, {"type": "array"}, "count"),
    (
        {"type": "array", "items": {"type": "string", "minLength": 1}},
        {"type": "array", "items": {"type": "string"}},
        "length",
    ),
    ({"type": "object", "minProperties": 1}, {"type": "object"}, "count"),
    (
        {"type": "object", "additionalProperties": False},
        {"type": "object", "additionalProperties": {"type": "string"}},
        "members",
    ),
    ({"type": "string", "pattern": "^a"}, {"type": "string"}, "pattern"),
    ({"type": "string", "format": "date"}, {"type": "string"}, "format"),
    (
        {"oneOf": [{"type": "object", "title": "A"}]},
        {"oneOf": [{"type": "object", "title": "A"}, {"type": "object", "title": "B"}]},
        "variant",
    ),
]


@pytest.mark.parametrize(("narrow", "wide", "subject"), VALUES)
def test_what_is_sent_may_become_freer_and_what_is_received_narrower(
    narrow: dict[str, Any], wide: dict[str, Any], subject: str
) -> None:
    for side in Side:
        widened, narrowed = rules_between(side, narrow, wide), rules_between(side, wide, narrow)
        assert widened == {f"{side}-{subject}-widened"}
        assert narrowed == {f"{side}-{subject}-narrowed"}
        breaks = narrowed if side is Side.REQUEST or subject == "members" else widened
        assert [RULES[rule].breaking for rule in (*breaks, *(narrowed | widened) - breaks)] == [True, False]


def test_another_pattern_is_told_both_ways_since_nobody_can_compare_them() -> None:
    old, new = {"type": "string", "pattern": "^a"}, {"type": "string", "pattern": "^b"}
    assert rules_between(Side.REQUEST, old, new) == {"request-pattern-narrowed", "request-pattern-widened"}


def test_members_are_compared_at_any_depth_and_recursive_ones_once() -> None:
    tree: dict[str, Any] = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "children": {"type": "array", "items": {"$ref": "#/components/schemas/T"}},
        },
        "required": ["name"],
    }
    grown = {**tree, "properties": {**tree["properties"], "secret": {"type": "string"}}, "required": []}
    found: list[tuple[str, str]] = []
    reference = {"$ref": "#/components/schemas/T"}
    Comparison(Side.ANSWER, {"T": tree}, {"T": grown}, lambda rule, path, _: found.append((rule, path))).compare(
        {"type": "array", "items": reference}, {"type": "array", "items": reference}
    )
    assert found == [
        ("answer-field-became-optional", "name"),
        ("answer-field-added", "secret"),
    ]


def test_recursion_that_runs_through_other_words_has_an_end() -> None:
    reference = {"$ref": "#/components/schemas/T"}
    old = {"type": "object", "properties": {"next": reference}}
    new = {"type": "object", "properties": {"next": {"anyOf": [reference, {"type": "null"}]}}}
    found: list[str] = []
    Comparison(Side.ANSWER, {"T": old}, {"T": new}, lambda rule, path, _: found.append(f"{rule} {path}")).compare(
        reference, reference
    )
    assert found == ["answer-null-widened next"]


def test_two_equal_contracts_differ_in_nothing() -> None:
    assert changes(made_contract(), made_contract()) == []


SCHEMAS = st.recursive(
    st.sampled_from(
        [{"type": "string", "maxLength": 3}, {"type": ["integer", "null"], "minimum": 2}, {"enum": ["a", None, 1]}, {}]
    ),
    lambda inner: st.one_of(
        st.builds(lambda items: {"type": "array", "items": items}, inner),
        st.builds(
            lambda members, needed: {
                "type": "object",
                "properties": members,
                "required": sorted(needed & set(members)),
                "additionalProperties": False,
            },
            st.dictionaries(st.sampled_from("abc"), inner),
            st.sets(st.sampled_from("abc")),
        ),
        st.builds(lambda variants: {"anyOf": variants}, st.lists(inner, min_size=1, max_size=2)),
    ),
    max_leaves=6,
)


@given(SCHEMAS)
def test_no_schema_differs_from_itself(schema: dict[str, Any]) -> None:
    for side in Side:
        assert rules_between(side, schema, schema) == set()


@given(SCHEMAS, SCHEMAS)
def test_every_rule_that_is_reported_is_in_the_table(old: dict[str, Any], new: dict[str, Any]) -> None:
    for side in Side:
        assert rules_between(side, old, new) <= set(RULES)


def with_route(name: str, **members: Any) -> CompiledContract:
    compiled = made_contract()
    return replace(compiled, routes={**compiled.routes, name: replace(compiled.routes[name], **members)})


def with_wire(name: str, **members: Any) -> CompiledContract:
    return with_route(name, wire={**made_contract().routes[name].wire, **members})


def with_body(name: str, body: dict[str, Any] | None, **members: Any) -> CompiledContract:
    wire = made_contract().routes[name].wire
    return with_route(name, wire={**wire, "request": {**wire["request"], "body": body}}, **members)


def with_request(**changed: Any) -> CompiledContract:
    return with_route("create-badge", request_schema={**NEW_BADGE, **changed})


def without(name: str) -> CompiledContract:
    compiled = made_contract()
    return replace(compiled, routes={key: route for key, route in compiled.routes.items() if key != name})


LIMIT = CompiledParameter("limit", "query", required=False, many=False, schema={"type": "integer"})
KIND = made_contract().routes["create-badge"].parameters[0]
IMAGE = made_contract().routes["badge-image"].wire["answers"][0]
CREATED = made_contract().routes["create-badge"].wire["answers"][0]
PASSED = {**CREATED, "body": {"kind": "pass", "types": ["image/png"], "max_bytes": 9}}
LABEL = NEW_BADGE["properties"]["label"]

# What changed, the rule of the change, and the rule of the way back.
TURNS: list[tuple[CompiledContract, str, str]] = [
    (without("badge-image"), "route-removed", "route-added"),
    (with_body("create-badge", None, request_schema=None), "request-body-refused", "request-body-required"),
    (
        with_body("show-badge", {**JSON_BODY, "required": False}, request_schema={}),
        "request-body-taken",
        "request-body-refused",
    ),
    (with_body("create-badge", {**JSON_BODY, "required": False}), "request-body-optional", "request-body-required"),
    (with_body("create-badge", IMAGE_BODY, request_schema=None), "request-body-replaced", "request-body-replaced"),
    (
        with_body("badge-image", {**IMAGE_BODY, "types": ["image/png"]}),
        "request-media-type-removed",
        "request-media-type-added",
    ),
    (with_body("badge-image", {**IMAGE_BODY, "max_bytes": 9}), "request-size-narrowed", "request-size-widened"),
    (with_request(properties={"label": LABEL}), "request-field-removed", "request-field-added"),
    (
        with_request(properties={**NEW_BADGE["properties"], "x": {}}, required=["label", "x"]),
        "request-field-added-required",
        "request-field-removed",
    ),
    (with_request(required=["label", "weight"]), "request-field-became-required", "request-field-became-optional"),
    (
        with_request(properties={**NEW_BADGE["properties"], "label": {**LABEL, "default": "x"}}),
        "request-default-changed",
        "request-default-changed",
    ),
    (with_route("create-badge", parameters=()), "parameter-removed", "parameter-added"),
    (
        with_route("create-badge", parameters=(KIND, replace(LIMIT, required=True))),
        "parameter-added-required",
        "parameter-removed",
    ),
    (
        with_route("create-badge", parameters=(replace(KIND, required=True),)),
        "parameter-became-required",
        "parameter-became-optional",
    ),
    (
        with_route("create-badge", parameters=(replace(KIND, many=False),)),
        "parameter-became-single",
        "parameter-became-many",
    ),
    (with_wire("show-badge", fields=None), "fields-refused", "fields-allowed"),
    (with_wire("show-badge", fields={"at": ["results"]}), "fields-moved", "fields-moved"),
    (with_wire("create-badge", answers=[problem_answer("4XX")]), "answer-status-removed", "answer-status-added"),
    (with_wire("create-badge", answers=[{**CREATED, "send": 200}]), "answer-status-changed", "answer-status-changed"),
    (
        with_wire("create-badge", answers=[{**CREATED, "body": {"kind": "empty"}}]),
        "answer-body-removed",
        "answer-body-added",
    ),
    (with_wire("create-badge", answers=[PASSED]), "answer-body-replaced", "answer-body-replaced"),
    (
        with_wire("create-badge", answers=[{**CREATED, "content_types": ["application/json", "text/json"]}]),
        "answer-media-type-added",
        "answer-media-type-removed",
    ),
    (with_wire("create-badge", answers=[json_answer("201")]), "answer-header-removed", "answer-header-added"),
    (
        with_route("create-badge", fields={"201": (*FIELDS[:1], FieldPair("label", "nickname"))}),
        "answer-source-changed",
        "answer-source-changed",
    ),
]


@pytest.mark.parametrize(
    ("changed", "rule", "back"), TURNS, ids=[f"{number} {rule}" for number, (_, rule, _) in enumerate(TURNS)]
)
def test_each_change_falls_under_its_rule(changed: CompiledContract, rule: str, back: str) -> None:
    assert {change.rule for change in changes(made_contract(), changed)} == {rule}
    assert {change.rule for change in changes(changed, made_contract())} == {back}


def test_a_problem_that_gets_another_status_breaks() -> None:
    was, is_now = (
        with_wire("create-badge", answers=[CREATED, {**problem_answer("4XX"), "send": send}]) for send in (None, 422)
    )
    (found,) = changes(was, is_now)
    assert (found.rule, found.place, found.detail) == ("answer-status-changed", "answer 4XX", "4XX became 422")
    assert found.breaking
    assert [change.detail for change in changes(is_now, was)] == ["422 became 4XX"]


def test_unknown_parameters_that_are_refused_from_now_on_break() -> None:
    wire = made_contract().routes["show-badge"].wire
    dropping = with_route("show-badge", wire={**wire, "request": {**wire["request"], "query_unknown": "drop"}})
    assert is_breaking(changes(dropping, made_contract()))
    assert not is_breaking(changes(made_contract(), dropping))


def test_a_change_says_where_it_is_and_what_it_was() -> None:
    old, new = made_contract(), made_contract()
    status = {"enum": ["draft", "issued", "lost"], "type": "string"}
    badge = new.routes["show-badge"].answer_schemas["200"]
    grown = {**badge, "properties": {**badge["properties"], "status": status, "price": {"type": "string"}}}
    route: CompiledRoute = replace(new.routes["show-badge"], answer_schemas={"200": grown})
    found = changes(old, replace(new, routes={**new.routes, "show-badge": route}))
    assert found == [
        Change("answer-enum-widened", "show-badge", "answer 200", "status", '"lost" fit now'),
        Change("answer-field-added", "show-badge", "answer 200", "price", "the member is new"),
    ]
    assert found[0].sentence == 'show-badge: answer 200 status: "lost" fit now'
    assert (found[0].breaking, found[0].exposure, found[1].breaking, found[1].exposure) == (True, False, False, True)


def test_every_rule_of_presence_is_tried_by_a_test() -> None:
    tried = {rule for _, rule, _ in TURNS} | {back for _, _, back in TURNS}
    tried |= {
        f"{side}-{subject}-{turn}" for side in Side for _, _, subject in VALUES for turn in ("narrowed", "widened")
    }
    tried |= {"request-unknown-refused", "request-unknown-dropped"}
    tried |= {f"answer-field-{what}" for what in ("removed", "added", "became-optional", "became-required")}
    assert set(RULES) - tried == {"answer-default-changed"}
    assert rules_between(Side.ANSWER, {"default": 1}, {"default": 2}) == {"answer-default-changed"}


def test_the_page_of_rules_is_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--check"]) == 0, capsys.readouterr().err
    assert all(f"| `{rule}` |" in generate.page() for rule in RULES)
