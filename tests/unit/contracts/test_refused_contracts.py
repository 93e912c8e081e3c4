"""What is wrong with a contract: where, in a sentence, with what was meant. All of it at once."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from support.refused_contracts import AT, REFUSED, TENANT, create, show

from portazgo._native import project
from portazgo.contracts.compiling import ContractRefused, ContractTerms, Problem, RouteFacts, compile_contract
from portazgo.contracts.drafting import draft
from portazgo.contracts.schema import Schema, read_schema

ROUTES = {
    "show": RouteFacts("GET", "/v1/parcels/{id}", "GET", "/parcels/{id}"),
    "create": RouteFacts("POST", "/v1/parcels", "POST", "/parcels"),
}


def parcel() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "properties": {
            "id": {"type": "integer"},
            "number": text,
            "status": {"type": "string", "enum": ["open", "closed"]},
            "weight": {"type": "number"},
            "tenant": text,
            "owner": {"type": "object", "properties": {"name": text, "city": text}},
            "stops": {"type": "array", "items": {"type": "object", "properties": {"place": text}}},
            "labels": {"type": "object", "additionalProperties": text},
            "extra": {"type": "object"},
            "open": {"type": "object", "properties": {"name": text, "ssn": text}, "additionalProperties": text},
            "parent": {"$ref": "#/components/schemas/Parcel"},
        },
        "required": ["number", "tenant"],
    }


@pytest.fixture(scope="module")
def schema() -> Schema:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Parcel"}}}
    identifier = {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}
    page = {"name": "page", "in": "query", "schema": {"type": "integer"}}
    answers = {"200": {"description": "", "content": content}}
    return read_schema(
        json.dumps(
            {
                "openapi": "3.0.3",
                "info": {"title": "Parcels", "version": "1"},
                "paths": {
                    "/parcels/{id}": {
                        "get": {"operationId": "show_parcel", "parameters": [identifier], "responses": answers}
                    },
                    "/parcels": {
                        "post": {
                            "operationId": "create_parcel",
                            "parameters": [page],
                            "requestBody": {"required": True, "content": content},
                            "responses": answers,
                        }
                    },
                },
                "components": {"schemas": {"Parcel": parcel()}},
            }
        )
    )


def problems(schema: Schema, routes: Mapping[str, Any], mappings: Mapping[str, Any] | None = None) -> list[Problem]:
    with pytest.raises(ContractRefused) as refused:
        compile_contract(ContractTerms(routes=routes, mappings=mappings or {}), schema, ROUTES)
    return refused.value.problems


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_refused_with_its_place(schema: Schema, case: str) -> None:
    routes, expected = REFUSED[case]
    assert problems(schema, routes) == [expected]


def test_all_that_is_wrong_is_told_at_once(schema: Schema) -> None:
    routes = {
        "show": {"answers": {"200": [{"select": ["idd", "stopps"]}]}, "fieldz": True},
        "create": {"request": [{"select": ["number"]}], "answers": {"200": {"empty": 1}}},
    }
    assert [(problem.pointer, problem.near) for problem in problems(schema, routes)] == [
        ("/routes/show/fieldz", "fields"),
        ("/routes/create/answers/200/empty", None),
        ("/routes/show/answers/200/0/select/0", "id"),
        ("/routes/show/answers/200/0/select/1", "stops"),
        ("/routes/create/request", None),
    ]


@pytest.mark.parametrize(
    ("operators", "says"),
    [
        ([{"select": ["number"] * 5_000}], "50000 values in its operators, those of a mapping at each use of it"),
        ([{"const": {"note": "x" * 1_000_000}}], "50000 values in its operators"),
        (
            [{"compute": {f"c{n}": {"expr": f"'{n}'" + "+'x'" * 24, "schema": {"type": "string"}} for n in range(50)}}],
            "100000 characters in its expressions, those of a mapping at each use of it",
        ),
    ],
)
def test_a_small_file_makes_no_large_contract_by_using_a_mapping_again_and_again(
    schema: Schema, operators: list[Any], says: str
) -> None:
    uses = [{"use": {"mapping": "much", "at": ".".join(["parent"] * (1 + n % 30))}} for n in range(990)]
    began = time.perf_counter()
    found = problems(schema, show({"select": ["id"]}, *uses), {"much": operators})
    assert f"a contract has at most {says}" in found[-1].message
    assert time.perf_counter() - began < 20


def test_a_constant_without_end_is_refused(schema: Schema) -> None:
    deep: Any = 1
    for _ in range(900):
        deep = [deep]
    (problem,) = problems(schema, show({"select": ["id"]}, {"const": {"note": deep}}))
    assert problem == Problem("/routes/show/answers/200/1", "an operator is at most 64 lists and mappings deep")


def test_of_many_things_that_are_wrong_as_many_are_told_as_anybody_reads(schema: Schema) -> None:
    began = time.perf_counter()
    found = problems(schema, show({"select": [f"numbr{n}" for n in range(40_000)]}))
    assert len(found) == 200
    assert time.perf_counter() - began < 20


def test_a_mapping_that_uses_itself_is_refused(schema: Schema) -> None:
    mappings = {"a": [{"use": "b"}], "b": [{"select": ["id"]}, {"use": "a"}]}
    assert problems(schema, show({"use": "a"}), mappings) == [
        Problem("/mappings/b/1/use", "the mapping uses itself: a → b → a")
    ]


def test_an_unknown_mapping_is_refused(schema: Schema) -> None:
    found = problems(schema, show({"select": ["id"]}, {"use": {"mapping": "owned", "at": "owner"}}), {"owner": []})
    assert found == [Problem("/routes/show/answers/200/1/use", "there is no mapping 'owned'", "owner")]


def test_a_fault_in_a_mapping_is_told_once_where_it_stands(schema: Schema) -> None:
    routes = {**show({"use": "all"}), **create({"use": "all"}, TENANT)}
    found = problems(schema, routes, {"all": [{"select": ["numbr"]}]})
    assert [(problem.pointer, problem.near) for problem in found][:1] == [("/mappings/all/0/select/0", "number")]


@pytest.mark.parametrize("value", [None, 1, "text", [], [None], {"select": 1}, [{"select": None}], [{"select": [1]}]])
def test_nonsense_is_refused_and_breaks_nothing(schema: Schema, value: Any) -> None:
    assert problems(schema, {"show": {"answers": {"200": value}}})
    assert problems(schema, {"show": value})
    assert problems(schema, {"show": {"query": value, "fields": value, "hold": value, "answers": value}})


def test_a_map_beside_members_that_are_hidden_is_left_out_of_what_passes_as_a_whole(schema: Schema) -> None:
    hidden = json.loads(json.dumps(parcel()))
    hidden["properties"]["open"]["properties"]["ssn"]["writeOnly"] = True
    del hidden["properties"]["parent"]
    content = {"application/json": {"schema": hidden}}
    operation = {"parameters": [], "responses": {"200": {"description": "", "content": content}}}
    document = {
        "openapi": "3.0.3",
        "info": {"title": "t", "version": "1"},
        "paths": {"/parcels/{id}": {"get": operation}},
    }
    terms = ContractTerms(routes=show({"select": ["."]}))
    wire = compile_contract(terms, read_schema(json.dumps(document)), ROUTES).routes["show"].wire
    root = wire["answers"][0]["body"]["root"]
    body = b'{"number":"1","tenant":"t","open":{"name":"a","ssn":"SECRET","other":"b"}}'
    seen = json.loads(project(json.dumps(wire["program"]).encode(), root, body))
    assert seen == {"number": "1", "tenant": "t", "open": {"name": "a"}}


def test_no_variant_promises_values_of_a_map_that_another_variant_keeps_from_passing() -> None:
    text = {"type": "string"}
    secret = {"type": "string", "writeOnly": True}
    beside = {"type": "object", "properties": {"kind": text, "ssn": secret}, "additionalProperties": text}
    labels = {"anyOf": [{"type": "object", "additionalProperties": text}, beside]}
    content = {"application/json": {"schema": {"type": "object", "properties": {"labels": labels}}}}
    operation = {"parameters": [], "responses": {"200": {"description": "", "content": content}}}
    document = {
        "openapi": "3.0.3",
        "info": {"title": "t", "version": "1"},
        "paths": {"/parcels/{id}": {"get": operation}},
    }
    terms = ContractTerms(routes=show({"select": ["labels"]}))
    route = compile_contract(terms, read_schema(json.dumps(document)), ROUTES).routes["show"]
    body = b'{"labels":{"kind":"a","ssn":"SECRET","other":"b"}}'
    seen = project(json.dumps(route.wire["program"]).encode(), route.wire["answers"][0]["body"]["root"], body)
    assert json.loads(seen) == {"labels": {"kind": "a"}}
    told = route.answer_schemas["200"]["properties"]["labels"]["anyOf"]
    assert told == [{"type": "object"}, {"type": "object", "properties": {"kind": text}}]


def test_a_link_leads_to_no_route_that_the_contract_does_not_have(schema: Schema) -> None:
    terms = ContractTerms(routes=show({"select": ["number"]}, {"rewrite_url": ["number"]}))
    wire = compile_contract(terms, schema, ROUTES).routes["show"].wire
    assert wire["program"]["urls"][0]["routes"] == [{"from": "/parcels/{id}", "to": "/v1/parcels/{id}"}]


def test_a_header_that_becomes_a_location_holds_a_url(schema: Schema) -> None:
    told = {"show": {"answers": {"200": {"empty": True}}, "response_headers": {"x-next": "location"}}}
    wire = compile_contract(ContractTerms(routes=told), schema, ROUTES).routes["show"].wire
    assert wire["answers"][0]["headers"] == [{"in": "x-next", "out": "location", "url": True}]


@pytest.mark.parametrize(
    ("text", "claims", "message", "near"),
    [
        ("{claims.tenat}", frozenset({"tenant", "sub"}), "the backend's token has no claim 'tenat'", "tenant"),
        (
            "a {claims.sub}",
            frozenset(),
            "calls to the backend carry no token of ours, so there is no claim 'sub'",
            None,
        ),
    ],
)
def test_a_claim_that_no_token_of_the_backend_has_is_refused(
    schema: Schema, text: str, claims: frozenset[str], message: str, near: str | None
) -> None:
    facts = {name: replace(route, claims=claims) for name, route in ROUTES.items()}
    routes = create({"select": ["number"]}, {"fill": {"tenant": text}})
    routes["create"]["headers"] = {"x-tenant": {"fill": text}}
    with pytest.raises(ContractRefused) as refused:
        compile_contract(ContractTerms(routes=routes), schema, facts)
    at = ["/routes/create/request/1/fill/tenant", "/routes/create/headers/x-tenant/fill"]
    assert list(refused.value.problems) == [Problem(pointer, message, near) for pointer in at]
    known = {name: replace(route, claims=frozenset({"sub", "tenat"})) for name, route in ROUTES.items()}
    compile_contract(ContractTerms(routes=routes), schema, known)


@pytest.mark.parametrize("text", ["{claims.}", "{claims.jti}", "{claims.exp} x", "{claim.sub}", "{claims.sub"])
def test_a_claim_that_no_request_can_have_is_refused(schema: Schema, text: str) -> None:
    found = problems(schema, create({"select": ["number"]}, {"fill": {"tenant": text}}))
    # Then nothing fills what the backend requires.
    assert [problem.pointer for problem in found] == ["/routes/create/request/1/fill/tenant", "/routes/create/request"]


@pytest.mark.parametrize(
    ("status", "told", "sentence"),
    [
        ("200", {"send": 206, "body": []}, "a part of a document"),
        ("200", {"send": 401, "empty": True}, "the partner's key"),
        ("200", {"send": 204, "body": []}, "has no body"),
        ("200", {"send": 404, "problem": {}}, "stands in place of one"),
        ("404", {"send": 200, "problem": {}}, "from 400 on"),
        ("304", {"send": 200, "empty": True}, "goes out as it is"),
        ("204", {"send": 200, "body": []}, "goes out as it is"),
        ("200", {"send": 199, "empty": True}, "from 200 to 599"),
        ("200", {"send": "200", "empty": True}, "from 200 to 599"),
        ("200", {"send": True, "empty": True}, "from 200 to 599"),
    ],
)
def test_a_status_that_an_answer_can_not_become_is_refused(
    schema: Schema, status: str, told: dict[str, Any], sentence: str
) -> None:
    found = problems(schema, {"show": {"answers": {status: told}}})
    (wrong,) = (problem for problem in found if problem.pointer == f"/routes/show/answers/{status}/send")
    assert sentence in wrong.message


def test_send_alone_is_no_answer_and_compress_is_true_or_false(schema: Schema) -> None:
    found = problems(schema, {"show": {"compress": "yes", "answers": {"200": {"send": 200}}}})
    assert {problem.pointer for problem in found} == {"/routes/show/answers/200", "/routes/show/compress"}


ORDERED = (
    {"select": ["number", "status", "owner.name"]},
    {"map_value": {"status": {"values": {"open": "OPEN", "closed": "SHUT"}}}},
    {"default": {"status": "OPEN"}},
    {"move": {"owner.name": "owner_name"}},
    {"const": {"kind": "parcel"}},
)


def test_the_order_of_operators_does_not_matter(schema: Schema) -> None:
    def compiled(operators: Iterable[Any]) -> tuple[Any, ...]:
        route = compile_contract(ContractTerms(routes=show(*operators)), schema, ROUTES).routes["show"]
        return route.wire, route.answer_schemas, route.fields

    expected = compiled(ORDERED)
    assert [order for order in itertools.permutations(ORDERED) if compiled(order) != expected] == []


def in_circles() -> Schema:
    """Twelve components, each of which leads to all: there are more ways through them than anybody lists."""
    refs = {f"to{number}": {"$ref": f"#/components/schemas/C{number}"} for number in range(12)}
    component = {"type": "object", "properties": {"id": {"type": "string"}, **refs}}
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/C0"}}}
    operation = {"operationId": "show_parcel", "responses": {"200": {"description": "", "content": content}}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "circles", "version": "1"},
        "paths": {"/parcels/{id}": {"get": operation}},
        "components": {"schemas": {f"C{number}": component for number in range(12)}},
    }
    return read_schema(json.dumps(document))


def test_objects_that_lead_to_each_other_by_too_many_ways_are_to_be_named() -> None:
    schema = in_circles()
    told = "more than 5000 fields pass: of objects that lead to each other, name what may pass"
    assert problems(schema, show({"select": ["to1"]})) == [Problem(AT, told)]
    compile_contract(ContractTerms(routes=show({"select": ["id", "to1.id"]})), schema, ROUTES)


def test_a_draft_over_objects_that_lead_to_each_other_compiles() -> None:
    schema = in_circles()
    drafted = draft(schema, ROUTES)["routes"]["show"]["answers"]["200"]
    assert len(drafted[0]["select"]) < 2000
    compile_contract(ContractTerms(routes=show(*drafted)), schema, ROUTES)


def test_fields_begin_where_the_route_says_though_all_around_passes(schema: Schema) -> None:
    def at(path: str, *selected: str) -> list[str]:
        routes = {"show": {**show({"select": list(selected)})["show"], "fields": {"at": path}}}
        begins: list[str] = (
            compile_contract(ContractTerms(routes=routes), schema, ROUTES).routes["show"].wire["fields"]["at"]
        )
        return begins

    assert at("parent.owner", "number", "parent") == ["parent", "owner"]
    assert at("parent.owner", "number", "parent.owner.name") == ["parent", "owner"]
    with pytest.raises(ContractRefused, match="no answer has parent.ouner"):
        at("parent.ouner", "number", "parent")


@pytest.mark.parametrize(
    ("member", "why"),
    [
        (
            {"allOf": [{"type": "string", "format": "email"}, {"type": "string", "format": "uuid"}]},
            "one value has the formats email and uuid, and only one can be checked",
        ),
        (
            {"type": "string", "pattern": "((a{100}){100}){100}"},
            'the pattern is too large when it is compiled: "((a{100}){100}){100}"',
        ),
    ],
)
def test_a_rule_that_no_node_can_hold_is_refused_where_partners_would_send_it(member: dict[str, Any], why: str) -> None:
    content = {"application/json": {"schema": {"type": "object", "properties": {"code": member, "name": {}}}}}
    answers = {"200": {"description": "", "content": content}}
    post = {"operationId": "create_parcel", "requestBody": {"content": content}, "responses": answers}
    document = {"openapi": "3.1.0", "info": {"title": "Parcels", "version": "1"}, "paths": {"/parcels": {"post": post}}}
    schema = read_schema(json.dumps(document))
    said = f"create_parcel can't be checked as its schema says: {why}"
    assert problems(schema, create({"select": ["code"]})) == [Problem("/routes/create/request", said)]
    # Of answers it is nobody's to check.
    compile_contract(
        ContractTerms(routes={"create": {"answers": {"200": [{"select": ["code"]}]}}}, mappings={}), schema, ROUTES
    )


def test_patterns_that_hold_together_are_all_searched() -> None:
    member = {"allOf": [{"type": "string", "pattern": "^a"}, {"pattern": "z$"}, {"pattern": "(?=x)"}]}
    content = {"application/json": {"schema": {"type": "object", "properties": {"code": member}}}}
    post = {"operationId": "create_parcel", "requestBody": {"content": content}, "responses": {}}
    document = {"openapi": "3.1.0", "info": {"title": "Parcels", "version": "1"}, "paths": {"/parcels": {"post": post}}}
    terms = ContractTerms(routes=create({"select": ["code"]}), mappings={})
    compiled = compile_contract(terms, read_schema(json.dumps(document)), ROUTES)
    checks = [
        node["string"] for node in compiled.routes["create"].wire["request"]["program"]["nodes"] if "string" in node
    ]
    # One that goes back is the backend's to check.
    assert checks == [{"pattern": ["^a", "z$"]}]
    told = compiled.routes["create"].request_schema
    assert told is not None
    code = told["properties"]["code"]
    assert (code["pattern"], code["allOf"]) == ("^a", [{"pattern": "z$"}, {"pattern": "(?=x)"}])


def test_fields_that_begin_nowhere_are_told_with_what_was_meant_and_not_where_something_else_is_why(
    schema: Schema,
) -> None:
    at = "/routes/show/fields/at"
    wrong = {"show": {**show({"select": ["number", "ownr.name"]})["show"], "fields": {"at": "owner"}}}
    (alone,) = problems(schema, wrong)
    assert (alone.pointer, alone.near) == (f"{AT}/0/select/1", "owner.name")
    unselected = {"show": {**show({"select": ["number"]})["show"], "fields": {"at": "owner"}}}
    assert problems(schema, unselected) == [Problem(at, "no answer has owner among what passes")]
    mistyped = {"show": {**show({"select": ["owner", "numbr"]})["show"], "fields": {"at": "ownr"}}}
    assert [(one.pointer, one.near) for one in problems(schema, mistyped)] == [
        (f"{AT}/0/select/1", "number"),
        (at, "owner"),
    ]


def test_what_was_meant_is_a_path_that_the_schema_has(schema: Schema) -> None:
    found = problems(schema, show({"select": ["ownr.city", "owne.ciyt", "stop.name", "parnt.owner.name"]}))
    assert [problem.near for problem in found] == ["owner.city", "owner", "stops", "parent.owner.name"]


def test_what_was_meant_is_looked_for_along_one_way_where_there_are_many() -> None:
    # Each further name is in none of twelve objects: to try all ways would take twelve times as long for each.
    lost = ".".join(["nowhere"] * 12)
    (found,) = problems(in_circles(), show({"select": ["id", lost]}))
    assert (found.pointer, found.near) == (f"{AT}/0/select/1", None)


def test_a_date_is_coerced_from_one_form_to_another(schema: Schema) -> None:
    (found,) = problems(schema, show({"select": ["status"]}, {"coerce": {"status": {"to": "date"}}}))
    assert (found.pointer, found.message[:15]) == (f"{AT}/1/coerce/status", "from is missing")
    (found,) = problems(schema, show({"select": ["status"]}, {"coerce": {"status": {"from": "unix", "to": "date"}}}))
    assert found.near == "date-time"


def test_what_is_no_date_is_coerced_from_no_form_of_one() -> None:
    flag = {"type": "object", "properties": {"open": {"type": "boolean"}}}
    content = {"application/json": {"schema": flag}}
    paths = {"/parcels/{id}": {"get": {"responses": {"200": {"description": "", "content": content}}}}}
    schema = read_schema(json.dumps({"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "paths": paths}))
    told = {"coerce": {"open": {"from": "unix", "to": "date"}}}
    (found,) = problems(schema, show({"select": ["open"]}, told))
    assert (found.pointer, found.near) == (f"{AT}/1/coerce/open", None)


def test_nothing_selected_is_not_told_where_a_mapping_is_mistyped(schema: Schema) -> None:
    mappings = {"parcel": [{"select": ["id"]}]}
    (found,) = problems(schema, show({"use": "parcl"}), mappings)
    assert (found.pointer, found.near) == (f"{AT}/0/use", "parcel")
    (found,) = problems(schema, show({"use": "parcel"}), {"parcel": [{"selct": ["id"]}]})
    assert (found.pointer, found.near) == ("/mappings/parcel/0/selct", "select")
