"""Who may do what: one row for every operation of the OpenAPI document, and one place that decides."""

from __future__ import annotations

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from support.admin import AdminAPI, Answer
from support.world import NO_KID, NOBODY, World, refusal

from portazgo.accounts.domain import SYSTEM, Verb
from portazgo.accounts.models import AdminToken
from portazgo.accounts.service import create_token
from portazgo.control.api import api as admin_api
from portazgo.kit.clock import SYSTEM_CLOCK

pytestmark = pytest.mark.usefixtures("database")

SOURCES = Path(__file__).parents[2] / "src" / "portazgo"
PREFIX = "/api/v1"

# Whoever reads or writes a whole configuration must be allowed to read all that it is made of.
_CONFIGURATION = " ".join(
    f"{noun}:read"
    for noun in ("issuers", "backends", "apis", "schemas", "routes", "contracts", "plans", "partners", "applications")
)
# What each operation asks for: one scope, or several that are all needed.
NEEDED = {
    "list_audit": "audit:read",
    "verify_audit": "audit:read",
    "erase_audit_row": "audit:delete",
    "list_tokens": "tokens:read",
    "create_token": "tokens:create",
    "revoke_token": "tokens:revoke",
    "list_partners": "partners:read",
    "create_partner": "partners:create",
    "show_partner": "partners:read",
    "change_partner": "partners:change",
    "suspend_partner": "partners:suspend",
    "resume_partner": "partners:suspend",
    "delete_partner": "partners:delete",
    "erase_partner": "partners:erase",
    "list_issuers": "issuers:read",
    "create_issuer": "issuers:create",
    "show_issuer": "issuers:read",
    "change_issuer": "issuers:change",
    "rotate_issuer": "issuers:rotate",
    "begin_signing": "issuers:rotate",
    "list_signing_keys": "issuers:read",
    "add_signing_key": "issuers:create",
    "withdraw_signing_key": "issuers:revoke",
    "list_backends": "backends:read",
    "create_backend": "backends:create",
    "show_backend": "backends:read",
    "change_backend": "backends:change",
    "delete_backend": "backends:delete",
    "test_backend": "backends:change",
    "list_service_credentials": "service_credentials:read",
    "set_service_credential": "service_credentials:change",
    "remove_service_credential": "service_credentials:delete",
    "list_apis": "apis:read",
    "create_api": "apis:create",
    "show_api": "apis:read",
    "delete_api": "apis:delete",
    "list_plans": "plans:read",
    "create_plan": "plans:create",
    "show_plan": "plans:read",
    "replace_plan": "plans:change",
    "delete_plan": "plans:delete",
    "list_applications": "applications:read",
    "create_application": "applications:create",
    "show_application": "applications:read",
    "change_application": "applications:change",
    "suspend_application": "applications:suspend",
    "resume_application": "applications:suspend",
    "delete_application": "applications:delete",
    "list_keys": "keys:read",
    "create_key": "keys:create",
    "show_key": "keys:read",
    "change_key": "keys:change",
    "disable_key": "keys:change",
    "enable_key": "keys:change",
    "revoke_key": "keys:revoke",
    "delete_key": "keys:delete",
    "scanner_rules": "keys:read",
    "revoke_partner_keys": "keys:revoke",
    "revoke_application_keys": "keys:revoke",
    "rotate_key": "keys:rotate",
    "extend_rotation": "keys:rotate",
    "end_rotation": "keys:rotate",
    "cancel_rotation": "keys:rotate",
    "key_propagation": "keys:read",
    "partner_propagation": "partners:read",
    "partner_erasure_propagation": "partners:read",
    "application_propagation": "applications:read",
    "signing_key_propagation": "issuers:read",
    "partner_keys_propagation": "keys:read",
    "application_keys_propagation": "keys:read",
    "failing_logins": "backends:read",
    "report_leak": "keys:revoke",
    "tag_secret": "keys:revoke",
    "list_webhook_endpoints": "webhooks:read",
    "create_webhook_endpoint": "webhooks:create",
    "show_webhook_endpoint": "webhooks:read",
    "change_webhook_endpoint": "webhooks:change",
    "test_webhook_endpoint": "webhooks:change",
    "pause_webhook_endpoint": "webhooks:suspend",
    "resume_webhook_endpoint": "webhooks:suspend",
    "rotate_webhook_secret": "webhooks:rotate",
    "delete_webhook_endpoint": "webhooks:delete",
    "list_webhook_deliveries": "webhooks:read",
    "show_webhook_outbox": "webhooks:read",
    "resend_webhook_delivery": "webhooks:change",
    "list_routes": "routes:read",
    "create_route": "routes:create",
    "import_routes": "routes:create",
    "show_route": "routes:read",
    "change_route": "routes:change",
    "delete_route": "routes:delete",
    "list_contracts": "contracts:read",
    "create_contract": "contracts:create",
    "check_contract": "contracts:read",
    "draft_contract": "schemas:read",
    "show_contract": "contracts:read",
    "change_contract": "contracts:change",
    "delete_contract": "contracts:delete",
    "publish_contract": "contracts:create",
    "diff_contract": "contracts:read",
    "replay_contract": "recordings:read",
    "list_contract_pins": "contracts:read",
    "list_application_contracts": "applications:read",
    "unpin_contract": "contracts:change partners:change",
    "show_contract_version": "contracts:read",
    "show_contract_document": "contracts:read",
    "list_contract_users": "contracts:read usage:read",
    "set_default_version": "contracts:change routes:change",
    "pin_contract": "contracts:change partners:change",
    "deprecate_contract": "contracts:change",
    "undeprecate_contract": "contracts:change",
    "retire_contract": "contracts:delete",
    "test_contract": "contracts:change",
    "list_schemas": "schemas:read",
    "import_schema": "schemas:create",
    "show_schema": "schemas:read",
    "list_drift": "schemas:read",
    "show_schema_document": "schemas:read",
    "list_schema_operations": "schemas:read",
    "delete_schema": "schemas:delete",
    "import_keys": "keys:create",
    "list_peppers": "peppers:read",
    "show_pepper": "peppers:read",
    "rotate_pepper": "peppers:rotate",
    "list_nodes": "nodes:read",
    "show_node": "nodes:read",
    "retire_node": "nodes:delete",
    "list_node_tokens": "nodes:read",
    "create_node_token": "nodes:create",
    "revoke_node_token": "nodes:revoke",
    "show_wrapping": "wrapping:read",
    "rotate_wrapping": "wrapping:rotate",
    "usage_report": "usage:read",
    "usage_balance": "usage:read",
    "usage_metrics": "usage:read",
    "fields_told": "usage:read",
    "accept_gap": "usage:change",
    "declare_node_lost": "nodes:delete",
    "show_lake": "lake:read",
    "list_lake_files": "lake:read",
    "list_traces": "traces:read",
    "tail_traces": "traces:read",
    "show_trace": "traces:read",
    "create_partner_token": "tokens:create partner_view:read",
    "list_partner_traces": "partner_view:read",
    "tail_partner_traces": "partner_view:read",
    "show_partner_trace": "partner_view:read",
    "list_partner_documents": "partner_view:read",
    "show_partner_document": "partner_view:read",
    "partner_usage": "partner_view:read",
    "check_document": _CONFIGURATION,
    "diff_document": _CONFIGURATION,
    "apply_document": f"{_CONFIGURATION} declarative:create",
    "list_applies": "declarative:read",
    "show_apply": "declarative:read",
    "roll_back": "declarative:read",  # and, once there is something to go back to, what `apply_document` needs
    "export_document": _CONFIGURATION,
}

