"""Compiles the contracts of a file before anything is written, so that what is wrong has its place in it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from portazgo.backends.claims import readable_claims
from portazgo.contracts.addresses import addresses
from portazgo.contracts.compiling import ContractRefused, ContractTerms, RouteFacts, compile_contract
from portazgo.contracts.schema import DocumentRefused, Schema, read_schema
from portazgo.declarative.document import Document
from portazgo.declarative.domain import Ref, State, Terms, World, escape
from portazgo.declarative.problems import Problem, nearest
from portazgo.declarative.rules.lines import Step
from portazgo.declarative.worlds import texts_of, world_of

TextOf = Callable[[str, str], str | None]
"""Gives the document of a schema by the schema's name and the document's SHA-256; None: nobody has it."""


def contract_problems(steps: Sequence[Step], after: World, state: State, text_of: TextOf) -> Iterator[Problem]:
    """Find what is wrong with schemas and contracts that the steps make or change, and with what leads to versions."""
    schemas: dict[str, Schema | None] = {}
    for step in steps:
        if step.after is None:
            continue
        if step.ref.kind == "schema":
            yield from _schema(step, text_of, schemas)
        elif step.ref.kind == "contract":
            yield from _contract(step, after, text_of, schemas)
        elif step.ref.kind == "route" and step.after["contract"] is not None:
            yield from _default(step.ref, step.after["contract"], after, state)
        elif step.ref.kind in {"plan", "partner", "application"}:
            yield from _pins(step.ref, step.after["contracts"], after, state)


def problems_of_file(document: Document) -> Iterator[Problem]:
    """Find what is wrong with contracts by the file alone: those whose API, backend and schema, with its document, it has."""
    world, texts = world_of(document, None), texts_of(document)
    schemas: dict[str, Schema | None] = {}
    for ref, terms in world.items():
        if ref.kind == "schema" and terms["sha256"] in texts:
            yield from _read(ref, terms, lambda _, digest: texts[digest], schemas)
    for ref, terms in world.items():
        if ref.kind != "contract" or Ref("api", terms["api"]) not in world:
            continue
        schema = schemas.get(terms["schema"])
        if schema is not None and Ref("backend", world[Ref("schema", terms["schema"])]["backend"]) in world:
            yield from _compiled(ref, terms, world, schema)


def _schema(step: Step, text_of: TextOf, schemas: dict[str, Schema | None]) -> Iterator[Problem]:
    assert step.after is not None  # noqa: S101 - of what is made or changed
    if step.before is not None and step.changed("backend"):
        message = f"the {step.ref} describes {step.before['backend']} and stays so: write another schema beside it"
        yield Problem(f"{step.ref.pointer}/backend", message)
    if step.changed("sha256"):
        yield from _read(step.ref, step.after, text_of, schemas)


def _read(ref: Ref, terms: Terms, text_of: TextOf, schemas: dict[str, Schema | None]) -> Iterator[Problem]:
    """Read a schema once; what is wrong with it is told once."""
    if ref.name in schemas:
        return
    schemas[ref.name] = None
    text = text_of(ref.name, terms["sha256"])
    if text is None:
        message = (
            f"nobody has the document of the {ref} any more: import it (`portazgo schema import`), or name its file"
        )
        yield Problem(ref.pointer, message)
        return
    try:
        schemas[ref.name] = read_schema(text)
    except DocumentRefused as problem:
        yield Problem(ref.pointer, str(problem))


def _contract(step: Step, after: World, text_of: TextOf, schemas: dict[str, Schema | None]) -> Iterator[Problem]:
    ref, terms = step.ref, step.after
    assert terms is not None  # noqa: S101 - of what is made or changed
    if step.before is not None and step.changed("api"):
        yield Problem(
            f"{ref.pointer}/api", f"the {ref} is of the API {step.before['api']} and stays so: write another contract"
        )
    over = Ref("schema", terms["schema"])
    yield from _read(over, after[over], text_of, schemas)
    schema = schemas[over.name]
    if schema is not None:
        yield from _compiled(ref, terms, after, schema)


def _compiled(ref: Ref, terms: Terms, after: World, schema: Schema) -> Iterator[Problem]:
    """Compile a contract over the routes of its API that lead to the schema's backend; what is wrong has its place."""
    over = Ref("schema", terms["schema"])
    facts: dict[str, RouteFacts] = {}
    for other, route in after.items():
        if other.kind != "route" or other.parent != terms["api"]:
            continue
        name = other.name.partition("/")[2]
        if route["backend"] == after[over]["backend"]:
            facts[name] = _facts(route, after)
        elif name in terms["routes"]:
            yield Problem(
                f"{ref.pointer}/routes/{escape(name)}",
                f"the {other} leads to {route['backend']}, and the {over} describes {after[over]['backend']}",
            )
    try:
        compile_contract(ContractTerms(terms["routes"], terms["mappings"]), schema, facts)
    except ContractRefused as refused:
        for problem in refused.problems:
            yield Problem(f"{ref.pointer}{problem.pointer}", problem.sentence)


def _facts(route: Terms, world: World) -> RouteFacts:
    backend = world[Ref("backend", route["backend"])]
    claims = [readable_claims(one["credential"]) for one in backend["environments"].values()]
    return RouteFacts(
        method=route["method"],
        path=route["path"],
        backend_method=route["backend_method"],
        backend_path=route["backend_path"],
        targets=addresses(backend["environments"]),
        claims=frozenset.intersection(*claims) if claims else frozenset(),
    )


def _default(ref: Ref, written: str, after: World, state: State) -> Iterator[Problem]:
    at = f"{ref.pointer}/contract"
    name, _, version = written.partition("@")
    contract = after.get(Ref("contract", name))
    if contract is None:
        return  # judging.py says so
    if contract["api"] != ref.parent:
        yield Problem(at, f"the contract {name} is of the API {contract['api']}")
    elif version:
        yield from _known(at, name, version, state)
    elif ref.name.partition("/")[2] not in contract["routes"]:
        yield Problem(at, f"the contract {name} says nothing of this route")
    elif not contract["published"]:
        yield Problem(
            at, f"nothing of the contract {name} is published as it stands: `portazgo contract publish {name}`"
        )


def _pins(ref: Ref, pins: dict[str, str], after: World, state: State) -> Iterator[Problem]:
    for api, written in pins.items():
        at = f"{ref.pointer}/contracts/{escape(api)}"
        name, _, version = written.partition("@")
        contract = after.get(Ref("contract", name))
        if contract is None:
            continue  # judging.py says so
        if contract["api"] != api:
            yield Problem(at, f"the contract {name} is of the API {contract['api']}")
        else:
            yield from _known(at, name, version, state)


def _known(at: str, name: str, version: str, state: State) -> Iterator[Problem]:
    served = state.versions.get(name, ())
    if version not in served:
        yield Problem(at, f"the contract {name} has no version {version} that is served{nearest(version, served)}")
