"""Computed members: what is refused when a contract is compiled, and what partners receive."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from typing import Any

import pytest
from support.documents import PROJECT

from portazgo._native import project, project_fields
from portazgo.contracts.compiling import CompiledContract, ContractRefused, ContractTerms, RouteFacts, compile_contract
from portazgo.contracts.differences.contracts import changes, is_breaking
from portazgo.contracts.expressions.tokens import LONGEST
from portazgo.contracts.expressions.written import computed_in
from portazgo.contracts.recording.redacting import known_of
from portazgo.contracts.schema import Schema, read_schema

TEXT = {"type": "string"}
NUMBERS = {"type": "array", "items": {"type": "integer"}}
PERSON = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "first": TEXT,
        "last": TEXT,
        "price": {"type": "number"},
        "count": {"type": "integer", "nullable": True},
        "tags": {"type": "array", "items": TEXT},
        "lines": {
            "type": "array",
            "items": {"type": "object", "properties": {"amount": {"type": "integer"}, "paid": {"type": "boolean"}}},
        },
        "owner": {"type": "object", "properties": {"name": TEXT, "x-y": TEXT}},
        "extra": {"type": "object"},
        "date-of-birth": TEXT,
        "pet": {
            "oneOf": [
                {
                    "type": "object",
                    "properties": {"kind": TEXT, "claws": {"type": "integer"}, "age": {"type": "integer"}},
                },
                {"type": "object", "properties": {"kind": TEXT, "bark": TEXT, "age": TEXT}},
            ]
        },
        "labels": {"type": "object", "additionalProperties": TEXT},
        "children": {"type": "array", "items": {"$ref": "#/components/schemas/Person"}},
    },
}


@pytest.fixture(scope="module")
def schema() -> Schema:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Person"}}}
    show = {"operationId": "show", "responses": {"200": {"description": "", "content": content}}}
    document = {
        "openapi": "3.0.3",
        "info": {"title": "t", "version": "1"},
        "paths": {"/people": {"get": show}},
        "components": {"schemas": {"Person": PERSON}},
    }
    return read_schema(json.dumps(document))


def under(schema: Schema, *operators: Any, **more: Any) -> CompiledContract:
    routes = {"show": {"answers": {"200": list(operators)}, **more}}
    return compile_contract(
        ContractTerms(routes=routes), schema, {"show": RouteFacts("GET", "/v1/people", "GET", "/people")}
    )


def compiled(schema: Schema, expr: str, declared: Any = None, select: Sequence[str] = ("id",)) -> CompiledContract:
    return under(schema, {"select": list(select)}, {"compute": {"made": told(expr, declared)}})


def told(expr: str, declared: Any = None) -> dict[str, Any]:
    return {"expr": expr, "schema": TEXT if declared is None else declared}


def received(contract: CompiledContract, body: str) -> str:
    wire = contract.routes["show"].wire
    return project(json.dumps(wire["program"]).encode(), wire["answers"][0]["body"]["root"], body.encode()).decode()


@pytest.mark.parametrize(
    ("expr", "declared", "body", "expected"),
    [
        ("self.first + ' ' + self.last", None, '{"first": "A", "last": "é", "id": 1}', '{"id":1,"made":"A é"}'),
        (
            "self.id",
            {"type": "integer"},
            '{"id": 12345678901234567890}',
            '{"id":12345678901234567890,"made":12345678901234567890}',
        ),
        ("self.price * 2.0", {"type": "number"}, '{"price": 10.10}', '{"made":20.2}'),
        ("has(self.owner) ? self.owner.name : 'nobody'", None, "{}", '{"made":"nobody"}'),
        ("has(self.owner) ? self.owner.name : 'nobody'", None, '{"owner": {"name": "Ana"}}', '{"made":"Ana"}'),
        ("self.count", {"type": ["integer", "null"]}, '{"count": null}', '{"made":null}'),
        (
            "self.lines.filter(l, l.paid).map(l, l.amount)",
            NUMBERS,
            '{"lines": [{"amount": 1, "paid": true}, {"paid": false}]}',
            '{"made":[1]}',
        ),
        ("self.tags.join(', ')", None, '{"tags": ["a", "b"]}', '{"made":"a, b"}'),
        ("'b' in self.tags", {"type": "boolean"}, '{"tags": ["a", "b"]}', '{"made":true}'),
        (
            "self['date-of-birth'] + self.owner[\"x-y\"]",
            None,
            '{"date-of-birth":"a","owner":{"x-y":"b"}}',
            '{"made":"ab"}',
        ),
        ("'date-of-birth' in self", {"type": "boolean"}, "{}", '{"made":false}'),
        ("self.lines.exists(l, 'paid' in l)", {"type": "boolean"}, '{"lines":[{"amount":1}]}', '{"made":false}'),
        ("has(self.tags) && self.tags != null", {"type": "boolean"}, '{"tags":[]}', '{"made":true}'),
        ("null == self.owner", {"type": "boolean"}, '{"owner":null}', '{"made":true}'),
        ("self.pet.kind", None, '{"pet":{"kind":"cat","claws":18}}', '{"made":"cat"}'),
        ("has(self.pet.bark) ? self.pet.bark : 'none'", None, '{"pet":{"kind":"cat"}}', '{"made":"none"}'),
        ("self.first", None, '{"first": "\\ud800"}', '{"made":"\\ud800"}'),
    ],
)
def test_partners_receive_what_is_computed(schema: Schema, expr: str, declared: Any, body: str, expected: str) -> None:
    assert received(compiled(schema, expr, declared), body) == expected


def test_it_stands_where_its_name_says_and_reads_the_object_around_it(schema: Schema) -> None:
    operators = [
        {"select": ["id", "children.id", "children.lines.amount", "owner.name"]},
        {"rename": {"children": "kids", "children.lines": "rows"}},
        {
            "compute": {
                "meta.names": told("self.first + '+' + self.last"),
                "kids.label": told("string(self.id) + self.first"),
                "kids.rows.debt": told("!self.paid", {"type": "boolean"}),
                "owner.length": told("size(self.name)", {"type": "integer"}),
            }
        },
    ]
    contract = under(schema, *operators)
    line = '{"amount":5,"paid":false}'
    body = (
        '{"first":"a","last":"b","owner":{"name":"Ana"},"id":1,"children":'
        f'[{{"id":2,"first":"c","lines":[{line},{line}]}},{{"id":3,"first":"d"}}]}}'
    )
    row = {"amount": 5, "debt": True}
    assert json.loads(received(contract, body)) == {
        "id": 1,
        "owner": {"name": "Ana", "length": 3},
        "kids": [{"id": 2, "label": "2c", "rows": [row, row]}, {"id": 3, "label": "3d"}],
        "meta": {"names": "a+b"},
    }
    assert {pair.partner: pair.backend for pair in contract.routes["show"].fields["200"]} == {
        "id": "id",
        "owner.name": "owner.name",
        "owner.length": "owner.name",
        "kids.id": "children.id",
        "kids.label": "children.first",
        "kids.rows.amount": "children.lines.amount",
        "kids.rows.debt": "children.lines.paid",
        "meta.names": "last",
    }


def test_variants_have_it_all_and_one_type_for_what_is_read(schema: Schema) -> None:
    operators = [{"select": ["pet.kind"]}, {"compute": {"pet.armed": told("has(self.claws)", {"type": "boolean"})}}]
    contract = under(schema, *operators)
    assert received(contract, '{"pet":{"kind":"cat","claws":18}}') == '{"pet":{"kind":"cat","armed":true}}'
    assert received(contract, '{"pet":{"kind":"dog","bark":"w"}}') == '{"pet":{"kind":"dog","armed":false}}'
    with pytest.raises(ContractRefused, match="age is integer or string: an expression reads what is of one type"):
        under(schema, {"select": ["pet.kind"]}, {"compute": {"pet.old": told("self.age > 9", {"type": "boolean"})}})


def test_an_expression_reads_the_null_that_partners_do_not_get(schema: Schema) -> None:
    operators: list[Any] = [
        {"select": ["id", "count"]},
        {"compute": {"made": told("self.count == null", {"type": "boolean"})}},
    ]
    for drop in ({"drop_null": ["count"]}, {"drop_null": True}):
        contract = under(schema, *operators, drop)
        assert received(contract, '{"id":1,"count":null}') == '{"id":1,"made":true}'
        assert received(contract, '{"id":1,"count":2}') == '{"id":1,"count":2,"made":false}'
    contract = under(schema, *operators, {"drop_null": ["count"]}, {"default": {"count": 0}})
    assert received(contract, '{"id":1,"count":null}') == '{"id":1,"count":0,"made":true}'


def test_an_object_that_is_taken_apart_holds_nothing_computed(schema: Schema) -> None:
    apart: list[Any] = [{"select": ["id", "owner.name"]}, {"move": {"id": "owner.number"}}]
    with pytest.raises(ContractRefused) as refused:
        under(schema, *apart, {"compute": {"owner.length": told("size(self.name)", {"type": "integer"})}})
    [problem] = refused.value.problems
    assert problem.pointer == "/routes/show/answers/200/2/compute/owner.length"
    assert problem.message.startswith("owner is taken apart")


def test_fields_that_are_asked_for_are_all_that_is_computed(schema: Schema) -> None:
    wire = (
        under(schema, {"select": ["id", "tags"]}, {"compute": {"made": told("self.tags.join('-')")}}, fields=True)
        .routes["show"]
        .wire
    )
    program, root = json.dumps(wire["program"]).encode(), wire["answers"][0]["body"]["root"]
    body = b'{"id":1,"tags":["a","b"]}'
    for fields, expected in (
        ("made", b'{"made":"a-b"}'),
        ("id", b'{"id":1}'),
        ("tags,made", b'{"tags":["a","b"],"made":"a-b"}'),
    ):
        assert project_fields(program, root, body, [], fields) == expected
    assert project_fields(program, root, b'{"id":1,"tags":[null]}', [], "id") == b'{"id":1}'


@pytest.mark.parametrize(
    ("expr", "body", "why"),
    [
        ("self.first + self.last", '{"first": "a"}', "value"),
        ("self.first + self.last", '{"first": "a", "last": null}', "value"),
        ("self.first + self.last", '{"first": "a", "last": 1}', "type"),
        ("string(self.id + 1)", '{"id": 9223372036854775807}', "value"),
        ("string(self.id)", '{"id": 12345678901234567890}', "value"),
        ("self.owner.name", '{"owner": {"name": "a", "name": "b"}}', "duplicate"),
        ("self.first", json.dumps({"first": "x" * 20_000}), "size"),
    ],
)
def test_what_has_no_value_is_a_violation_with_its_place(schema: Schema, expr: str, body: str, why: str) -> None:
    with pytest.raises(ValueError) as violation:  # noqa: PT011 - its parts are compared
        received(compiled(schema, expr), body)
    assert (violation.value.args[0], violation.value.args[2]) == (why, "/made")


@pytest.mark.parametrize(
    ("expr", "place", "says", "near"),
    [
        ("self.firs", "expr", "the schema has no member 'firs'", "first"),
        ("first", "expr", "there is no 'first' here", "self.first"),
        ("self.id + 1.0", "expr", "int + double is not defined", None),
        ("self.id", "schema", "the expression gives integer", "integer"),
        ("self.first.lowerAsci()", "expr", "there is no function 'lowerAsci'", "lowerAscii"),
        ("self.first +", "expr", "a value is missing before the end", None),
        ("self.extra.a", "expr", "extra is free-form", None),
        ("self.owner", "schema", "the expression gives object", None),
        ("self", "expr", "the object itself is no value", None),
        ("self.lines.all(l, self.tags.all(t, l.paid)) ? 'a' : 'b'", "expr", "all can't stand within another", None),
        ("9223372036854775808", "expr", "is no integer of 64 bits", None),
        ("'\\ud800'", "expr", "is no character", None),
        ("'\\u0000'", "expr", "is no character", None),
        ("'a\0'", "expr", "'\\x00' is no character (at character 3", None),
        ("'a\ud800'", "expr", "'\\ud800' is no character (at character 3", None),
        ("(" * 30 + "'a'" + ")" * 30, "expr", "lie in each other", None),
        ("'" + "a" * 1100 + "'", "expr", "at most 1024 characters", None),
        ("self.first == self.id ? 'a' : 'b'", "expr", "can't be compared", None),
        ("{'a': 1}", "expr", "begins nothing that is known here", None),
        ("matches(self.first, 'a')", "expr", "there is no function 'matches'", None),
        (
            "self.first\n  + self.lst",
            "expr",
            "no member 'lst' there (at line 2, character 10 of the expression)",
            "last",
        ),
        ("self.first + 'a", "expr", '"\'" begins nothing that is known here (at character 14 of the expression)', None),
        ("self.first self.last", "expr", "nothing can stand here, and there is 'self' (at character 12", None),
        ("self.frist == 'a' ? 'b' : 'c'", "expr", "(at character 6 of the expression)", "first"),
        ("'nam' in self.owner ? 'a' : 'b'", "expr", "the schema has no member 'nam' there", "name"),
        ("self['frist']", "expr", "the schema has no member 'frist' there", "first"),
        ("self.owner['nam']", "expr", "the schema has no member 'nam' there", "name"),
        ("self.owner == self.owner ? 'a' : 'b'", "expr", "a single value is needed here, and this is object", None),
        ("self.tags[0].x", "expr", "string has no members", None),
        ("self.labels.red", "expr", "the schema has no member 'red' there", None),
        ("self.lines", "schema", "the expression gives list(object)", None),
        ("self.tags", "schema", "gives a list of string, and the schema says string", None),
        ("null", "schema", "the expression is null, and the schema has no null", None),
        ("-self.first", "expr", "double or int is needed here, and this is string", None),
        ("!self.id ? 'a' : 'b'", "expr", "bool is needed here, and this is int", None),
        ("self.id % 2.0", "expr", "int % double is not defined", None),
        ("self.lines.map(l, l.amont)", "expr", "the schema has no member 'amont' there", "amount"),
        ("self.tags.mapp(t, t)", "expr", "there is no function 'mapp'", "map"),
        ("siz(self.tags)", "expr", "there is no function 'siz'", "size"),
        ("has(self)", "expr", "has asks for one member", None),
        (" + ".join(["'a'"] * 26), "expr", "more than 24 operators stand in a row", None),
        ("[" + ", ".join(["[1]"] * 20) + "][0]", "expr", "a single value is needed here", None),
        ("'" + "a" * 1022 + "' + ''", "expr", "(at character 1025 of the expression)", None),
        (
            "self.price > 1e999 ? 'a' : 'b'",
            "expr",
            "1e999 is larger than any number of this kind (at character 14",
            None,
        ),
        ("self.price > -1e999 ? 'a' : 'b'", "expr", "-1e999 is larger than any number", None),
        ("'nam' in self.tags[0] ? 'a' : 'b'", "expr", "list is needed here, and this is string", None),
    ],
)
def test_what_can_not_run_is_refused(schema: Schema, expr: str, place: str, says: str, near: str | None) -> None:
    with pytest.raises(ContractRefused) as refused:
        compiled(schema, expr)
    [problem] = refused.value.problems
    assert problem.pointer == f"/routes/show/answers/200/1/compute/made/{place}"
    assert says in problem.message
    assert near in (None, problem.near)


def test_a_small_expression_takes_no_long_time_to_check(schema: Schema) -> None:
    """Each level doubled the work: at the deepest that is read it was an hour."""
    nested = "true"
    for _ in range(18):
        nested = f'"paid" in self.lines[{nested} ? 1 : 0]'
    began = time.perf_counter()
    with pytest.raises(ContractRefused, match="more than 40 parts of the expression lie in each other"):
        compiled(schema, f"{nested} ? 'a' : 'b'")
    once = "true"
    for _ in range(11):
        once = f'"paid" in self.lines[{once} ? 1 : 0]'
    compiled(schema, once, {"type": "boolean"})
    assert time.perf_counter() - began < 1


def test_what_is_too_deep_to_go_through_is_refused(schema: Schema) -> None:
    """Rows of operators in parentheses: few expressions in each other, and hundreds of parts."""
    nested = "self.id"
    for _ in range(10):
        nested = f"({nested}{'*1' * 23}{'+1' * 23})"
    assert len(nested) < LONGEST
    with pytest.raises(ContractRefused, match="more than 40 parts of the expression lie in each other"):
        compiled(schema, nested, {"type": "integer"})
    compiled(schema, f"(self.id{'*1' * 15}){'+1' * 24}", {"type": "integer"})


@pytest.mark.parametrize(
    ("content", "place", "says", "near"),
    [
        ("self.first", "", "this must be a mapping, and is text", None),
        ({}, "", "compute has an expression and what it gives", None),
        ({"expr": " ", "schema": TEXT}, "/expr", "compute has an expression and what it gives", None),
        ({"expr": "self.first"}, "", "a computed member declares what it is", None),
        ({"expr": "self.first", "schema": "string"}, "/schema", "this must be a mapping, and is text", None),
        ({"expr": "self.first", "schema": {}}, "/schema", 'type is one type, or one and "null"', None),
        ({"expr": "self.first", "schema": {"type": "text"}}, "/schema/type", "this must be one of string", None),
        ({"expr": "self.first", "schema": {"type": "strng"}}, "/schema/type", "this must be one of", "string"),
        ({"expr": "self.first", "schema": {"type": "array"}}, "/schema", "this must be one of", None),
        (
            {"expr": "self.first", "schema": TEXT | {"items": TEXT}},
            "/schema/items",
            "items stand beside type: array",
            None,
        ),
        (
            {"expr": "self.first", "schema": TEXT | {"fromat": "date"}},
            "/schema/fromat",
            "there is no member 'fromat'",
            None,
        ),
        ({"expr": "self.first", "scheme": TEXT}, "/scheme", "there is no member 'scheme'", "schema"),
        ({"expr": "self.first", "schema": {"type": ["string", "integer"]}}, "/schema/type", "one and", None),
    ],
)
def test_what_is_declared_badly_is_refused(
    schema: Schema, content: Any, place: str, says: str, near: str | None
) -> None:
    with pytest.raises(ContractRefused) as refused:
        under(schema, {"select": ["id"]}, {"compute": {"made": content}})
    at = f"/routes/show/answers/200/1/compute/made{place}"
    found = [problem for problem in refused.value.problems if problem.pointer == at and says in problem.message]
    assert found, refused.value.problems
    assert near in (None, found[0].near)


def test_names_meet_nowhere(schema: Schema) -> None:
    for name, why in (("id", "two members are called 'id'"), ("id.x", "would stand at"), ("a.id", "")):
        operators = [{"select": ["id"]}, {"compute": {name: told("self.first")}}]
        if not why:
            under(schema, *operators)
            continue
        with pytest.raises(ContractRefused, match=why):
            under(schema, *operators)
    with pytest.raises(ContractRefused, match="lets members of any name pass"):
        under(schema, {"select": ["labels"]}, {"compute": {"labels.x": told("'a'")}})
    with pytest.raises(ContractRefused, match="compute is for answers"):
        compile_contract(
            ContractTerms(
                routes={"show": {"request": [{"compute": {"x": told("'a'")}}], "answers": {"200": {"empty": True}}}}
            ),
            schema,
            {"show": RouteFacts("GET", "/v1/people", "GET", "/people")},
        )


def test_what_is_changed_for_partners_can_not_be_read(schema: Schema) -> None:
    with pytest.raises(ContractRefused, match="passes in part"):
        compiled(schema, "string(size(self.lines))", select=["lines.amount"])
    assert (
        received(compiled(schema, "string(size(self.tags))", select=["tags"]), '{"tags": []}')
        == '{"tags":[],"made":"0"}'
    )


def test_another_expression_is_told_and_breaks_nothing(schema: Schema) -> None:
    one, other = compiled(schema, "self.first + self.last"), compiled(schema, "self.last + self.first")
    found = changes(one, other)
    assert [change.rule for change in found] == ["answer-source-changed"]
    assert not is_breaking(found)
    assert is_breaking(changes(one, compiled(schema, "self.id", {"type": "integer"})))
    (written,) = computed_in(one.routes["show"].wire["program"])
    assert (written.name, written.inputs) == ("made", ("first", "last"))


def test_expressions_that_differ_in_what_they_read_are_two(schema: Schema) -> None:
    one, other = (
        compiled(schema, f"has(self.{first}) ? self.tags[0] : self.{second}")
        for first, second in (("first", "last"), ("last", "first"))
    )
    assert [change.rule for change in changes(one, other)][:1] == ["answer-source-changed"]
    assert changes(one, one) == []


def test_recordings_keep_the_words_of_expressions(schema: Schema) -> None:
    program = (
        compiled(schema, "self.first == 'open' && self.price > 2.50 ? 'a' : string(7)").routes["show"].wire["program"]
    )
    assert known_of(program).words == {'"open"', "2.5", '"a"', "7"}


def test_the_limits_of_the_page_are_those_of_the_code() -> None:
    page = (PROJECT / "docs" / "contracts.md").read_text("utf-8")
    source = (PROJECT / "native/crates/core/src/transform/compute/evaluate.rs").read_text("utf-8")
    figures = {
        name: int(figure.replace("_", "")) for name, figure in re.findall(r"const (\w+): usize = ([0-9_]+);", source)
    }
    assert f"| an expression | {LONGEST:,} characters, 512 parts |" in page
    assert f"| what it reads | {figures['MOST_INPUT'] // 1024} KiB, {figures['MOST_DEPTH']} deep |" in page
    assert f"| what it gives, and each text on the way | {figures['MOST_OUTPUT'] // 1024} KiB |" in page
    assert f"| work for one value | {figures['MOST_STEPS']:,} steps |" in page
    assert f"| work for all values of an answer | {figures['MOST_STEPS_OF_ANSWER']:,} steps |" in page


def test_its_schema_and_its_sources_are_told(schema: Schema) -> None:
    contract = compiled(schema, "self.lines.map(l, l.amount)", NUMBERS | {"description": "What is owed."})
    route = contract.routes["show"]
    name = route.answer_schemas["200"]["$ref"].rpartition("/")[2]
    shown = contract.components[name]
    assert (shown["properties"]["made"], shown["required"]) == (
        NUMBERS | {"x-portazgo-told": "What is owed."},
        ["made"],
    )
    assert [(pair.partner, pair.backend) for pair in route.fields["200"]][-1] == ("made", "lines.amount")
