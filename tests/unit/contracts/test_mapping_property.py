"""What a contract is compiled to, over schemas, contracts and documents made up at random.

PORTAZGO_TEST_PROPERTY_CASES sets how many documents are mapped (2,000 here), PORTAZGO_TEST_SEED repeats a run: a case that
fails prints its own.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from support.contract_cases import NEEDLE, Made, Maker

from portazgo._native import check_program, project, rewrite
from portazgo.contracts.compiling import (
    CompiledContract,
    ContractRefused,
    ContractTerms,
    JsonSchema,
    RouteFacts,
    compile_contract,
)
from portazgo.contracts.language.operators import Value
from portazgo.contracts.language.paths import parse_path
from portazgo.contracts.language.problems import Problems
from portazgo.contracts.language.reading import OperatorReader
from portazgo.contracts.reference.answers import map_answer
from portazgo.contracts.reference.documents import Violation, own, parse, write
from portazgo.contracts.reference.requests import map_request
from portazgo.contracts.schema import Schema, read_schema

CASES = int(os.environ.get("PORTAZGO_TEST_PROPERTY_CASES", "2000"))
SEED = int(os.environ.get("PORTAZGO_TEST_SEED", str(random.SystemRandom().randrange(1 << 40))))
ROUTES = {"things": RouteFacts("POST", "/v1/things", "POST", "/things/", ("http://backend.example:8000",))}
DOCUMENTS = 3
LACKING = re.compile(r"the backend requires `(.*)`; fill it or select it")


def validator(compiled: CompiledContract, schema: JsonSchema) -> Draft202012Validator:
    whole = {**schema, "$id": "urn:x", "components": {"schemas": dict(compiled.components)}}
    return Draft202012Validator(whole)


def refusal(compiled: CompiledContract, schema: JsonSchema, document: Any) -> str | None:
    error = next(validator(compiled, schema).iter_errors(document), None)
    return None if error is None else f"{error.message} at {list(error.absolute_path)}"


def answers(seed: int) -> int:
    """Make one contract and map some documents by it; how many: none when the contract is refused."""
    maker = Maker(seed)
    made = maker.schema()
    schema = read_schema(made.text())
    places = maker.places(made)
    selects = maker.selects(places)
    if not selects:
        return 0
    operators = maker.operators(places, selects, "answer")
    passing = {"pass": {"types": ["application/json"], "max_bytes": 100}}
    terms = ContractTerms(routes={"things": {"request": passing, "answers": {"200": operators}}})
    try:
        compiled = compile_contract(terms, schema, ROUTES)
    except ContractRefused:
        return 0
    route = compiled.routes["things"]
    read = OperatorReader({}, Problems()).read(operators, "", "answer")
    shape = schema.operations[0].answers["200"].contents["application/json"]
    assert shape is not None
    program = json.dumps(route.wire["program"]).encode()
    root = route.wire["answers"][0]["body"]["root"]
    check_program("answer", program)
    for _ in range(DOCUMENTS):
        body = maker.document(made, selects)
        said = f"PORTAZGO_TEST_SEED={seed}\n{json.dumps(operators)}\n{body}"
        try:
            expected = map_answer(schema, shape, read, body.encode())
        except Violation as violation:
            assert violation.why == "value", said
            with pytest.raises(ValueError, match="value"):
                project(program, root, body.encode())
            continue
        written = write(expected)
        for pieces in (0, 2, maker.random.randint(3, 400)):
            assert parse(project(program, root, body.encode(), pieces)) == expected, said
        assert NEEDLE not in written, said
        why = refusal(compiled, route.answer_schemas["200"], json.loads(written))
        assert why is None, f"{why}\n{said}\n{written}"
    return DOCUMENTS


def requests(seed: int) -> int:
    """Make one contract over requests and map some of them; how many: none when the contract is refused."""
    maker = Maker(seed)
    made = maker.schema()
    schema = read_schema(made.text())
    places = maker.places(made)
    selects = maker.selects(places)
    if not selects:
        return 0
    operators = maker.operators(places, selects, "request")
    compiled = compiled_with_fills(maker, made, schema, operators)
    if compiled is None:
        return 0
    route = compiled.routes["things"]
    read = OperatorReader({}, Problems()).read(operators, "", "request")
    body = schema.operations[0].request
    assert body is not None
    assert route.request_schema is not None
    shape = body.contents["application/json"]
    assert shape is not None
    backend = Draft202012Validator({**made.root, "components": {"schemas": made.components}})
    program = json.dumps(route.wire["request"]["program"]).encode()
    root = route.wire["request"]["body"]["root"]
    check_program("request", program)
    partner = Made(dict(compiled.components), route.request_schema)
    for _ in range(DOCUMENTS):
        sent = maker.document(partner, [[]])
        said = f"PORTAZGO_TEST_SEED={seed}\n{json.dumps(operators)}\n{sent}"
        assert refusal(compiled, route.request_schema, json.loads(sent)) is None, said
        expected = map_request(schema, shape, read, sent.encode(), fill=filled)
        written = write(expected)
        assert parse(rewrite(program, root, sent.encode(), b"{}")) == expected, said
        error = next(backend.iter_errors(json.loads(written)), None)
        assert error is None, f"{error and error.message}\n{said}\n{written}"
    return DOCUMENTS


def filled(value: Value, kind: str) -> Any:
    assert value.kind == "const"
    return own(value.content)


def compiled_with_fills(maker: Maker, made: Made, schema: Schema, operators: list[Any]) -> CompiledContract | None:
    """Compile; what the backend requires besides is filled as the compiler says."""
    for _ in range(6):
        terms = ContractTerms(routes={"things": {"request": operators, "answers": {"200": {"empty": True}}}})
        try:
            return compile_contract(terms, schema, ROUTES)
        except ContractRefused as refused:
            lacking = [LACKING.match(problem.message) for problem in refused.problems]
            if not all(lacking):
                return None
            for match in lacking:
                assert match is not None
                filling = maker.filling(made, parse_path(match[1]))
                if filling is None:
                    return None
                operators.append({"fill": {match[1]: {"const": filling}}})
    return None


def test_an_answer_is_what_the_contract_says_and_nothing_else() -> None:
    run(answers)


def test_a_request_that_the_partner_may_send_is_one_that_the_backend_takes() -> None:
    run(requests)


def run(one: Callable[[int], int]) -> None:
    done, seed = 0, SEED
    while done < CASES // 2:
        done += one(seed)
        seed += 1
    # Contracts that are refused prove nothing: most have to be sound.
    assert seed - SEED < CASES