# A payload that is well formed, for each operation that takes one: what is not is refused before anybody is asked.
BODIES: dict[str, dict[str, Any]] = {
    "create_token": {"name": "x", "scopes": ["tokens:create"]},
    "create_partner": {"name": "x"},
    "create_partner_token": {"name": "x"},
    "change_partner": {},
    "create_issuer": {"name": "x", "url": "https://x.example"},
    "change_issuer": {},
    "rotate_issuer": {},
    "add_signing_key": {},
    "create_backend": {
        "name": "x",
        "environments": {"live": {"targets": ["http://127.0.0.1:9"], "credential": {"kind": "none"}}},
    },
    "change_backend": {},
    "create_api": {"name": "x"},
    "create_plan": {"name": "x"},
    "replace_plan": {"name": "x"},
    "create_application": {"partner": NOBODY, "name": "x", "environment": "live"},
    "change_application": {},
    "create_key": {},
    "import_keys": {"format": "sha256", "content": "0" * 64},
    "revoke_partner_keys": {},
    "revoke_application_keys": {},
    "verify_audit": {},
    "erase_audit_row": {"reason": "x"},
    "change_key": {},
    "rotate_key": {},
    "extend_rotation": {"grace": "1d"},
    "end_rotation": {},
    "cancel_rotation": {},
    "report_leak": {"api_key": "x"},
    "tag_secret": {"secret": "x"},
    "create_webhook_endpoint": {"name": "x", "url": "https://hooks.example.com/"},
    "change_webhook_endpoint": {},
    "rotate_webhook_secret": {},
    "create_route": {
        "name": "x",
        "backend": NOBODY,
        "method": "GET",
        "path": "/v1/x",
        "backend_path": "/x",
        "passthrough": True,
    },
    "import_routes": {"backend": NOBODY, "document": "{}"},
    "change_route": {},
    "create_contract": {"name": "x", "api": NOBODY, "schema": NOBODY, "routes": {}},
    "check_contract": {"api": NOBODY, "schema": NOBODY, "routes": {}},
    "draft_contract": {"api": NOBODY, "schema": NOBODY},
    "change_contract": {},
    "publish_contract": {},
    "unpin_contract": {"partner": NOBODY},
    "pin_contract": {"partner": NOBODY},
    "deprecate_contract": {},
    "test_contract": {"examples": [{"route": "x", "given": "{}"}]},
    "import_schema": {"name": "x", "backend": NOBODY, "document": "{}"},
    "create_node_token": {"name": "x"},
    "declare_node_lost": {},
    "accept_gap": {"reason": "x"},
    "test_backend": {},
    "set_service_credential": {"values": {"password": "x"}},
    "rotate_wrapping": {},
    "check_document": {"document": {}},
    "diff_document": {"document": {}},
    "apply_document": {"document": {}},
    "roll_back": {},
}

