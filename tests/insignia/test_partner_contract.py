"""The contract of the demo's partner API: it compiles over what Insignia says of itself, and hides most of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from portazgo.contracts.compiling import CompiledContract, ContractTerms, RouteFacts, compile_contract
from portazgo.contracts.drafting import draft
from portazgo.contracts.schema import Schema, read_schema
from portazgo.declarative.file.yaml import read_yaml
from portazgo.roles.demo_setup import PREFIXES, TAGS
from portazgo.routes.openapi.drafts import Pick, draft_routes
from portazgo.routes.openapi.operations import operations
from portazgo.routes.openapi.reading import read_text

INSIGNIA = Path(__file__).resolve().parents[2] / "examples" / "insignia"
HIDDEN_AT_LEAST = 0.60


def its_document() -> str:
    """Give the OpenAPI document as drf-spectacular writes it."""
    done = subprocess.run(
        [sys.executable, "manage.py", "spectacular"],
        cwd=INSIGNIA,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "insignia.settings", "PYTHONPATH": str(INSIGNIA)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def the_routes(document: str) -> dict[str, RouteFacts]:
    """Give the routes that the demo imports."""
    found = draft_routes(operations(read_text(document)), Pick(frozenset(TAGS), (), frozenset()), PREFIXES)
    return {
        one.name: RouteFacts(one.method, one.path, one.method, one.backend_path, ("http://127.0.0.1:8082",))
        for one in found.drafts
    }


def count(contract: CompiledContract) -> dict[str, int]:
    return {name: sum(len(pairs) for pairs in route.fields.values()) for name, route in contract.routes.items()}


def test_the_partner_api_hides_at_least_sixty_percent_of_the_backends_fields() -> None:
    document = its_document()
    schema: Schema = read_schema(document)
    routes = the_routes(document)
    parsed = read_yaml((INSIGNIA / "contract.yaml").read_text("utf-8"), Path("contract.yaml"))
    assert parsed.findings == []
    contract = compile_contract(ContractTerms(parsed.tree["routes"], parsed.tree["mappings"]), schema, routes)
    everything = draft(schema, routes)
    whole = compile_contract(ContractTerms(everything["routes"], everything["mappings"]), schema, routes)
    assert contract.routes.keys() == whole.routes.keys() == routes.keys()
    shown, there = count(contract), count(whole)
    assert sum(there.values()) > 500
    assert 1 - sum(shown.values()) / sum(there.values()) >= HIDDEN_AT_LEAST
    # Not on average only: no route shows more.
    assert [name for name in shown if there[name] and 1 - shown[name] / there[name] < HIDDEN_AT_LEAST] == []
    for hidden in ("audit_trail", "costs", "scoring", "storage", "national_id", "margin_percent"):
        assert hidden not in str([route.fields for route in contract.routes.values()])
