"""Contracts in a file: judged and compiled before anything is written, each problem with its place."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from support.command import entered
from support.declared import DOCUMENT
from support.small_document import SMALL_DOCUMENT

from portazgo.declarative.contracts import contract_problems
from portazgo.declarative.domain import Ref, State, Thing
from portazgo.declarative.file.reading import read_file
from portazgo.declarative.judging import judge
from portazgo.declarative.planning import Plan, Takeover, plan
from portazgo.declarative.worlds import document_of, texts_of, without_texts, world_of

CONTRACT = {
    "api": "parcels",
    "schema": "depot",
    "mappings": {"thing": [{"select": ["id", "name"]}]},
    "routes": {"show": {"answers": {"200": [{"use": "thing"}]}}},
}


def tree() -> dict[str, Any]:
    """A file with a contract for a route."""
    document: dict[str, Any] = copy.deepcopy(DOCUMENT)
    document["schemas"] = {"depot": {"backend": "depot", "document": json.dumps(SMALL_DOCUMENT)}}
    document["contracts"] = {"basic": copy.deepcopy(CONTRACT)}
    document["apis"]["parcels"]["routes"]["show"] = {
        "backend": "depot",
        "method": "GET",
        "path": "/v1/things/{id}",
        "backend_path": "/api/things/{id}/",
        "contract": "basic",
    }
    return document


def planned(document: dict[str, Any], state: State | None = None) -> tuple[Plan, list[tuple[str, str]]]:
    judged, problems = judge(document, {})
    assert judged is not None, problems
    there = state or State({}, {})
    made = plan(judged.name, world_of(judged, None), there, Takeover())
    texts = texts_of(judged)
    found = contract_problems(made.steps, made.after, there, lambda _, digest: texts.get(digest))
    return made, [(one.pointer, one.message) for one in [*made.problems, *found]]


def wrong(document: dict[str, Any]) -> list[tuple[str, str]]:
    judged, problems = judge(document, {})
    if judged is None or problems:
        return [(one.pointer, one.message) for one in problems]
    return planned(document)[1]


def test_a_contract_that_compiles_is_a_step_after_its_schema_and_its_routes() -> None:
    made, problems = planned(tree())
    assert problems == []
    kinds = [step.ref.kind for step in made.steps]
    assert kinds.index("schema") < kinds.index("route") < kinds.index("contract") < kinds.index("plan")


def test_what_can_not_be_compiled_is_told_at_its_place_with_the_nearest_name() -> None:
    document = tree()
    document["contracts"]["basic"]["routes"]["show"]["answers"]["200"] = [{"select": ["id", "naem"]}]
    ((pointer, message),) = wrong(document)
    assert pointer == "/contracts/basic/routes/show/answers/200/0/select/1"
    assert message.endswith('; did you mean "name"?')


def test_a_file_is_compiled_without_a_control_plane_and_errors_have_their_place(tmp_path: Path) -> None:
    (tmp_path / "depot.json").write_text(json.dumps(SMALL_DOCUMENT))
    document = tree()
    document["schemas"]["depot"] = {"backend": "depot", "openapi": "depot.json"}
    file = tmp_path / "portazgo.yaml"
    file.write_text(json.dumps(document, indent=1))
    fine = entered({}, tmp_path, "check", "--offline")
    assert (fine.returncode, fine.stderr) == (0, "portazgo.yaml is fine.\n")

    file.write_text(json.dumps(document, indent=1).replace('"name"\n', '"naem"\n'))
    line = next(number for number, text in enumerate(file.read_text().splitlines(), 1) if '"naem"' in text)
    wrong = entered({}, tmp_path, "check", "--offline")
    assert wrong.returncode == 2
    told = wrong.stderr.splitlines()[0]
    assert told.startswith(f"portazgo.yaml:{line}:8: ")
    assert told.endswith("the schema has no naem: it knows no member 'naem' in the answer; did you mean \"name\"?")

    # What lies elsewhere is somebody else's to say.
    del document["schemas"]
    file.write_text(json.dumps(document, indent=1))
    elsewhere = entered({}, tmp_path, "check", "--offline")
    assert elsewhere.returncode == 0, elsewhere.stderr


def test_an_expression_that_can_not_run_is_told_with_its_place_in_the_file_and_in_itself(tmp_path: Path) -> None:
    (tmp_path / "depot.json").write_text(json.dumps(SMALL_DOCUMENT))
    document = tree()
    document["schemas"]["depot"] = {"backend": "depot", "openapi": "depot.json"}
    label = {"expr": "self.name + ' ' + self.secret", "schema": {"type": "string"}}
    document["contracts"]["basic"]["mappings"]["thing"].append({"compute": {"label": label}})
    file = tmp_path / "portazgo.yaml"
    text = json.dumps(document, indent=1)
    file.write_text(text)
    assert entered({}, tmp_path, "check", "--offline").stderr == "portazgo.yaml is fine.\n"
    line = next(number for number, row in enumerate(text.splitlines(), 1) if '"expr"' in row)
    for wrong, said in (
        (
            "self.secret",
            "the schema has no member 'secert' there (at character 24 of the expression); did you mean \"secret\"?",
        ),
        ("self.id", "string + int is not defined (at character 17 of the expression)"),
        (
            "siz(self.name)",
            "there is no function 'siz' here (at character 19 of the expression); did you mean \"size\"?",
        ),
        ("self.", "after a dot comes a name (at character 24 of the expression)"),
    ):
        file.write_text(text.replace("self.secret", wrong.replace("secret", "secert")))
        told = entered({}, tmp_path, "check", "--offline")
        assert (told.returncode, told.stderr.splitlines()[0]) == (2, f"portazgo.yaml:{line}:9: {said}")


def test_references_of_contracts_lead_somewhere() -> None:
    document = tree()
    document["contracts"]["basic"] |= {"api": "parcel", "schema": "depo"}
    document["apis"]["parcels"]["routes"]["show"]["contract"] = "basics"
    assert wrong(document) == [
        (
            "/apis/parcels/routes/show/contract",
            'there is no contract "basics", neither here nor at the server; did you mean "basic"?',
        ),
        ("/contracts/basic/api", 'there is no API "parcel", neither here nor at the server; did you mean "parcels"?'),
        (
            "/contracts/basic/schema",
            'there is no schema "depo", neither here nor at the server; did you mean "depot"?',
        ),
    ]


def test_a_route_says_one_of_the_two() -> None:
    document = tree()
    document["apis"]["parcels"]["routes"]["show"]["passthrough"] = True
    message = "a route either passes bodies through or has a contract: say one of the two"
    assert wrong(document) == [("/apis/parcels/routes/show", message)]


def test_a_contract_says_something_of_the_routes_that_name_it() -> None:
    document = tree()
    route = document["apis"]["parcels"]["routes"]["show"]
    document["apis"]["parcels"]["routes"]["other"] = {**route, "path": "/v1/others/{id}"}
    assert wrong(document) == [("/apis/parcels/routes/other/contract", "the contract basic says nothing of this route")]


def test_pins_name_a_version_that_is_served() -> None:
    document = tree()
    document["plans"]["basic"]["contracts"] = {"parcels": "basic"}
    assert wrong(document) == [
        (
            "/plans/basic/contracts/parcels",
            "\"basic\" names no version: a contract's name and the version's, such as badges-basic@2026-11-26",
        )
    ]
    document["plans"]["basic"]["contracts"] = {"parcels": "basic@2026-11-01"}
    assert wrong(document) == [
        ("/plans/basic/contracts/parcels", "the contract basic has no version 2026-11-01 that is served")
    ]


def _state(document: dict[str, Any], *versions: str) -> State:
    judged, _ = judge(document, {})
    assert judged is not None
    things = {ref: Thing(terms, judged.name) for ref, terms in world_of(judged, None).items()}
    return State(things, {}, versions={"basic": versions})


def test_the_newest_version_goes_by_its_name_and_by_the_contracts_alone() -> None:
    document = tree()
    state = _state(document, "2026-11-01", "2026-11-02")
    document["apis"]["parcels"]["routes"]["show"]["contract"] = "basic@2026-11-02"
    assert planned(document, state)[0].steps == []
    document["apis"]["parcels"]["routes"]["show"]["contract"] = "basic@2026-11-01"
    assert [step.ref for step in planned(document, state)[0].steps] == [Ref("route", "parcels/show")]
    # With a newer one on its way, the one that is named is held.
    document["apis"]["parcels"]["routes"]["show"]["contract"] = "basic@2026-11-02"
    document["contracts"]["basic"]["mappings"]["thing"] = [{"select": ["id"]}]
    steps = planned(document, state)[0].steps
    assert [step.ref for step in steps] == [Ref("route", "parcels/show"), Ref("contract", "basic")]


def test_what_is_written_says_the_same() -> None:
    judged, _ = judge(tree(), {})
    assert judged is not None
    there = world_of(judged, None)
    written = document_of("example", there)
    again, problems = judge(written, {})
    assert again is not None, problems
    assert world_of(again, None) == there
    assert written["contracts"] == {"basic": CONTRACT}
    assert written["apis"]["parcels"]["routes"]["show"]["contract"] == "basic"
    assert "passthrough" not in written["apis"]["parcels"]["routes"]["show"]


def test_a_document_is_kept_by_its_digest_alone() -> None:
    kept = without_texts(tree())
    judged, problems = judge(kept, {})
    assert judged is not None, problems
    whole, _ = judge(tree(), {})
    assert whole is not None
    assert kept["schemas"]["depot"].keys() == {"backend", "sha256"}
    assert world_of(judged, None) == world_of(whole, None)


def test_the_document_beside_the_file_is_read_with_it(tmp_path: Path) -> None:
    (tmp_path / "depot.json").write_text(json.dumps(SMALL_DOCUMENT))
    file = tmp_path / "portazgo.yaml"
    file.write_text("portazgo: 1\nname: x\nschemas:\n  depot:\n    backend: depot\n    openapi: depot.json\n")
    reading = read_file(file)
    assert reading.findings == []
    assert json.loads(reading.tree["schemas"]["depot"]["document"]) == SMALL_DOCUMENT
    file.write_text("portazgo: 1\nname: x\nschemas:\n  depot:\n    backend: depot\n    openapi: ../depot.json\n")
    (finding,) = read_file(file).findings
    assert (finding.place.line, finding.place.column) == (6, 5)
