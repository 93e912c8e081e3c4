"""A contract drafted from a schema: it names what may pass, and compiles."""

from __future__ import annotations

from support.made_contract import DOCUMENT, FACTS

from portazgo.contracts.compiling import ContractTerms, compile_contract
from portazgo.contracts.drafting import draft
from portazgo.contracts.schema import read_schema

FIELDS = ["id", "title", "state", "margin_note", "owner.name", "owner.salary_band"]


def test_bodies_that_springdoc_calls_of_any_type_are_named_as_json() -> None:
    schema = read_schema(DOCUMENT.replace("{application/json:", "{'*/*':"))
    drafted = draft(schema, FACTS)
    assert drafted == draft(read_schema(DOCUMENT), FACTS)
    assert drafted["routes"]["show-badge"]["answers"] == {"200": [{"select": FIELDS}]}
    assert drafted["routes"]["create-badge"]["request"] == [{"select": FIELDS}]
    facts = {name: FACTS[name] for name in drafted["routes"]}
    compile_contract(ContractTerms(routes=drafted["routes"]), schema, facts)


def test_names_that_a_dotted_path_can_not_hold_are_written_as_pointers() -> None:
    schema = read_schema(DOCUMENT.replace("margin_note:", '"margin.note":').replace("salary_band:", '"salary/band~":'))
    drafted = draft(schema, FACTS)
    (selected,) = drafted["routes"]["show-badge"]["answers"]["200"]
    assert selected == {"select": ["id", "title", "state", "/margin.note", "owner.name", "owner.salary/band~"]}
    compile_contract(ContractTerms(routes=drafted["routes"]), schema, {name: FACTS[name] for name in drafted["routes"]})
