"""What partners read of a version."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from support.made_contract import (
    BADGE,
    FACTS,
    NEW_BADGE,
    OWNER,
    json_answer,
    made_contract,
    problem_answer,
)

from portazgo.contracts.compiling import CompiledContract
from portazgo.contracts.document.building import VersionFacts, partner_document, render
from portazgo.contracts.document.callers import operations_of
from portazgo.contracts.document.parts import joined, parts_of
from portazgo.contracts.document.problems import Takes, own_answers

VERSION = VersionFacts("badges", "2026-11-26")


def document_of(compiled: CompiledContract, version: VersionFacts = VERSION, **words: Any) -> dict[str, Any]:
    return partner_document(version, FACTS, compiled, **words)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return document_of(made_contract(), servers=["https://api.partner.test"])


def test_an_independent_validator_finds_nothing_wrong(document: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(document).validate()
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_the_same_contract_gives_the_same_bytes() -> None:
    texts = {render(document_of(made_contract())) for _ in range(2)}
    assert len(texts) == 1
    assert json.loads(texts.pop())["info"] == {"title": "badges", "version": "2026-11-26"}


def test_a_document_of_all_operations_is_the_whole_one(document: dict[str, Any]) -> None:
    names = operations_of(document)
    assert joined(parts_of(document, {name: name for name in names}), names) == render(document)


def test_a_document_of_some_operations_has_what_they_lead_to_and_nothing_else(document: dict[str, Any]) -> None:
    # What nodes have of all operations gives the same as what of one alone would give.
    names = operations_of(document)
    parts = parts_of(document, {name: name for name in names})
    for name in names:
        text = joined(parts, [name])
        assert text == joined(parts_of(document, {name: name}), [name])
        cut = json.loads(text)
        OpenAPIV31SpecValidator(cut).validate()
        assert operations_of(cut) == [name]
        used = set(re.findall(r'"#/components/(\w+)/([^"]+)"', json.dumps(cut)))
        there = {(section, one) for section, members in cut["components"].items() for one in members}
        assert there - {("securitySchemes", "apiKey"), ("securitySchemes", "bearer")} == used
    none = json.loads(joined(parts, []))
    OpenAPIV31SpecValidator(none).validate()
    assert (none["paths"], none["components"]["schemas"]) == ({}, {})


def test_nothing_that_the_contract_hides_is_named() -> None:
    text = render(document_of(made_contract()))
    needles = [
        "margin_note",
        "salary_band",
        "tenant_ref",
        "internal.test",
        "8443",
        "/api/",
        "wiki",
        "INTERNAL",
        "cheap",
    ]
    assert [needle for needle in needles if needle in text] == []


def test_the_backends_prose_names_and_patterns_stay_inside() -> None:
    compiled = made_contract()
    patterned = {**OWNER, "properties": {"name": {"type": "string", "pattern": "^crm-secret-", "title": "CRM"}}}
    show = replace(compiled.routes["show-badge"], description="Password is hunter2. Ask bob.", tags=("internal-crm",))
    routes = {**compiled.routes, "show-badge": show}
    document = document_of(replace(compiled, routes=routes, components={"Owner": patterned}))
    text = render(document)
    needles = [
        "What people see",
        "Read a badge",
        "hunter2",
        "internal-crm",
        "crm-secret",
        "CRM",
        '"Owner"',
        "Welder",
        "Of a badge",
    ]
    assert [needle for needle in needles if needle in text] == []
    assert "ShowBadgeOwner" in document["components"]["schemas"]
    OpenAPIV31SpecValidator(document).validate()


def test_a_pattern_is_told_where_it_is_enforced() -> None:
    compiled = made_contract()
    asked = {**NEW_BADGE, "properties": {"label": {"type": "string", "pattern": "^[A-Z]"}}}
    routes = {**compiled.routes, "create-badge": replace(compiled.routes["create-badge"], request_schema=asked)}
    text = render(document_of(replace(compiled, routes=routes)))
    assert "^[A-Z]" in text


def test_an_operation_says_what_it_takes(document: dict[str, Any]) -> None:
    show = document["paths"]["/v1/badges/{id}"]["get"]
    assert [(p["name"], p["in"], p["required"]) for p in show["parameters"]] == [
        ("id", "path", True),
        ("fields", "query", False),
    ]
    create = document["paths"]["/v1/badges"]["post"]
    assert create["parameters"] == [
        {
            "name": "kind",
            "in": "query",
            "required": False,
            "schema": {"type": "array", "items": {"type": "string"}},
        }
    ]
    assert create["requestBody"]["required"] is True
    assert create["requestBody"]["content"]["application/json"]["schema"]["required"] == ["label"]
    assert document["security"] == [{"apiKey": []}, {"bearer": []}]
    assert document["components"]["securitySchemes"]["apiKey"]["name"] == "X-Api-Key"


def test_paths_that_differ_by_a_parameters_name_are_one(document: dict[str, Any]) -> None:
    assert sorted(document["paths"]) == ["/v1/badges", "/v1/badges/{id}"]
    image = document["paths"]["/v1/badges/{id}"]["put"]
    assert [p["name"] for p in image["parameters"]] == ["id"]
    assert image["requestBody"] == {"required": True, "content": {"image/png": {}, "image/jpeg": {}}}
    assert "content" not in image["responses"]["204"]


def test_a_parameter_of_the_path_without_a_rule_is_told_too() -> None:
    compiled = made_contract()
    route = replace(compiled.routes["badge-image"], parameters=())
    document = document_of(replace(compiled, routes={"badge-image": route}))
    assert document["paths"]["/v1/badges/{badge}"]["put"]["parameters"] == [
        {"name": "badge", "in": "path", "required": True, "schema": {"type": "string"}}
    ]
    OpenAPIV31SpecValidator(document).validate()


def test_each_status_tells_the_codes_that_it_can_have(document: dict[str, Any]) -> None:
    def codes(method: str, path: str, status: str) -> list[str]:
        response = document["paths"][path][method]["responses"][status]
        if "$ref" in response:
            response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
        schema: dict[str, Any] = response["content"]["application/problem+json"]["schema"]
        found: list[str] = schema["allOf"][1]["properties"]["code"]["enum"]
        return found

    assert codes("get", "/v1/badges/{id}", "404") == ["backend_refused", "route_unknown"]
    assert codes("post", "/v1/badges", "404") == ["route_unknown"]
    assert codes("post", "/v1/badges", "4XX") == ["backend_refused"]
    assert codes("get", "/v1/badges/{id}", "default") == ["backend_failed", "backend_refused"]
    assert "fields_invalid" in codes("get", "/v1/badges/{id}", "400")
    assert "body_invalid" not in codes("get", "/v1/badges/{id}", "400")
    assert {"body_invalid", "contract_violation"} <= set(codes("post", "/v1/badges", "400"))
    assert codes("post", "/v1/badges", "415") == ["body_type_unsupported"]
    assert "413" not in document["paths"]["/v1/badges/{id}"]["get"]["responses"]
    too_many = document["components"]["responses"]["Problem429"]
    assert set(too_many["headers"]) == {"X-Request-Id", "RateLimit-Policy", "RateLimit", "Retry-After"}


def test_answers_of_one_status_are_told_together() -> None:
    compiled = made_contract()
    show = compiled.routes["show-badge"]
    wire = {**show.wire, "answers": [json_answer("200"), json_answer("203", send=200)]}
    route = replace(show, wire=wire, answer_schemas={"200": BADGE, "203": {"type": "string"}})
    document = document_of(replace(compiled, routes={"show-badge": route}))
    schema = document["paths"]["/v1/badges/{id}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert {"type": "string"} in schema["anyOf"]
    assert "203" not in document["paths"]["/v1/badges/{id}"]["get"]["responses"]
    OpenAPIV31SpecValidator(document).validate()


def test_a_problem_that_is_given_another_status_is_told_under_that() -> None:
    compiled = made_contract()
    show = compiled.routes["show-badge"]
    gone = {**problem_answer("404"), "send": 410}
    route = replace(show, wire={**show.wire, "answers": [json_answer("200"), gone]}, answer_schemas={"200": BADGE})
    document = document_of(replace(compiled, routes={"show-badge": route}))
    told = document["paths"]["/v1/badges/{id}"]["get"]["responses"]
    name = told["410"]["$ref"].rsplit("/", 1)[-1]
    assert "backend_refused" in json.dumps(document["components"]["responses"][name])
    assert "backend_refused" not in json.dumps(document["components"]["responses"]["Problem404"])
    OpenAPIV31SpecValidator(document).validate()


def test_a_deprecated_version_says_so() -> None:
    version = replace(
        VERSION,
        deprecated_at=datetime(2027, 1, 1, tzinfo=UTC),
        sunset_at=datetime(2027, 6, 1, tzinfo=UTC),
        link="https://developers.partner.test/badges",
    )
    document = document_of(made_contract(), version)
    show = document["paths"]["/v1/badges/{id}"]["get"]
    assert show["deprecated"] is True
    assert {"Deprecation", "Sunset", "Link"} <= set(show["responses"]["200"]["headers"])
    assert document["info"]["description"] == (
        "Deprecated since 2027-01-01. Gone from 2027-06-01 on. What to do: https://developers.partner.test/badges"
    )
    OpenAPIV31SpecValidator(document).validate()


def test_a_component_of_the_contracts_named_problem_stays_what_it_is() -> None:
    compiled = made_contract()
    show = replace(compiled.routes["show-badge"], answer_schemas={"200": {"$ref": "#/components/schemas/Owner"}})
    routes = {"problem": show}
    facts = {"problem": FACTS["show-badge"]}
    document = partner_document(VERSION, facts, replace(compiled, routes=routes))
    schemas = document["components"]["schemas"]
    assert set(schemas) == {"GatewayProblem", "Problem"}
    assert schemas["Problem"]["properties"]["chief"]["anyOf"][0] == {"$ref": "#/components/schemas/Problem"}


def test_a_component_of_the_backends_named_problem_is_not_taken_for_the_gateways() -> None:
    compiled = made_contract()
    show = replace(compiled.routes["show-badge"], answer_schemas={"200": {"$ref": "#/components/schemas/Problem"}})
    answers = [json_answer("200"), json_answer("404")]
    show = replace(show, wire={**show.wire, "answers": answers}, answer_schemas={**show.answer_schemas, "404": {}})
    compiled = replace(compiled, routes={"show-badge": show}, components={"Problem": {"type": "string"}})
    document = document_of(compiled)
    schemas = document["components"]["schemas"]
    assert schemas["ShowBadge"] == {"type": "string"}
    not_found = document["paths"]["/v1/badges/{id}"]["get"]["responses"]["404"]["content"]
    reference = not_found["application/problem+json"]["schema"]["allOf"][0]["$ref"]
    assert schemas[reference.rpartition("/")[2]]["type"] == "object"


def test_no_answer_is_told_that_no_caller_can_get() -> None:
    everything = own_answers(Takes(body=True, input=True, fields=True))
    told = {code for codes in everything.values() for code, _ in codes}
    assert not {"client_aborted", "tls_failed", "method_not_allowed", "graphql_invalid"} & told
    assert {status for status in everything if status in {400, 401, 403, 404, 413, 415, 429, 502, 503, 504}} == {
        *(400, 401, 403, 404, 413, 415, 429, 502, 503, 504)
    }
