"""What became of a backend's schema, and what that means for contracts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.made_contract import DOCUMENT, JSON_BODY, backend_schema, made_contract

from portazgo.contracts.compiling import CompiledContract, FieldPair
from portazgo.contracts.differences.effects import Effect, Outcome, effects, written
from portazgo.contracts.differences.schemas import Kind, SchemaChange, schema_changes
from portazgo.contracts.schema import read_schema


def after(*replaced: tuple[str, str]) -> list[SchemaChange]:
    document = DOCUMENT
    for old, new in replaced:
        assert old in document
        document = document.replace(old, new)
    return schema_changes(backend_schema(), read_schema(document))


def of_reading(found: list[SchemaChange]) -> list[tuple[str, str, Kind]]:
    return [(change.place, change.path, change.kind) for change in found if change.operation == "badges_retrieve"]


STATE = "state: {type: string, enum: [draft, issued]}"
TITLED = "required: [id, title, state]\n      properties:\n        id: {type: integer}\n       "
CASES = [
    ((STATE, f"{STATE}\n        price: {{type: number}}"), "price", Kind.NEW),
    ((f"{TITLED} title:", f"{TITLED.replace(', title', '')} headline:"), "title", Kind.GONE),
    (("id: {type: integer}\n", "id: {type: string}\n"), "id", Kind.RETYPED),
    (("margin_note: {type: string}", "margin_note: {type: [string, 'null']}"), "margin_note", Kind.RETYPED),
    (("enum: [draft, issued]", "enum: [draft, issued, lost]"), "state", Kind.VALUES_NEW),
    (("enum: [draft, issued]", "enum: [draft]"), "state", Kind.VALUES_GONE),
    (("required: [id, title, state]", "required: [id, state]"), "title", Kind.OPTIONAL),
    (("required: [id, title, state]", "required: [id, title, state, margin_note]"), "margin_note", Kind.REQUIRED),
    (("{name: {type: string}, salary_band", "{salary_band"), "owner.name", Kind.GONE),
]


@pytest.mark.parametrize(
    ("replaced", "path", "kind"), CASES, ids=[f"{n}-{kind}" for n, (_, _, kind) in enumerate(CASES)]
)
def test_a_field_that_changed_is_told_by_operation(replaced: tuple[str, str], path: str, kind: Kind) -> None:
    assert ("answer 200", path, kind) in of_reading(after(replaced))


def test_bodies_that_springdoc_calls_of_any_type_are_compared() -> None:
    before = DOCUMENT.replace("{application/json:", "{'*/*':")
    changed = schema_changes(
        read_schema(before), read_schema(before.replace("id: {type: integer}", "id: {type: string}"))
    )
    assert ("answer 200", "id", Kind.RETYPED) in of_reading(changed)


def test_the_same_document_again_changes_nothing() -> None:
    assert after() == []


def test_operations_parameters_and_answers_come_and_go() -> None:
    found = after(("badges_create", "badges_make"), ('"201"', '"202"'), ("tenant_ref", "tenant"))
    assert found == [
        SchemaChange("badges_create", "query tenant", "", Kind.NEW),
        SchemaChange("badges_create", "query tenant_ref", "", Kind.GONE),
        SchemaChange("badges_create", "answer 201", "", Kind.GONE),
        SchemaChange("badges_create", "answer 202", "", Kind.NEW),
    ]
    gone = after(("/api/badges/{id}/", "/api/other/{id}/"), ("badges_retrieve", "other_retrieve"))
    assert gone == [
        SchemaChange("other_retrieve", "", "", Kind.NEW, "GET /api/other/{id}/"),
        SchemaChange("badges_retrieve", "", "", Kind.GONE, "GET /api/badges/{id}/"),
    ]
    assert gone[1].sentence == "badges_retrieve: gone (GET /api/badges/{id}/)"


def test_recursive_schemas_have_an_end() -> None:
    tree = DOCUMENT.replace(
        "owner: {", 'copies: {type: array, items: {$ref: "#/components/schemas/Badge"}}\n        owner: {'
    )
    grown = tree.replace("margin_note: {type: string}", "margin_note: {type: integer}")
    found = schema_changes(read_schema(tree), read_schema(grown))
    assert of_reading(found) == [("answer 200", "margin_note", Kind.RETYPED)]


def effects_of(*replaced: tuple[str, str], contract: CompiledContract | None = None) -> list[Effect]:
    return [e for e in effects(after(*replaced), {"basic": contract or made_contract()}) if e.route == "show-badge"]


def told(found: list[Effect]) -> list[tuple[Outcome, str]]:
    return [(effect.outcome, effect.sentence) for effect in found]


def test_a_selected_field_that_is_gone_makes_answers_fail() -> None:
    assert told(effects_of(CASES[1][0])) == [
        (
            Outcome.FAILS,
            "title, which partners see as label, is gone: answers without it fail, since the contract promises it",
        ),
        (Outcome.HIDDEN, "headline is not selected: partners don't see it"),
    ]


def test_a_selected_field_that_was_not_promised_only_leaves() -> None:
    assert told(effects_of(("{name: {type: string}, salary_band", "{salary_band"))) == [
        (Outcome.CHANGES, "owner.name, which partners see as owner.name, is gone: partners no longer get it")
    ]
    assert [effect.outcome for effect in effects_of(("        owner:", "        person:"))] == [
        Outcome.CHANGES,
        Outcome.HIDDEN,
    ]


def test_what_is_not_selected_stays_hidden() -> None:
    assert told(effects_of(CASES[0][0])) == [(Outcome.HIDDEN, "price is not selected: partners don't see it")]
    assert [effect.outcome for effect in effects_of(CASES[3][0])] == [Outcome.HIDDEN]


def test_a_retyped_field_fails_and_new_values_are_to_be_seen() -> None:
    assert effects_of(CASES[2][0])[0].outcome is Outcome.FAILS
    assert [effect.outcome for effect in effects_of(CASES[4][0])] == [Outcome.CHANGES]


def test_a_field_that_passes_freely_changes_with_all_that_is_in_it() -> None:
    compiled = made_contract()
    route = replace(compiled.routes["show-badge"], fields={"200": (FieldPair("owner.**", "owner.**"),)})
    contract = replace(compiled, routes={"show-badge": route})
    assert [effect.outcome for effect in effects_of(("salary_band", "salary"), contract=contract)] == [
        Outcome.CHANGES,
        Outcome.HIDDEN,
    ]


REQUEST: dict[str, Any] = {
    "body": JSON_BODY,
    "program": {
        "nodes": [
            {
                "object": {
                    "members": [
                        {"in": "label", "node": 1, "out": "title", "wrap": ["data"]},
                        {"in": "owner", "node": 2, "inline": True},
                        {"in": "image", "node": 1, "slot": 0},
                        {"in": "parts", "node": 3, "out": "parts"},
                    ],
                    "fill": [{"out": "tenant", "value": {"const": 1}}],
                    "template": {"bytes": 9, "members": [{"out": "files", "members": [{"out": "image", "slot": 0}]}]},
                }
            },
            {"string": True},
            {"object": {"members": [{"in": "name", "node": 1, "out": "owner_name"}]}},
            {"array": {"items": 4}},
            {"object": {"members": [{"in": "parts", "node": 3, "out": "parts"}], "unknown": 1}},
        ],
        "depth": 64,
    },
    "path": [],
    "query": [{"in": "limit", "out": "page_size", "required": False, "many": False, "node": 1}],
    "headers": [],
    "fill": [],
}


def test_what_a_request_writes_is_read_off_its_program() -> None:
    assert sorted({".".join(path) for path in written(REQUEST)}) == [
        "data.title",
        "files",
        "files.image",
        "owner_name",
        "parts",
        "parts.**",
        "parts.parts",
        "parts.parts.**",
        "tenant",
    ]


@pytest.mark.parametrize(
    ("place", "path", "kind", "outcome"),
    [
        ("request", "tenant", Kind.REQUIRED, Outcome.CHANGES),
        ("request", "weight", Kind.NEW_REQUIRED, Outcome.FAILS),
        ("request", "data.title", Kind.RETYPED, Outcome.CHANGES),
        ("request", "note", Kind.NEW, Outcome.HIDDEN),
        ("request", "note", Kind.GONE, Outcome.HIDDEN),
        ("query page_size", "", Kind.GONE, Outcome.CHANGES),
        ("query page", "", Kind.NEW_REQUIRED, Outcome.FAILS),
        ("query page", "", Kind.NEW, Outcome.HIDDEN),
        ("", "", Kind.GONE, Outcome.FAILS),
        ("answer 500", "", Kind.NEW, Outcome.HIDDEN),
    ],
)
def test_a_request_fails_where_the_backend_wants_what_is_not_sent(
    place: str, path: str, kind: Kind, outcome: Outcome
) -> None:
    compiled = made_contract()
    create = compiled.routes["create-badge"]
    contract = replace(compiled, routes={"create-badge": replace(create, wire={**create.wire, "request": REQUEST})})
    found = effects([SchemaChange("badges_create", place, path, kind, "a became b")], {"basic": contract})
    assert [effect.outcome for effect in found] == [outcome]
