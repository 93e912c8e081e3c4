"""What a contract is compiled to, held against the slow reference over what is made up at random from a seed.

A case is one document, or one call, through one contract. Whoever runs them says how many contracts are tried over a
schema, and how many cases over each (`Effort`): to make them and to compile them costs more than a case.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from jsonschema import Draft202012Validator
from support.cel_by_hand import Tree, computed
from support.contract_calls import VALUES, CallMaker, Sent
from support.contract_cases import NEEDLE, Made, pointer

from portazgo._native import (
    check_program,
    project,
    project_fields,
    project_header,
    rewrite,
    rewrite_parameters,
)
from portazgo.contracts.compiling import (
    CompiledContract,
    CompiledRoute,
    ContractRefused,
    ContractTerms,
    JsonSchema,
    RouteFacts,
    compile_contract,
)
from portazgo.contracts.language.operators import Coerce, Compute, Value
from portazgo.contracts.language.paths import parse_path
from portazgo.contracts.language.problems import Problems
from portazgo.contracts.language.reading import OperatorReader
from portazgo.contracts.language.routes import ParameterTerms, RouteReader, RouteTerms
from portazgo.contracts.reference.answers import map_answer
from portazgo.contracts.reference.documents import Number, Violation, own, parse, write
from portazgo.contracts.reference.parameters import map_parameters, map_value
from portazgo.contracts.reference.requests import Refused, map_request
from portazgo.contracts.reference.sayings import Sayings
from portazgo.contracts.reference.urls import Addresses, Asked
from portazgo.contracts.reference.values import to_backend
from portazgo.contracts.schema import Schema, read_schema
from portazgo.contracts.schema.shapes import Parameter

BACKEND = "http://backend.example:8000"
GATEWAY = "https://gateway.example"
ROUTES = {"things": RouteFacts("POST", "/v1/things/{owner}", "POST", "/things/{owner}/", (BACKEND,))}
LACKING = re.compile(r"the backend requires `(.*)`; fill it or select it")
MADE_ID = "\0 made by chance"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
Places = list[tuple[list[str], dict[str, Any]]]
PASSING = {"pass": {"types": ["application/json"], "max_bytes": 100}}


@dataclass(frozen=True, slots=True)
class Effort:
    """How many contracts are made up for each schema, and how many cases for each contract."""

    contracts: int
    cases: int


def validator(compiled: CompiledContract, schema: JsonSchema) -> Draft202012Validator:
    return Draft202012Validator({**schema, "$id": "urn:x", "components": {"schemas": dict(compiled.components)}})


def refusal(known: Draft202012Validator, document: Any) -> str | None:
    error = next(known.iter_errors(document), None)
    return None if error is None else f"{error.message} at {list(error.absolute_path)}"


# -------------------------------------------------------------------------------------------------------- answers


@dataclass
class Answers:
    """A contract over answers, and what is known of it without its compiled form."""

    maker: CallMaker
    made: Made
    schema: Schema
    operators: list[Any]
    selects: list[list[str]]
    terms: dict[str, Any]
    compiled: CompiledContract
    trees: dict[str, Tree]
    """Expressions of computed members, by their texts."""

    def computed(self, op: Compute, around: dict[str, Any]) -> Any:
        """Compute a member by hand. Raises Violation."""
        kind = op.result.type
        declared = {"type": [kind, "null"] if op.result.null else kind}
        return computed(self.trees[op.expr], declared, around)

    @property
    def route(self) -> CompiledRoute:
        return self.compiled.routes["things"]

    @property
    def addresses(self) -> Addresses:
        """How addresses are to be rewritten. Where values of the path change, none leads anywhere."""
        paths = {} if self.terms.get("path", {}).get("owner") else {"/things/{owner}/": "/v1/things/{owner}"}
        query = {name: as_asked(name, told) for name, told in self.terms.get("query", {}).items() if "fill" not in told}
        return Addresses(GATEWAY, [BACKEND], paths, query)


def as_asked(name: str, told: dict[str, Any]) -> Asked:
    """Say what a parameter of the query is to partners, in addresses."""
    if "map_value" not in told:
        return Asked(told.get("to", name))
    values = {backend: str(partner) for backend, partner in told["map_value"]["values"].items()}
    return Asked(told.get("to", name), values, told["map_value"].get("otherwise") == "copy")


def answers(seed: int, effort: Effort) -> int:
    """Make a schema and contracts over it, and map documents by them; how many: none by a contract that is refused."""
    maker = CallMaker(seed)
    made = maker.schema()
    schema, places = read_schema(made.text()), maker.places(made)
    return sum(_answers(maker, made, schema, places, effort.cases) for _ in range(effort.contracts))


def _answers(maker: CallMaker, made: Made, schema: Schema, places: Places, cases: int) -> int:
    selects = maker.selects(places)
    if not selects:
        return 0
    operators = maker.operators(places, selects, "answer")
    trees = maker.computed(made, places, selects, operators)
    terms = maker.parameter_terms(made) | {"fields": maker.fields_terms(places, selects)}
    headers = {"location": True, "link": True}
    whole = {**terms, "request": PASSING, "answers": {"200": operators}, "response_headers": headers}
    try:
        compiled = compile_contract(ContractTerms(routes={"things": whole}, mappings=maker.mappings), schema, ROUTES)
    except ContractRefused:
        return 0
    case = Answers(maker, made, schema, operators, selects, terms, compiled, trees)
    in_any_order(case, whole)
    project_some(case, cases)
    headers_too(case, cases)
    return cases


def in_any_order(case: Answers, whole: dict[str, Any]) -> None:
    """Operators in another order come to the same."""
    turned = {**whole, "answers": {"200": case.maker.random.sample(case.operators, len(case.operators))}}
    route = compile_contract(
        ContractTerms(routes={"things": turned}, mappings=case.maker.mappings), case.schema, ROUTES
    ).routes["things"]
    assert route.answer_schemas == case.route.answer_schemas, turned
    assert route.fields == case.route.fields, turned


def project_some(case: Answers, cases: int) -> None:
    """Map some documents: as the reference does, by the derived schema, and nothing else."""
    route, maker = case.route, case.maker
    read = OperatorReader(maker.mappings, Problems()).read(case.operators, "", "answer")
    told = Sayings(case.schema, read, "answer")
    terms = f"{case.terms}\n{json.dumps(case.operators)}\n{json.dumps(maker.mappings)}"
    shape = case.schema.operations[0].answers["200"].contents["application/json"]
    assert shape is not None
    program = json.dumps(route.wire["program"]).encode()
    root = route.wire["answers"][0]["body"]["root"]
    check_program("answer", program)
    derived, addresses = validator(case.compiled, route.answer_schemas["200"]), case.addresses
    rewritten = [list(parse_path(path)) for one in case.operators for path in one.get("rewrite_url", ())]
    for _ in range(cases):
        body = maker.document(case.made, case.selects, rewritten=rewritten)
        said = f"{terms}\n{body}"
        try:
            expected = map_answer(told, shape, body.encode(), rewrite=addresses.address, compute=case.computed)
        except Violation as violation:
            # Where several things are wrong, either may be told first. Null is no value of most computed members.
            words = {"value", "type"} if case.trees else {"value"}
            assert violation.why in words, said
            with pytest.raises(ValueError, match="|".join(words)):
                project(program, root, body.encode())
            continue
        written = write(expected)
        for pieces in (0, 2, maker.random.randint(3, 400)):
            assert parse(project(program, root, body.encode(), pieces)) == expected, said
        assert NEEDLE not in written, said
        why = refusal(derived, json.loads(written))
        assert why is None, f"{why}\n{said}\n{written}"
        at = parse_path(case.terms["fields"]["at"]) if case.terms["fields"] is not True else ()
        if maker.random.random() < 0.1 and maker.is_closed(case.compiled.components, route.answer_schemas["200"]):
            with pytest.raises(ValueError, match=f'there is no field "{NEEDLE}"'):
                project_fields(program, root, body.encode(), [], NEEDLE)
        fields = maker.mask(case.compiled.components, route.answer_schemas["200"], route.wire["fields"]["at"], body)
        if fields is not None:
            expected = map_answer(
                told, shape, body.encode(), rewrite=addresses.address, compute=case.computed, fields=(fields, at)
            )
            masked = project_fields(program, root, body.encode(), route.wire["fields"]["at"], fields)
            assert parse(masked) == expected, f"{fields}\n{said}"


def headers_too(case: Answers, cases: int) -> None:
    """Rewrite the addresses of some headers: as the reference does."""
    maker, addresses = case.maker, case.addresses
    program = json.dumps(case.route.wire["program"]).encode()
    for _ in range(cases):
        location, link = maker.address(), maker.link()
        assert project_header(program, is_list=False, value=location) == addresses.address(location), (
            f"{location}\n{case.terms}"
        )
        assert project_header(program, is_list=True, value=link) == addresses.links(link), f"{link}\n{case.terms}"


# ------------------------------------------------------------------------------------------------------- requests


def requests(seed: int, effort: Effort) -> int:
    """Make a schema and contracts over it, and map requests by them; how many: none by a contract that is refused."""
    maker = CallMaker(seed)
    made = maker.schema()
    schema, places = read_schema(made.text()), maker.places(made)
    return sum(_requests(maker, made, schema, places, effort.cases) for _ in range(effort.contracts))


def _requests(maker: CallMaker, made: Made, schema: Schema, places: Places, cases: int) -> int:
    selects = maker.selects(places)
    if not selects:
        return 0
    operators = maker.operators(places, selects, "request")
    terms = maker.parameter_terms(made)
    compiled = compiled_with_fills(maker, made, schema, operators, terms)
    if compiled is None:
        return 0
    route = compiled.routes["things"]
    told = Sayings(schema, OperatorReader({}, Problems()).read(operators, "", "request"), "request")
    parameters = RouteReader({}, Problems()).read({**terms, "answers": {"200": {"empty": True}}}, "")
    body = schema.operations[0].request
    assert body is not None
    assert route.request_schema is not None
    shape = body.contents["application/json"]
    assert shape is not None
    backend = Draft202012Validator({**made.root, "components": {"schemas": made.components}})
    derived = validator(compiled, route.request_schema)
    program = json.dumps(route.wire["request"]["program"]).encode()
    root = route.wire["request"]["body"]["root"]
    check_program("request", program)
    partner = Made(dict(compiled.components), route.request_schema)
    values = json.dumps(VALUES).encode()
    for _ in range(cases):
        sent = maker.document(partner, [[]])
        said = f"{operators}\n{sent}"
        assert refusal(derived, json.loads(sent)) is None, said
        expected = map_request(told, shape, sent.encode(), fill=filled)
        received = rewrite(program, root, sent.encode(), values)
        assert is_same(parse(received), expected), f"{said}\n{received.decode()}\n{expected}"
        why = refusal(backend, json.loads(received))
        assert why is None, f"{why}\n{said}\n{received.decode()}"
        asked(maker, made, schema, route, parameters)
    return cases


def asked(maker: CallMaker, made: Made, schema: Schema, route: CompiledRoute, terms: RouteTerms) -> None:
    """Map the parameters of a call: as the reference does, and so that the backend takes them."""
    sent = maker.sent(route.parameters)
    said = f"{terms}\n{sent}\n{made.parameters}"
    contract, values = json.dumps(route.wire["request"]), json.dumps(VALUES)
    try:
        expected = by_reference(schema, terms, sent)
    except Refused:
        with pytest.raises(ValueError, match="contract_violation_request"):
            rewrite_parameters(contract, sent.received, values)
        return
    try:
        path, query, headers = json.loads(rewrite_parameters(contract, sent.received, values))
    except ValueError as problem:
        pytest.fail(f"{problem}\n{said}")
    received = Sent(
        unquote(path[0]), parse_qsl(query, keep_blank_values=True), [(name, value) for name, value in headers]
    )
    assert received.owner == expected.owner, said
    for pairs, others in ((received.query, expected.query), (received.headers, expected.headers)):
        assert len(pairs) == len(others), f"{said}\n{received}\n{expected}"
        assert all(
            is_same(pair[1], other[1]) and pair[0] == other[0]
            for pair, other in zip(sorted(pairs), sorted(others), strict=True)
        ), f"{said}\n{received}\n{expected}"
    assert NEEDLE not in f"{received}", said
    taken(made, received, said)


def taken(made: Made, received: Sent, said: str) -> None:
    """Hold what the backend receives against what it documents."""
    places = {"path": [("owner", received.owner)], "query": received.query, "header": received.headers}
    for place, pairs in places.items():
        known = {
            one["name"].lower() if place == "header" else one["name"]: one
            for one in made.parameters
            if one["in"] == place
        }
        assert {name for name, _ in pairs} <= known.keys(), said
        for name, parameter in known.items():
            texts = [text for other, text in pairs if other == name]
            many = parameter["schema"]["type"] == "array"
            assert len(texts) >= parameter["required"], said
            assert many or len(texts) <= 1, said
            schema = parameter["schema"].get("items", parameter["schema"])
            for text in texts:
                value = text if schema["type"] == "string" else json.loads(text)
                assert Draft202012Validator(schema).is_valid(value), f"{name}={text}\n{said}"


def by_reference(schema: Schema, read: RouteTerms, sent: Sent) -> Sent:
    """Map what was sent by hand. Raises Refused."""
    known = schema.operations[0].parameters

    def of(place: str) -> list[Parameter]:
        return [one for one in known if one.place == place]

    [owner] = of("path")
    path = map_value(sent.owner, owner, read.path.get("owner", ParameterTerms("")))
    if path in (None, "", ".", ".."):
        raise Refused
    return Sent(
        path or "",
        map_parameters(of("query"), read.query, sent.query, unknown=read.query_unknown, fill=filled),
        map_parameters(of("header"), read.headers, sent.headers, unknown="drop", fill=filled),
    )


def filled(value: Value, kind: str) -> Any:
    """Give what fills a member: of what is made by chance a word that stands for it."""
    if value.kind == "const":
        return own(value.content)
    if value.kind == "generate":
        now = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=VALUES["now_us"])
        written = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        made: dict[str, Any] = {"uuid": MADE_ID, "now": written, "now-unix": Number(str(int(now.timestamp())))}
        return made[value.content]
    text = re.sub(r"\{([a-z.]+)\}", lambda found: text_of(of_caller(found[1])), value.content)
    whole = re.fullmatch(r"\{([a-z.]+)\}", value.content)
    found = of_caller(whole[1]) if whole is not None else text
    return to_backend(Coerce("", (), "string"), own(found), kind, None)


def of_caller(path: str) -> Any:
    found: Any = VALUES
    for step in path.split("."):
        found = found[step]
    return found


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def is_same(received: Any, expected: Any) -> bool:
    """Tell whether two documents are one, where any UUID does for the word that stands for them."""
    if isinstance(expected, str) and expected == MADE_ID:
        return isinstance(received, str) and UUID.fullmatch(received) is not None
    if isinstance(expected, dict) and isinstance(received, dict):
        return received.keys() == expected.keys() and all(is_same(received[name], expected[name]) for name in expected)
    if isinstance(expected, list) and isinstance(received, list):
        return len(received) == len(expected) and all(map(is_same, received, expected))
    return bool(received == expected)


def compiled_with_fills(
    maker: CallMaker, made: Made, schema: Schema, operators: list[Any], terms: dict[str, Any]
) -> CompiledContract | None:
    """Compile; what the backend requires besides is filled as the compiler says."""
    for _ in range(6):
        whole = {**terms, "request": operators, "answers": {"200": {"empty": True}}}
        try:
            return compile_contract(ContractTerms(routes={"things": whole}), schema, ROUTES)
        except ContractRefused as refused:
            lacking = [LACKING.match(problem.message) for problem in refused.problems]
            if not all(lacking):
                return None
            for match in lacking:
                assert match is not None
                filling = maker.filling(made, parse_path(match[1]))
                if filling is None:
                    return None
                operators.append({"fill": {pointer(list(parse_path(match[1]))): filling}})
    return None
