"""Requests without their values: no value stays, and the contract lets them pass as it did; what two versions make of them."""

from __future__ import annotations

import contextlib
import json
import random
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.contract_calls import VALUES, CallMaker
from support.contract_cases import Made
from support.contract_property import ROUTES, compiled_with_fills

from portazgo import _native
from portazgo.contracts.compiling import CompiledContract, ContractTerms, compile_contract
from portazgo.contracts.recording.forms import NotRecorded
from portazgo.contracts.recording.replaying import Recorded, replay
from portazgo.contracts.recording.requests import Rules, read_rules, redact_request, rules_of
from portazgo.contracts.schema import read_schema

SEED = random.SystemRandom().randrange(1 << 40)
NEEDLE = "canary-7313"
STRING = {"type": "string"}
TICKET: dict[str, Any] = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "integer", "minimum": 10, "multipleOf": 5},
        "name": STRING,
        "state": {**STRING, "enum": ["open", "closed"]},
        "code": {**STRING, "pattern": "^[A-Z]{2}-[0-9]{4}$"},
        "kind": {**STRING, "pattern": "^(car|boat)$"},
        "number": {**STRING, "pattern": "^(INV|CRN)-20[0-9]{2}-[0-9]{4,}$"},
        "phone": {**STRING, "pattern": r"^\+57\d{10}$"},
        "serial": {**STRING, "pattern": "^S[0-9]+$"},
        "short": {**STRING, "minLength": 3, "maxLength": 3},
        "address": {**STRING, "format": "ipv4"},
        "price": {"type": "number", "minimum": 2.5, "exclusiveMaximum": 2.75},
        "paid": {"type": "boolean"},
        "tags": {"type": "array", "items": STRING, "uniqueItems": True},
        "labels": {"type": "object", "additionalProperties": STRING},
        "free": {},
        "pet": {
            "oneOf": [
                {"type": "object", "required": ["kind"], "properties": {"kind": {"const": "cat"}, "lives": STRING}},
                {"type": "object", "required": ["kind"], "properties": {"kind": {"const": "dog"}, "age": STRING}},
            ],
            "discriminator": {"propertyName": "kind"},
        },
    },
}


def compiled(*operators: Any, schema: Any = TICKET) -> CompiledContract:
    content = {"application/json": {"schema": schema}}
    operation = {
        "operationId": "things",
        "parameters": [{"name": "owner", "in": "path", "required": True, "schema": STRING}],
        "requestBody": {"required": True, "content": content},
        "responses": {"204": {"description": "ok"}},
    }
    document = {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "paths": {"/things/{owner}/": {"post": operation}},
    }
    terms = {"things": {"request": list(operators), "answers": {"204": {"empty": True}}}}
    return compile_contract(ContractTerms(routes=terms), read_schema(json.dumps(document)), ROUTES)


def rules(contract: CompiledContract) -> Rules:
    found = rules_of(contract.routes["things"].wire["request"])
    assert found is not None
    return read_rules(json.loads(json.dumps(found.written())))


ALL = {"select": [name if name != "free" else "free.**" for name in TICKET["properties"]]}


RULES = rules(compiled(ALL))


def redacted(document: Any, *operators: Any) -> Any:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return json.loads(redact_request(rules(compiled(*(operators or (ALL,)))), body, _native))


def test_values_that_rules_hold_for_become_others_that_keep_them() -> None:
    assert redacted(
        {
            "id": 7310,
            "name": "Ann Example",
            "state": "closed",
            "code": "QZ-7313",
            "kind": "boat",
            "number": "CRN-2026-2073",
            "phone": "+573157420573",
            "serial": "S57",
            "short": "abc",
            "address": "10.73.13.1",
            "price": 2.731,
            "paid": False,
            "tags": ["ann", "bob", "2026-11-26"],
            "labels": {"ann@example.test": "Ann"},
            "free": {"ann": [1, {"ann": None}]},
            "pet": {"kind": "cat", "lives": "seven"},
        }
    ) == {
        "id": 10,
        "name": "xxxxxxxx",
        "state": "closed",
        "code": "AA-1111",
        "kind": "boat",
        "number": "CRN-2011-1111",
        "phone": "+571111111111",
        "serial": "S11",
        "short": "xxx",
        "address": "192.0.2.1",
        "price": 2.5,
        "paid": True,
        "tags": ["xx", "2000-01-01"],
        "labels": {"*1": "xx"},
        "free": {"*1": [1, {"*1": None}]},
        "pet": {"kind": "cat", "lives": "xxxx"},
    }


