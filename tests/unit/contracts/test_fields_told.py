"""Which fields an answer told."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.made_contract import FIELDS, json_answer, made_contract, problem_answer

from portazgo.contracts.compiling import CompiledRoute, FieldPair
from portazgo.contracts.fields.ledger import Selection, SelectionInvalid, Telling, parse_selection, restored, telling_of
from portazgo.contracts.fields.ledger import told as told_by

SHOW = made_contract().routes["show-badge"]


def told(route: CompiledRoute, status: int, selection: Selection | None = None) -> tuple[FieldPair, ...]:
    telling = restored(json.loads(json.dumps(telling_of(route).kept())))
    assert telling == telling_of(route)
    assert isinstance(telling, Telling)
    return told_by(telling, status, selection)


def names(route: CompiledRoute, status: int, fields: str | None = None) -> list[str]:
    selection = None if fields is None else parse_selection(fields)
    return [pair.partner for pair in told(route, status, selection)]


def test_an_answer_tells_what_its_program_gives_out() -> None:
    assert told(SHOW, 200) == FIELDS
    assert [pair.backend for pair in told(SHOW, 200, parse_selection("label"))] == ["title"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("id", ["id"]),
        ("id,owner(name)", ["id", "owner.name"]),
        ("owner", ["owner.name"]),
        (" status , id ", ["id", "status"]),
        ("nothing", []),
        ("owner(salary)", []),
    ],
)
def test_a_selection_narrows_it(fields: str, expected: list[str]) -> None:
    assert names(SHOW, 200, fields) == expected


def test_a_problem_tells_no_field_of_the_backends() -> None:
    assert [names(SHOW, status) for status in (404, 403, 500, 204)] == [[], [], [], []]


def test_the_first_answer_that_fits_is_the_one_that_was_sent() -> None:
    pairs = (FieldPair("a", "a"),)
    answers = [problem_answer("404"), json_answer("4XX"), json_answer("default")]
    route = replace(SHOW, wire={**SHOW.wire, "answers": answers}, fields={"4XX": pairs, "default": FIELDS})
    assert [told(route, status) for status in (404, 409, 500)] == [(), pairs, FIELDS]


def test_what_stands_beside_the_selections_place_passes_always() -> None:
    pairs = (
        FieldPair("count", "count"),
        FieldPair("results.id", "results.id"),
        FieldPair("results.label", "results.title"),
    )
    route = replace(SHOW, wire={**SHOW.wire, "fields": {"at": ["results"]}}, fields={"200": pairs})
    assert names(route, 200, "label") == ["count", "results.label"]


def test_maps_and_free_values_are_told_by_their_signs() -> None:
    pairs = (
        FieldPair("prices.*.net", "p.*.n"),
        FieldPair("prices.*.gross", "p.*.g"),
        FieldPair("extra.**", "extra.**"),
    )
    route = replace(SHOW, fields={"200": pairs})
    assert names(route, 200, "prices(EUR(net)),extra(anything)") == ["prices.*.net", "extra.**"]


@pytest.mark.parametrize("text", ["", "a,", ",a", "a(", "a(b", "a)", "a(b))", "()", "a()", "a(b)c"])
def test_what_is_no_selection_is_refused(text: str) -> None:
    with pytest.raises(SelectionInvalid):
        parse_selection(text)


NAMES = st.text("abcé_-", min_size=1, max_size=3)
TREES: st.SearchStrategy[Any] = st.recursive(
    st.dictionaries(NAMES, st.just({}), min_size=1, max_size=3),
    lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3),
    max_leaves=8,
)


def written(tree: dict[str, Any]) -> str:
    return ",".join(f"{name}({written(below)})" if below else name for name, below in tree.items())


def made(tree: dict[str, Any]) -> Selection:
    return Selection({name: made(below) for name, below in tree.items()})


@given(TREES)
def test_a_selection_is_read_as_it_was_written(tree: dict[str, Any]) -> None:
    assert parse_selection(written(tree)) == made(tree)
