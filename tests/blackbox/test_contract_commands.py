"""Contracts by the command line: do examples come out, and which fields were given."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.command import entered
from support.deployment import Deployment

Run = Callable[..., subprocess.CompletedProcess[str]]

SCHEMA: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Things", "version": "1"},
    "paths": {
        "/api/things/{id}/": {
            "get": {
                "operationId": "things_retrieve",
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
                "responses": {
                    "200": {
                        "description": "ok",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                    }
                },
            }
        }
    },
    "components": {
        "schemas": {
            "Thing": {
                "type": "object",
                "required": ["id", "name"],
                "properties": {"id": {"type": "integer"}, "name": {"type": "string"}, "cost": {"type": "number"}},
            }
        }
    },
}


@pytest.fixture
def run(deployment: Deployment) -> Run:
    return lambda *words: entered(deployment.environment, deployment.folder, *words)


def write(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), "utf-8")
    return path


def contract(folder: Path, *fields: str) -> str:
    routes = {"thing": {"answers": {"200": [{"select": list(fields)}]}}}
    return str(write(folder / "things.json", {"api": "things", "schema": "things", "routes": routes}))


def done(run: Run, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    finished = run(*words)
    assert finished.returncode == code, (words, finished.stderr)
    return finished


def test_examples_are_put_through_a_draft_and_through_versions(deployment: Deployment, run: Run) -> None:
    folder = deployment.folder
    done(run, "backend", "create", "things", "--target", deployment.backend_url, "--audience", "things")
    done(run, "api", "create", "things")
    where = ("--method", "get", "--path", "/v1/things/{id}", "--backend-path", "/api/things/{id}/")
    done(run, "route", "create", "thing", "--api", "things", "--backend", "things", *where, "--passthrough")
    document = str(write(folder / "schema.json", SCHEMA))
    done(run, "schema", "import", "things", "--backend", "things", "--file", document)
    done(run, "contract", "create", "things", "--file", contract(folder, "id", "name"))
    version = json.loads(done(run, "contract", "publish", "things", "--json").stdout)["name"]

    examples = folder / "examples" / "things" / "thing"
    write(examples / "200.backend.json", {"id": 7, "name": "Box", "cost": 3})
    write(examples / "200.partner.json", {"id": 7, "name": "Box"})
    assert done(run, "contract", "test", "things").stdout.splitlines()[1].split() == ["thing", "200", "fine", "-"]

    assert "No differences" in done(run, "contract", "diff", "things").stderr
    done(run, "contract", "change", "things", "--file", contract(folder, "id", "name", "cost"))
    done(run, "contract", "diff", "things", code=3)
    more = done(run, "contract", "diff", "things", "--breaking")
    assert "cost" in more.stdout
    assert "It breaks nobody." in more.stderr
    done(run, "contract", "change", "things", "--file", contract(folder, "id", "cost"))
    assert "It breaks partners." in done(run, "contract", "diff", "things", "--breaking", code=3).stderr
    failed = done(run, "contract", "test", "things", "--against", version, code=1)
    assert "2 fields differ" in failed.stdout
    assert f"What {version} makes of it" in failed.stderr
    done(run, "contract", "test", f"things@{version}")
    nowhere = done(run, "contract", "test", "things", "--examples", str(folder / "examples" / "things"), code=2)
    assert "there are no examples of things" in nowhere.stderr
    absent = done(run, "contract", "test", "things", "--examples", str(folder / "away"), code=2)
    assert f"there is no folder {folder / 'away'}" in absent.stderr
    assert f"Write {folder / 'away' / 'things' / 'ROUTE' / '200.backend.json'}" in absent.stderr
    no_folder = done(run, "contract", "test", "things", "--examples", str(folder / "schema.json"), code=2)
    assert f"{folder / 'schema.json'}: Not a directory" in no_folder.stderr
    done(run, "contract", "deprecate", f"things@{version}", "--sunset", "90d")
    back = json.loads(done(run, "contract", "undeprecate", f"things@{version}", "--json").stdout)
    assert (back["state"], back["sunset_at"]) == ("published", None)

    # Nobody called yet.
    assert json.loads(done(run, "usage", "fields", "--month", "2026-11", "--json").stdout) == []


def test_a_document_is_cut_to_what_an_application_or_a_key_may_call(deployment: Deployment, run: Run) -> None:
    folder = deployment.folder
    done(run, "backend", "create", "crates", "--target", deployment.backend_url, "--audience", "crates")
    done(run, "api", "create", "crates")
    where = ("--method", "get", "--path", "/v1/crates/{id}", "--backend-path", "/api/things/{id}/")
    more = ("--backend", "crates", *where, "--passthrough", "--scope", "crates:read")
    done(run, "route", "create", "crate", "--api", "crates", *more)
    document = str(write(folder / "crates-schema.json", SCHEMA))
    done(run, "schema", "import", "crates", "--backend", "crates", "--file", document)
    terms = {"api": "crates", "schema": "crates", "routes": {"crate": {"answers": {"200": [{"select": ["id"]}]}}}}
    done(run, "contract", "create", "crates", "--file", str(write(folder / "crates.json", terms)))
    done(run, "contract", "publish", "crates", "--default")
    done(run, "plan", "create", "on-crates", "--api", "crates")
    done(run, "partner", "create", "carrier")
    for name, plan in (("crm", ("--plan", "on-crates")), ("erp", ())):
        done(run, "application", "create", name, "--partner", "carrier", "--environment", "live", *plan)
    made = done(run, "key", "create", "--application", "carrier/crm", "--scope", "other:read", "--json")

    whole = json.loads(done(run, "contract", "document", "crates").stdout)
    assert whole["paths"]["/v1/crates/{id}"]["get"]["security"][0] == {"apiKey": ["crates:read"]}
    assert json.loads(done(run, "contract", "document", "crates", "--application", "carrier/crm").stdout) == whole
    cut = done(run, "contract", "document", "crates", "--key", json.loads(made.stdout)["kid"])
    assert json.loads(cut.stdout)["paths"] == {}
    assert "Left out: crate. The key's or plan's scopes do not cover the route." in cut.stderr
    nobody = done(run, "contract", "document", "crates", "--application", "carrier/erp", code=1)
    assert "no version of crates serves that application" in nobody.stderr
    done(run, "contract", "document", "crates", "--application", "carrier/erp", "--key", "7hK2mQ9xTb", code=2)


def test_a_file_that_names_what_there_is_not_says_where(deployment: Deployment, run: Run) -> None:
    done(run, "api", "create", "parcels")
    file = deployment.folder / "mistyped.yaml"
    file.write_text("api: parcles\nschema: parcels\nroutes: {}\n", "utf-8")
    refused = done(run, "contract", "check", str(file), code=2)
    assert refused.stderr.splitlines()[0] == f"{file}:1:1: there is no api 'parcles'. Did you mean 'parcels'?"
