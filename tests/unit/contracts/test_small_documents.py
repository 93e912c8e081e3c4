"""Small documents of backends that would keep the control plane busy for days, or end it in the middle."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from portazgo.contracts.compiling import ContractRefused, ContractTerms, RouteFacts, compile_contract
from portazgo.contracts.differences.contracts import changes
from portazgo.contracts.differences.effects import Outcome, effects
from portazgo.contracts.differences.schemas import schema_changes
from portazgo.contracts.document.building import VersionFacts, partner_document, render
from portazgo.contracts.drafting import draft
from portazgo.contracts.drift.expecting import expectation_of
from portazgo.contracts.drift.finding import findings
from portazgo.contracts.drift.merging import Merged
from portazgo.contracts.fields.ledger import telling_of, told
from portazgo.contracts.schema import DocumentRefused, Schema, read_schema
from portazgo.contracts.schema.fitting import unfit

LEVELS = 40
"""Each doubles the ways: a walk along all of them would take a hundred years."""
FACTS = {"show": RouteFacts("POST", "/v1/things", "POST", "/api/things", ("http://backend.test:8000",))}
SHOWN = {"operation": "things", "answers": {"200": [{"select": ["id"]}]}}


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    began = time.process_time()
    yield
    assert time.process_time() - began < 60


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def document(schema: Any, schemas: Any = None, **operation: Any) -> str:
    content = {"content": {"application/json": {"schema": schema}}}
    things = {
        "operationId": "things",
        "requestBody": content,
        "responses": {"200": {"description": "", **content}},
        **operation,
    }
    return json.dumps(
        {
            "openapi": "3.1.0",
            "info": {"title": "t", "version": "1"},
            "paths": {"/api/things": {"post": things}},
            "components": {"schemas": schemas or {}},
        }
    )


def chain(link: Any, leaf: Any, levels: int = LEVELS) -> str:
    schemas = {f"A{n}": link(ref(f"A{n + 1}")) for n in range(levels)}
    return document(ref("A0"), {**schemas, f"A{levels}": leaf})


def compiled(schema: Schema, **route: Any) -> Any:
    return compile_contract(ContractTerms({"show": {"operation": "things", **route}}), schema, FACTS)


EMPTY = {"type": "object", "additionalProperties": False}
NAMED = {"type": "object", "properties": {"name": {"type": "string"}}}
LINKS = {
    "members": lambda inner: {"type": "object", "properties": {"l": inner, "r": inner}},
    "variants": lambda inner: {"anyOf": [inner, inner]},
    "members of variants": lambda inner: {
        "anyOf": [
            {"type": "object", "properties": {"l": inner}},
            {"type": "object", "properties": {"r": inner}},
        ]
    },
    "lists and maps": lambda inner: {"type": ["array", "object"], "items": inner, "additionalProperties": inner},
}


@pytest.mark.parametrize("leaf", [EMPTY, NAMED], ids=["empty", "named"])
@pytest.mark.parametrize("link", LINKS)
def test_ways_that_multiply_are_not_all_gone(link: str, leaf: Any) -> None:
    schema, other = read_schema(chain(LINKS[link], leaf)), read_schema(chain(LINKS[link], {"type": "object"}))
    assert draft(schema, FACTS)["routes"]["show"]["operation"] == "things"
    assert expectation_of(schema, schema.operations[0]).of(200) is not None
    found = schema_changes(schema, other)
    selected = "name" if link == "variants" else "*" if link == "lists and maps" else "l"
    for wanted in (selected, "no.such"):
        try:
            contract = compiled(schema, answers={"200": [{"select": [wanted]}]})
        except ContractRefused:
            continue
        partner_document(VersionFacts("t", "2026-11-27"), FACTS, contract)
        assert changes(contract, contract) == []
        effects(found, {"t@2026-11-27": contract})


@pytest.mark.parametrize("levels", [70, 150])
@pytest.mark.parametrize("link", LINKS)
def test_what_lies_very_deep_is_used_or_refused(link: str, levels: int) -> None:
    try:
        schema = read_schema(chain(LINKS[link], NAMED, levels))
    except DocumentRefused as refused:
        assert "levels deep" in refused.why
        return
    for selected in (".", "l", "*", "name"):
        try:
            contract = compiled(schema, request=[{"select": [selected]}], answers={"200": {"empty": True}})
        except ContractRefused as refused:
            assert refused.problems
            continue
        assert changes(contract, contract) == []


@pytest.mark.parametrize("link", ["members", "members of variants"])
def test_what_a_request_writes_is_looked_for_and_not_listed(link: str) -> None:
    schema = read_schema(chain(LINKS[link], NAMED))
    contract = compiled(schema, request=[{"select": ["l", "r"]}], answers={"200": {"empty": True}})
    found = schema_changes(schema, read_schema(chain(LINKS[link], EMPTY)))
    judged = {
        effect.change.path: effect.outcome
        for effect in effects(found, {"t@2026-11-27": contract})
        if effect.change.place == "request"
    }
    assert judged == {".".join(["l"] * LEVELS + ["name"]): Outcome.CHANGES}


def test_parts_of_parts_are_put_together_up_to_a_bound() -> None:
    schemas: dict[str, Any] = {}
    for kind in "BC":
        for n in range(LEVELS):
            inner = ref(f"{kind}{n + 1}")
            schemas[f"{kind}{n}"] = {"type": "object", "properties": {"l": inner, "r": inner}}
        schemas[f"{kind}{LEVELS}"] = {"type": "object", "properties": {kind: {"type": "string"}}}
    with pytest.raises(DocumentRefused, match="put together of too many parts"):
        read_schema(document({"allOf": [ref("B0"), ref("C0")]}, schemas))
    with pytest.raises(DocumentRefused, match="put together of too many parts"):
        read_schema(document({"type": "array", "prefixItems": [{"maxLength": n} for n in range(3_000)]}))


@pytest.mark.parametrize("word", ["allOf", "anyOf"])
def test_long_lists_of_values_are_not_compared_each_with_each(word: str) -> None:
    many = 100_000
    schema = read_schema(document({word: [{"enum": list(range(many))}, {"enum": list(range(many - 1, 2 * many))}]}))
    [answer] = schema.operations[0].answers.values()
    shape = answer.contents["application/json"]
    assert shape is not None
    assert shape.enum is not None
    assert len(shape.enum) == (1 if word == "allOf" else 2 * many)
    assert unfit(schema, shape, many - 1) is None
    assert unfit(schema, shape, -1) == "it is none of the values that the schema lists"


def test_many_components_of_one_name_get_their_own_each() -> None:
    inner = {f"q{n}": {"type": "object", "properties": {"a": {"type": "string"}}} for n in range(20_000)}
    schemas = {
        "Root": {
            "type": "object",
            "properties": {f"p{n}": ref(f"All/properties/q{n}/properties/a") for n in range(20_000)},
        },
        "All": {"type": "object", "properties": inner},
    }
    schema = read_schema(document(ref("Root"), schemas))
    assert len(schema.components) == 20_001


CAREFUL = r"^(\w+\s?)*$"
"""It goes back over all ways of dividing a text: of 40 letters for days, where machines do that."""


def test_a_pattern_is_searched_without_going_back() -> None:
    parameter = {"name": "q", "in": "query", "schema": {"type": "string", "pattern": CAREFUL}}
    schema = read_schema(document({"type": "object", "properties": {"id": {"type": "string"}}}, parameters=[parameter]))
    for default, says in (("a" * 2_000 + "!", "does not fit the pattern"), ("a" * 2_000, None)):
        route = {"query": {"q": {"default": default}}, "request": None, **SHOWN}
        if says is None:
            assert compiled(schema, **route)
            continue
        with pytest.raises(ContractRefused) as refused:
            compiled(schema, **route)
        assert [says in problem.sentence for problem in refused.value.problems] == [True]


def test_what_goes_back_by_itself_stays_the_backends_matter() -> None:
    shape = read_schema(document({"type": "string", "pattern": "^(?!no)"})).operations[0].answers["200"]
    assert unfit(Schema("", "", (), {}), shape.contents["application/json"], "no") is None  # type: ignore[arg-type]


def test_a_value_is_held_against_a_component_once() -> None:
    schemas: dict[str, Any] = {f"A{n}": {"anyOf": [ref(f"A{n + 1}"), ref(f"B{n + 1}")]} for n in range(LEVELS)}
    schemas |= {f"B{n}": {"anyOf": [ref(f"A{n + 1}"), ref(f"B{n + 1}")]} for n in range(LEVELS)}
    schemas |= {f"A{LEVELS}": NAMED, f"B{LEVELS}": {"type": "object", "properties": {"other": {"type": "string"}}}}
    schema = read_schema(document(ref("A0"), schemas))
    shape = schema.operations[0].answers["200"].contents["application/json"]
    assert shape is not None
    assert unfit(schema, shape, {"name": 1, "other": 2}) is not None
    assert unfit(schema, shape, {"name": "x"}) is None


def test_what_json_can_not_say_is_refused_or_left_out() -> None:
    for value in ("1e999", "NaN", "-Infinity"):
        text = document({"type": "object", "properties": {"id": {"type": "number", "enum": [0]}}})
        with pytest.raises(DocumentRefused, match="none that JSON can say") as refused:
            read_schema(text.replace('"enum": [0]', f'"enum": [{value}]'))
        assert refused.value.pointer.endswith("/properties/id/enum")
        schema = read_schema(text.replace('"enum": [0]', f'"example": {value}'))
        contract = compiled(schema, **SHOWN)
        json.dumps([contract.components, contract.routes["show"].answer_schemas], allow_nan=False)
        render(partner_document(VersionFacts("t", "2026-11-27"), FACTS, contract))
    for name in ("\ud800", "a\0b"):
        with pytest.raises(DocumentRefused, match="no database keeps it"):
            read_schema(document({"type": "object", "properties": {name: {"type": "string"}}}))


def test_numbers_that_are_larger_than_any_double_are_numbers() -> None:
    large = 10**400
    bounded = {"type": "object", "properties": {"id": {"type": "integer", "maximum": large}}}
    contract = compiled(read_schema(document(bounded)), **SHOWN)
    assert changes(contract, contract) == []
    multiples = [{"type": "number", "multipleOf": large}, {"type": "number", "multipleOf": 0.3}]
    read_schema(document({"type": "object", "properties": {"id": {"allOf": multiples}}}))


def test_names_that_no_author_could_write_are_told_as_they_are() -> None:
    """A member without a name, `**` in the middle, and more objects in each other than a path of a contract has names."""
    deepest: Any = NAMED
    for _ in range(40):
        deepest = {"type": "object", "required": ["a.b"], "properties": {"a.b": deepest}}
    odd = {"type": "object", "properties": {"": NAMED, "**": NAMED, "deep": deepest, "id": {"type": "string"}}}
    schema, other = (
        read_schema(document(odd)),
        read_schema(document(json.loads(json.dumps(odd).replace("name", "other")))),
    )
    contract = compiled(schema, request=[{"select": ["."]}], answers={"200": [{"select": ["."]}]})
    found = effects(schema_changes(schema, other), {"t@2026-11-27": contract})
    assert {effect.change.path for effect in found} >= {".name", "**.name", "/deep" + "/a.b" * 40 + "/name"}
    assert len(told(telling_of(contract.routes["show"]), 200)) == 4
    answer = {"": {"new": 1}, "**": {"new": 1}, "deep": {}}
    merged = Merged()
    merged.add(findings(expectation_of(schema, schema.operations[0]), 200, answer), 1)
    # Of what no contract could name, nothing is told: it would be told to nobody's use.
    assert {(one.kind.value, one.path) for one in merged.seen} == {("missing", "/deep/a.b")}


def test_an_object_of_many_members_is_not_compared_each_with_each() -> None:
    members = {f"some_member_{n}": {"type": "string"} for n in range(20_000)}
    schema = read_schema(document({"type": "object", "properties": members}))
    assert compiled(schema, request=[{"select": ["."]}], answers={"200": {"empty": True}})
    with pytest.raises(ContractRefused) as refused:
        compiled(schema, answers={"200": [{"select": [f"some_membr_{n}" for n in range(190)]}]})
    assert {problem.near for problem in refused.value.problems} <= {None, *members}
    assert sum(problem.near is not None for problem in refused.value.problems) == 190


def test_a_parameter_whose_place_is_no_word_is_none() -> None:
    parameters = [{"in": {}, "name": "a"}, {"in": ["query"], "name": "b"}, {"in": "query", "name": "c"}]
    schema = read_schema(document({"type": "string"}, parameters=parameters))
    assert [parameter.name for parameter in schema.operations[0].parameters] == ["c"]


NULL = {"type": "null"}


@pytest.mark.parametrize(
    "schemas",
    [
        {"A": {"anyOf": [ref("A"), NULL]}},
        {"A": {"oneOf": [ref("A")]}},
        {"A": {"allOf": [ref("A")]}},
        {"A": {"oneOf": [ref("B")]}, "B": {"oneOf": [ref("A")]}},
        {"A": {"allOf": [ref("B")]}, "B": {"anyOf": [ref("C"), NULL]}, "C": {"allOf": [ref("B")]}},
    ],
)
def test_a_schema_that_is_nothing_but_itself_is_refused(schemas: Any) -> None:
    """Whoever looked for what it is never came back."""
    with pytest.raises(DocumentRefused, match="nothing but itself") as refused:
        read_schema(document(ref("A"), schemas))
    assert refused.value.pointer.startswith("/components/schemas/")


@pytest.mark.parametrize("beside", [{}, {"properties": {"id": {"type": "string"}}}])
def test_a_list_of_such_lists_has_an_end(beside: Any) -> None:
    def again(kind: str) -> Schema:
        lists = {"type": ["array", "object"] if beside else "array", "items": ref("Lists"), **beside}
        members = {"lists": ref("Lists"), "id": {"type": kind}}
        return read_schema(document({"type": "object", "properties": members}, {"Lists": lists}))

    schema, other = again("string"), again("integer")
    contract = compiled(schema, request=[{"select": ["."]}], answers={"200": [{"select": ["."]}]})
    assert draft(schema, FACTS)["routes"]["show"]["operation"] == "things"
    assert changes(contract, contract) == []
    found = effects(schema_changes(schema, other), {"t@2026-11-27": contract})
    assert {(effect.change.place, effect.outcome) for effect in found} == {
        ("request", Outcome.CHANGES),
        ("answer 200", Outcome.FAILS),
    }