JWK_KID = "a" * 43
PARAMETERS = {"kid": NO_KID, "number": "1", "version": "1", "environment": "live"}
"""What stands for a parameter of a path; ids otherwise."""


class Operation(NamedTuple):
    """One operation of the document, as it is called here."""

    name: str
    method: str
    path: str
    has_body: bool

    def call(self, api: AdminAPI) -> Answer:
        """Call it, well formed, about things that aren't there."""
        path = self.path
        for parameter in _parameters(path):
            value = JWK_KID if path.startswith("/signing-keys") else PARAMETERS.get(parameter, NOBODY)
            path = path.replace(f"{{{parameter}}}", value)
        if self.method == "GET":
            return api.get(path)
        if self.method == "DELETE":
            return api.delete(path)
        send = {"POST": api.post, "PUT": api.put, "PATCH": api.patch}[self.method]
        return send(path, BODIES[self.name] if self.has_body else None)


def _parameters(path: str) -> list[str]:
    return [part.partition("}")[0] for part in path.split("{")[1:]]


def _operations() -> list[Operation]:
    document = admin_api.get_openapi_schema(path_prefix=f"{PREFIX}/")
    return [
        Operation(operation["operationId"], method.upper(), path.removeprefix(PREFIX), "requestBody" in operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


OPERATIONS = _operations()
each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=[operation.name for operation in OPERATIONS])


def everything_but(scope: str) -> list[str]:
    """List every scope of one verb but this one; none of them opens more than its verb."""
    nouns = {needed.partition(":")[0] for row in NEEDED.values() for needed in row.split()}
    return sorted({f"{noun}:{verb.value}" for noun in nouns for verb in Verb} - {scope})


def caller(*scopes: str, expires_in: timedelta | None = None) -> tuple[UUID, AdminAPI]:
    expires_at = None if expires_in is None else datetime.now(UTC) + expires_in
    row, token = create_token(SYSTEM, "test", frozenset(scopes), clock=SYSTEM_CLOCK, expires_at=expires_at)
    return row.id, AdminAPI(token.reveal())


def test_every_operation_has_its_row() -> None:
    named = {operation.name for operation in OPERATIONS}
    assert named - NEEDED.keys() == set(), "name the scope that the new operation needs"
    assert NEEDED.keys() - named == set()
    assert {operation.name for operation in OPERATIONS if operation.has_body} - BODIES.keys() == set()


def test_every_operation_says_that_it_wants_a_token() -> None:
    document = admin_api.get_openapi_schema(path_prefix=f"{PREFIX}/")
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["security"] == [{"AdminToken": []}], (method, path)


@each_operation
def test_without_a_living_token_nothing_is_told(operation: Operation) -> None:
    assert refusal(operation.call(AdminAPI(None))) == (401, "token_missing")
    assert refusal(operation.call(AdminAPI("ptza_nobody"))) == (401, "token_invalid")
    _, expired = caller("*", expires_in=timedelta(seconds=-1))
    assert refusal(operation.call(expired)) == (401, "token_invalid")
    identifier, revoked = caller("*")
    AdminToken.objects.filter(id=identifier).update(revoked_at=SYSTEM_CLOCK.now())
    assert refusal(operation.call(revoked)) == (401, "token_invalid")


@each_operation
def test_its_scope_opens_an_operation_and_no_other_does(operation: Operation) -> None:
    needed = NEEDED[operation.name].split()
    for one in needed:
        _, stranger = caller(*everything_but(one))
        refused = operation.call(stranger)
        assert refusal(refused) == (403, "scope_missing")
        noun, _, verb = one.partition(":")
        assert refused.body["scope"] == f"{noun}:{verb if verb in {'read', 'erase'} else 'write'}"
    nouns = {one.partition(":")[0] for one in needed}
    writing = [f"{noun}:write" for noun in nouns]
    if any(one.endswith(":erase") for one in needed):
        _, writer = caller(*writing)
        assert refusal(operation.call(writer)) == (403, "scope_missing")
        writing = needed
    for scopes in (needed, writing, [f"{noun}:*" for noun in nouns], ["*"]):
        _, trusted = caller(*scopes)
        assert operation.call(trusted).status not in {401, 403}, scopes


def test_a_refused_caller_does_not_learn_what_there_is(world: World, api: AdminAPI) -> None:
    _, stranger = caller("audit:read")
    partner = world.partner()
    key = world.key()
    for path in (f"/partners/{partner['id']}/suspend", f"/partners/{NOBODY}/suspend"):
        assert refusal(stranger.post(path)) == (403, "scope_missing")
    for kid in (key["kid"], NO_KID):
        assert refusal(stranger.post(f"/keys/{kid}/revoke")) == (403, "scope_missing")


def test_one_place_decides() -> None:
    """Nobody but `accounts` looks at an actor's scopes, and only `can` and the making of tokens refuse for them."""
    deciding = []
    for file in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            looks = isinstance(node, ast.Attribute) and node.attr == "scopes" and "actor" in ast.unparse(node.value)
            refuses = isinstance(node, ast.Constant) and node.value == "scope_missing" and "faults" not in file.parts
            if looks or refuses:
                deciding.append(file.relative_to(SOURCES).as_posix())
    assert set(deciding) == {"accounts/domain.py", "accounts/service.py"}
