"""Answers without their values: no value stays, and a contract decides as it did; what two versions make of them."""

from __future__ import annotations

import json
import random
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.contract_calls import CallMaker
from support.contract_cases import Made
from support.contract_property import ROUTES, Places

from portazgo import _native
from portazgo.contracts.compiling import CompiledContract, ContractRefused, ContractTerms, compile_contract
from portazgo.contracts.drift.expectation import Expectation, Row, read_expectation
from portazgo.contracts.drift.expecting import expectation_of
from portazgo.contracts.examples.running import Passed, put_through
from portazgo.contracts.recording.forms import NotRecorded
from portazgo.contracts.recording.redacting import Known, known_of, read_known, redact
from portazgo.contracts.recording.replaying import Recorded, replay
from portazgo.contracts.schema import Schema, read_schema

SEED = random.SystemRandom().randrange(1 << 40)
NEEDLE = "canary-7313"
ANYTHING = Expectation(
    (
        Row(
            frozenset({"object"}),
            {"id": (1, True), "state": (2, False), "labels": (3, False), "tags": (4, False), "free": (5, False)},
        ),
        Row(frozenset({"integer"})),
        Row(frozenset({"string"}), words=frozenset({'"open"'})),
        Row(frozenset({"object"}), others=2),
        Row(frozenset({"array"}), items=2),
        Row(frozenset({"object", "string", "null"})),
    ),
    {"200": 0},
)


NOTHING = Known()


def redacted(document: Any, known: Known = NOTHING) -> Any:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return json.loads(redact(ANYTHING, known, 200, body))


def test_forms_stay_and_values_go() -> None:
    given_forms = {
        "state": "open",
        "id": 4711,
        "labels": {"ann@example.test": "open", "bob": "closed"},
        "tags": [
            "2026-11-26",
            "2026-11-26T15:37:12.25+01:00",
            "7f0d6f0e-8f5b-4a6f-9a3c-3f7e8a1f2b3c",
            "12.50",
            "a@b.cd",
        ],
        "free": {"ann": "https://ann.example.test/x?y", "n": None, "t": False, "zero": 0, "f": 3.25},
        "unknown": "Ann Example",
    }
    assert redacted(given_forms) == {
        "state": "open",
        "id": 7,
        "labels": {"*1": "open", "*2": "xxxx"},
        "tags": [
            "2000-01-01",
            "2000-01-01T00:00:00.00+00:00",
            "00000000-0000-4000-8000-000000000000",
            "1.11",
            "somebody@example.com",
        ],
        "free": {"*1": "https://example.com/", "*2": None, "*3": True, "*4": 1, "*5": 1.11},
        "*1": "xxxxxxxx",
    }


def test_no_text_takes_long_to_be_redacted() -> None:
    dots = "a@" + "." * 1021 + "@"
    began = time.perf_counter()
    assert (
        redacted({"tags": [dots] * 20, "labels": {str(number): dots for number in range(20)}})["tags"]
        == ["x" * 64] * 20
    )
    assert time.perf_counter() - began < 0.25


def test_a_number_that_is_a_word_stays_a_number_however_it_is_spelt() -> None:
    assert redacted(b'{"id": 1e+16}', Known(words=frozenset({"1e+16"}))) == {"id": 1e16}


def test_words_and_paths_of_the_contract_stay() -> None:
    known = Known(frozenset({'"closed"', "3"}), ("/api/things/{id}/",), ("http://backend:8000", ""))
    assert read_known(json.loads(json.dumps(known.written()))) == known
    assert redacted({"id": 3, "state": "closed"}, known) == {"id": 3, "state": "closed"}
    assert redacted({"state": "http://backend:8000/api/things/ann/?token=x"}, known) == {"state": "/api/things/1/"}
    assert redacted({"state": "/api/people/ann/"}, known) == {"state": "xxxxxxxxxxxxxxxx"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"id": NaN}',
        b'{"id": 1, "id": 2}',
        b"\xff",
        b"[" * 5000,
        json.dumps({"state": "x" * 9000}).encode(),
    ],
)
def test_what_is_not_plain_json_is_not_recorded(body: bytes) -> None:
    with pytest.raises(NotRecorded):
        redact(ANYTHING, Known(), 200, body)
    with pytest.raises(NotRecorded):
        redact(ANYTHING, Known(), 404, b"{}")


NEEDLES = st.sampled_from(
    [NEEDLE, f"{NEEDLE}@example.test", f"https://{NEEDLE}.example/", f"\ue000{NEEDLE}", f'"{NEEDLE}']
)
VALUES = st.recursive(
    NEEDLES | st.just(73137313) | st.just(-7313.7313) | st.none() | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(NEEDLES | st.sampled_from(["id", "state", "labels"]), inner)
    ),
    max_leaves=20,
)


@given(VALUES)
def test_no_value_and_no_name_survives_and_once_more_gives_the_same(document: Any) -> None:
    text = redact(ANYTHING, Known(), 200, json.dumps(document).encode())
    assert "7313" not in text
    assert "canary" not in text
    assert redact(ANYTHING, Known(), 200, text.encode()) == text