def test_names_are_the_partners() -> None:
    operators = ({"select": ["id", "name"]}, {"rename": {"name": "title"}})
    assert redacted({"id": 10, "title": NEEDLE}, *operators) == {"id": 10, "title": "xxxxxxxx"}
    with pytest.raises(NotRecorded):
        redacted({"id": 10, "name": NEEDLE}, *operators)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"id": 10, "id": 10}',
        b'{"id": 11}',
        b'{"id": 10, "stranger": 1}',
        b'{"id": 10, "free": ' + b"[" * 40 + b"]" * 40 + b"}",
        b'{"id": 10, "name": "' + b"x" * 9000 + b'"}',
        json.dumps({"id": 10, "free": list(range(3000)), "labels": {str(one): "" for one in range(3000)}}).encode()
        + b" ,",
    ],
)
def test_what_the_contract_refuses_or_is_too_much_is_not_recorded(body: bytes) -> None:
    with pytest.raises(NotRecorded):
        redacted(body)


def test_what_the_contract_fills_in_of_callers_asks_for_none() -> None:
    fills = {"fill": {"name": "{partner.metadata.tier}", "code": {"generate": "uuid"}}}
    assert redacted({"id": 10}, {"select": ["id"]}, fills) == {"id": 10}


NEEDLES = st.sampled_from(
    [NEEDLE, f"{NEEDLE}@example.test", f"https://{NEEDLE}.example/", f"\ue000{NEEDLE}", f'"{NEEDLE}', "\ue0007313"]
)
VALUES_AND_NAMES = st.recursive(
    NEEDLES | st.just(73137313) | st.just(-7313.7313) | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NEEDLES | st.sampled_from(["id", "state"]), inner),
    max_leaves=20,
)


@given(VALUES_AND_NAMES, st.dictionaries(NEEDLES, NEEDLES, max_size=3), NEEDLES, st.integers(-9, 9))
def test_no_value_and_no_name_survives_and_once_more_gives_the_same(
    free: Any, labels: dict[str, str], name: str, near: int
) -> None:
    body = {"id": 73130 + 5 * near, "name": name, "labels": labels, "free": free, "tags": [name], "price": 2.57313}
    text = redact_request(RULES, json.dumps(body).encode(), _native)
    assert "7313" not in text
    assert "canary" not in text
    assert redact_request(RULES, text.encode(), _native) == text


def test_no_request_takes_long_to_be_redacted() -> None:
    began = time.perf_counter()
    with contextlib.suppress(NotRecorded):
        redacted({"id": 10, "labels": {str(one): "A" * 60 for one in range(1000)}, "free": ["a@" + "." * 1021] * 15})
    assert time.perf_counter() - began < 0.5


def test_a_contract_lets_the_redacted_request_pass_as_the_request_with_the_same_members() -> None:
    tried = kept = 0
    seed = SEED
    while tried < 100:
        maker = CallMaker(seed)
        made = maker.schema()
        found = _passes_alike(maker, made, f"seed {seed}")
        tried, kept, seed = tried + found[0], kept + found[1], seed + 1
    assert kept > tried * 0.7, (SEED, kept, tried)