def test_a_contract_decides_of_the_redacted_answer_as_of_the_answer() -> None:
    tried, seed = 0, SEED
    while tried < 60:
        maker = CallMaker(seed)
        made = maker.schema()
        tried += _decides_alike(maker, made, read_schema(made.text()), maker.places(made), f"seed {seed}")
        seed += 1


def _decides_alike(maker: CallMaker, made: Made, schema: Schema, places: Places, seed: str) -> int:
    selects = maker.selects(places)
    if not selects:
        return 0
    operators = maker.operators(places, selects, "answer")
    try:
        whole = {"request": {"pass": {"types": ["application/json"], "max_bytes": 100}}, "answers": {"200": operators}}
        compiled = compile_contract(ContractTerms(routes={"things": whole}), schema, ROUTES)
    except ContractRefused:
        return 0
    expectation = read_expectation(json.loads(json.dumps(expectation_of(schema, schema.operations[0]).written())))
    known = known_of(compiled.routes["things"].wire["program"])
    done = 0
    for _ in range(5):
        body = maker.document(made, selects, rewritten=[]).encode()
        try:
            text = redact(expectation, known, 200, body)
        except NotRecorded:
            continue
        said = f"{seed}\n{json.dumps(operators)}\n{body.decode()}\n{text}"
        before, after = (_passed(compiled, one) for one in (body, text.encode()))
        assert _names(before) == _names(after), said
        assert redact(expectation, known, 200, text.encode()) == text, said
        assert "N33DLE" not in text, said
        done += 1
    return done


def _passed(compiled: CompiledContract, body: bytes) -> Passed:
    return put_through(compiled.routes["things"], 200, body, _native)


def _names(passed: Passed) -> Any:
    """What is decided: whether it passes, and why not."""
    return passed.body is not None, None if passed.refusal is None else passed.refusal.partition(" (byte")[0]


DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "T", "version": "1"},
    "paths": {
        "/things/{owner}/": {
            "post": {
                "operationId": "things",
                "parameters": [{"name": "owner", "in": "path", "required": True, "schema": {"type": "string"}}],
                "responses": {
                    "200": {
                        "description": "ok",
                        "content": {
                            "application/json": {
                                "schema": {
                                    "type": "object",
                                    "required": ["id"],
                                    "properties": {
                                        "id": {"type": "integer"},
                                        "name": {"type": "string"},
                                        "day": {"type": "string"},
                                    },
                                }
                            }
                        },
                    }
                },
            }
        }
    },
}


def compiled(*operators: Any) -> CompiledContract:
    terms = ContractTerms(routes={"things": {"answers": {"200": list(operators)}}})
    return compile_contract(terms, read_schema(json.dumps(DOCUMENT)), ROUTES)


def test_two_versions_are_compared_field_by_field() -> None:
    old = compiled({"select": ["id", "name"]})
    new = compiled({"select": ["id", "day"]}, {"coerce": {"id": "string"}})
    found = replay(
        [
            Recorded("things", 200, b'{"id": 7, "name": "xx", "day": "2000-01-01"}', 3),
            Recorded("things", 200, b'{"id": 7}', 1),
        ],
        old,
        new,
        _native,
    )
    fields = {
        one.field: (one.unchanged, one.changed, one.appeared, one.gone, one.before, one.after) for one in found.fields
    }
    assert fields == {
        "id": (0, 2, 0, 0, "7", '"7"'),
        "name": (0, 0, 0, 1, '"xx"', None),
        "day": (0, 0, 1, 0, None, '"2000-01-01"'),
    }
    assert (found.recorded, found.answers, found.differs, found.breaking, found.refused) == (2, 4, True, True, [])
    same = replay([Recorded("things", 200, b'{"id": 7}', 1)], old, old, _native)
    assert (same.differs, same.breaking, same.fields[0].unchanged) == (False, False, 1)


def test_what_a_version_refuses_is_told_with_its_place() -> None:
    old, new = compiled({"select": ["name"]}), compiled({"select": ["id", "name"]})
    found = replay([Recorded("things", 200, b'{"name": "xx"}', 1)], old, new, _native)
    (refused,) = found.refused
    assert (refused.before, refused.recorded, found.breaking) == (None, 1, True)
    assert refused.after is not None
    assert "missing at /id" in refused.after
    gone = replay([Recorded("other", 200, b"{}", 1)], old, new, _native)
    assert (gone.refused[0].after, gone.differs) == ("the contract has no route other", False)


def test_a_name_or_a_word_that_looks_like_our_mark_of_numbers_makes_no_number() -> None:
    marked = (
        Row(frozenset({"object"}), {"\ue0001": (1, False)}),
        Row(frozenset({"string"}), words=frozenset({'"\\ue0005"'})),
    )
    text = redact(Expectation(marked, {"200": 0}), Known(), 200, json.dumps({"\ue0001": "\ue0005"}).encode())
    assert json.loads(text) == {"*1": "xx"}
    with pytest.raises(TypeError):
        read_known({"words": ["1"], "paths": [1], "prefixes": []})