def _passes_alike(maker: CallMaker, made: Made, seed: str) -> tuple[int, int]:
    schema, places = read_schema(made.text()), maker.places(made)
    selects = maker.selects(places)
    operators = maker.operators(places, selects, "request") if selects else []
    contract = compiled_with_fills(maker, made, schema, operators, {}) if selects else None
    if contract is None:
        return 0, 0
    route = contract.routes["things"]
    assert route.request_schema is not None
    partner = Made(dict(contract.components), route.request_schema)
    told = rules(contract)
    program, root = json.dumps(route.wire["request"]["program"]).encode(), route.wire["request"]["body"]["root"]
    names = _names(route.wire["request"]["program"])
    values = json.dumps(VALUES).encode()
    kept = 0
    for _ in range(5):
        body = maker.document(partner, [[]]).encode()
        said = f"{seed}\n{json.dumps(operators)}\n{body.decode()}"
        received = _native.rewrite(program, root, body, values)
        try:
            text = redact_request(told, body, _native)
        except NotRecorded:
            continue
        kept += 1
        again = _native.rewrite(program, root, text.encode(), values)
        shapes = [_shape(json.loads(one), names) for one in (again, received)]
        assert shapes[0] == shapes[1], f"{said}\n{text}"
        assert redact_request(told, text.encode(), _native) == text, said
        assert "N33DLE" not in text, said
    return 5, kept


def _names(program: Any) -> set[str]:
    """Those of the backend's that the program writes."""
    if isinstance(program, list):
        return set().union(*(_names(one) for one in program))
    if isinstance(program, dict):
        own = {text for text in (program.get("out"), *program.get("wrap", ())) if isinstance(text, str)}
        return own.union(*(_names(one) for one in program.values()))
    return set()


def _shape(value: Any, names: set[str], place: str = "") -> set[str]:
    """Places with their types. Names that the program does not write are one."""
    if isinstance(value, list):
        return {f"{place}[]"}.union(*(_shape(one, names, f"{place}[]") for one in value))
    if isinstance(value, dict):
        within = {name: f"{place}.{name if name in names else '*'}" for name in value}
        return {f"{place}{{}}"}.union(*(_shape(one, names, within[name]) for name, one in value.items()))
    return {f"{place}: {'number' if type(value) in (int, float) else type(value).__name__}"}


def test_two_versions_are_compared_by_what_the_backend_would_receive() -> None:
    fills = {"fill": {"name": "{partner.metadata.tier}", "code": {"generate": "uuid"}}}
    old = compiled({"select": ["id", "name"]}, {"rename": {"name": "title"}})
    new = compiled({"select": ["id"]}, fills)
    body = b'{"id": 10, "title": "xx"}'
    found = replay([Recorded("things", None, b'{"id": 10}', 2), Recorded("things", None, body, 1)], old, new, _native)
    (refused,) = found.refused
    assert (refused.status, refused.before, refused.recorded) == (None, None, 1)
    assert refused.after is not None
    assert refused.after.startswith("unknown at /title: ")
    fields = {one.field: (one.unchanged, one.appeared, one.before, one.after) for one in found.fields}
    assert fields == {
        "id": (1, 0, None, None),
        "name": (0, 1, None, '"{partner.metadata.tier}"'),
        "code": (0, 1, None, '"{uuid}"'),
    }
    assert (found.recorded, found.answers, found.requests, found.breaking) == (2, 0, 3, True)
    same = replay([Recorded("things", None, b'{"id": 10}', 2)], new, new, _native)
    assert (same.differs, same.breaking) == (False, False)
    filled = replay([Recorded("things", None, b'{"id": 10}', 2)], old, new, _native)
    assert (filled.differs, filled.breaking) == (True, False)


def test_a_request_that_a_version_needs_more_of_is_refused_with_its_place() -> None:
    old, stricter = compiled(ALL), compiled(ALL, schema={**TICKET, "required": ["id", "pet"]})
    (refused,) = replay([Recorded("things", None, b'{"id": 10}', 1)], old, stricter, _native).refused
    assert refused.after is not None
    assert refused.after.startswith("required at /pet: ")
    nobody = replay([Recorded("other", None, b"{}", 1)], old, stricter, _native)
    assert nobody.refused[0].after == "the contract has no route other"
