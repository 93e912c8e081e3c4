"""The admin API keeps to its own OpenAPI document: schemathesis against the real WSGI application."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS
from schemathesis.config import SchemathesisConfig
from support.admin import AdminAPI
from support.contract_requests import CONTRACTS
from support.named_records import collect_named
from support.segments import PARTNER, recorded
from support.world import NOBODY, World

from portazgo.control.api import api as admin_api
from portazgo.control.openapi import FILE, text
from portazgo.control.provider import wrapper as process_wrapper
from portazgo.control.wsgi import application
from portazgo.kit.clock import SYSTEM_CLOCK
from portazgo.nodes.service import Contact, record_contacts
from portazgo.partners.data_keys import make_missing
from portazgo.usage.collector import collect, report_epoch

pytestmark = pytest.mark.usefixtures("database")

# Checks that are not made, each with its reason. All others of schemathesis's own are.
EXCLUDED = {
    "positive_data_acceptance": (
        "JSON Schema can't say everything: either a URL or a document, a time that lies ahead, a network without host "
        "bits, an id of something that exists. Such payloads are refused 422 with the place; the nouns' own tests hold "
        "every such rule, and `_is_told_where` below holds the form of these refusals"
    ),
}
EXAMPLES = 3
IDEMPOTENT = "create_partner"
"""The one operation that is sent odd values of Idempotency-Key: the same middleware reads it for all (test_idempotency.py)."""
CONFIG = SchemathesisConfig.from_dict({"generation": {"database": "none", "deterministic": True}})


def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(text())
    for methods in document["paths"].values():
        for operation in methods.values():
            if operation["operationId"] != IDEMPOTENT:
                kept = [one for one in operation.get("parameters", []) if one["name"] != "Idempotency-Key"]
                operation["parameters"] = kept
    return document


SCHEMA = schemathesis.openapi.from_dict(_document(), config=CONFIG)
SCHEMA.app = application

EXCLUDED_CHECKS: Any = [CHECKS.get_one(name) for name in EXCLUDED]
UNPROCESSABLE = 422

Made = dict[str, Any]
Exact = tuple[Made, Any]
"""Parameters of the path, and the body, of a request that must succeed; None: no body."""


def _partner(world: World) -> Exact:
    return {"partner_id": world.partner()["id"]}, None


def _application(world: World) -> Exact:
    return {"application_id": world.application()["id"]}, None


def _key(world: World) -> Exact:
    return {"kid": world.key()["kid"]}, None


def _revoked_key(world: World) -> Exact:
    kid = world.key()["kid"]
    world.api.post(f"/keys/{kid}/revoke")
    return {"kid": kid}, None


def _suspended(world: World) -> str:
    partner: str = world.partner()["id"]
    world.api.post(f"/partners/{partner}/suspend")
    return partner


def _erased(world: World) -> str:
    partner = _suspended(world)
    world.api.post(f"/partners/{partner}/erase")
    return partner


def _dead_key(world: World) -> Made:
    application = world.application()
    world.api.post(f"/keys/{world.key(application)['kid']}/revoke")
    return application


def _rotated(world: World) -> Exact:
    path, _ = _key(world)
    answer = world.api.post(f"/keys/{path['kid']}/rotate", {"grace": "1d"})
    assert answer.status == 200, answer
    return path, None


def _backend(world: World) -> Exact:
    return {"backend_id": world.backend()["id"]}, None


def _plan(world: World) -> Exact:
    return {"plan_id": world.plan()["id"]}, None


def _api(world: World) -> Exact:
    return {"api_id": world.an_api()["id"]}, None


def _route(world: World) -> Exact:
    return {"route_id": world.route()["id"]}, None


def _nothing(_: World) -> Exact:
    return {}, None


def _with(make: Callable[[World], Exact], body: Made) -> Callable[[World], Exact]:
    return lambda world: (make(world)[0], body)


def _new_application(world: World) -> Exact:
    body = {"partner": world.partner()["id"], "name": "new", "environment": "test", "plan": world.plan()["id"]}
    return {}, body


def _new_route(world: World) -> Exact:
    body = {"name": "new", "method": "GET", "path": "/v1/new", "backend_path": "/new", "passthrough": True}
    return {"api_id": world.an_api()["id"]}, {**body, "backend": world.backend()["id"]}


def _import(world: World) -> Exact:
    document = {"openapi": "3.1.0", "info": {}, "paths": {"/things": {"get": {"operationId": "listThings"}}}}
    body = {"backend": world.backend()["id"], "document": json.dumps(document)}
    return {"api_id": world.an_api()["id"]}, body


def _issuer(world: World) -> Exact:
    return {"issuer_id": world.issuer()["id"]}, None


def _shared_secret(world: World) -> Exact:
    issuer = world.issuer(algorithm="HS256")
    key = world.api.post(f"/issuers/{issuer['id']}/signing-keys").body
    return {"kid": key["kid"]}, None


def _spare_signing_key(world: World) -> Exact:
    key = world.api.post(f"/issuers/{world.issuer()['id']}/signing-keys").body
    return {"kid": key["kid"]}, None


def _node(_: World) -> Exact:
    node = UUID(NOBODY)
    record_contacts([Contact(node, node, "", SYSTEM_CLOCK.now())])
    return {"node_id": NOBODY}, None


def _silent_node(_: World) -> Exact:
    node = UUID(NOBODY)
    record_contacts([Contact(node, node, "", SYSTEM_CLOCK.now() - timedelta(hours=1))])
    return {"node_id": NOBODY}, None


def _gap(world: World) -> Exact:
    _trace(world)
    records, now = recorded(), SYSTEM_CLOCK.now()
    ended = {"epoch": records.epoch, "node": records.node, "end": "killed", "last_sequence": 6, "accepted": 6}
    report_epoch({**ended, "started_at": now, "ended_at": now, "seconds_at_risk": 0.0})
    return {"epoch": str(records.epoch)}, None


def _trace(_: World) -> Exact:
    records = recorded()
    for first, content in records.segments:
        collect(records.node, records.epoch, first, content)
    return {"request_id": records.ids[0]}, None


def _own_trace(world: World) -> Exact:
    return {"request_id": collect_named().ids[0], "as_partner": PARTNER}, None


DOCUMENT = {"portazgo": 1, "name": "whole", "partners": {"acme": {}}}


def _applied(world: World) -> Exact:
    for partner in ("acme", "other"):
        document = {**DOCUMENT, "partners": {partner: {}}}
        answer = world.api.post("/declarative/apply", {"document": document, "confirmed": True})
        assert answer.status == 200, answer
    (newest, *_) = world.api.every("/declarative/applies")
    return {"number": newest["number"]}, None


def _endpoint(world: World) -> Exact:
    return {"endpoint_id": world.endpoint()["id"]}, None


def _delivery(world: World) -> Exact:
    tested = world.api.post(f"/webhooks/endpoints/{world.endpoint()['id']}/test").body
    return {"delivery_id": tested["id"]}, None


def _leak(world: World) -> Exact:
    return {}, {"api_key": world.key()["api_key"], "url": "https://paste.example/1"}


def _secret(world: World) -> Exact:
    make_missing(wrapper=process_wrapper(), clock=SYSTEM_CLOCK)
    return {}, {"secret": world.key()["api_key"]}


def _login_backend(world: World) -> Exact:
    return {"backend_id": world.login_backend()["id"]}, None


def _settable(world: World) -> Exact:
    values = {"username": "portazgo", "password": "secret"}
    return {"backend_id": world.login_backend()["id"], "environment": "live"}, {"values": values}


def _service_credential(world: World) -> Exact:
    parameters, body = _settable(world)
    made = world.api.put(f"/backends/{parameters['backend_id']}/credentials/live", body).body
    return {"credential_id": made["id"]}, None


def _peppered(world: World) -> Exact:
    world.key()
    return {}, None


def _pepper(world: World) -> Exact:
    world.key()
    return {"version": str(world.api.every("/peppers")[0]["version"])}, None


TARGET = {"live": {"targets": ["http://127.0.0.1:9"], "credential": {"kind": "none"}}}

# A request for each operation that must succeed. A new operation without one fails.
SUCCEEDS: dict[str, Callable[[World], Exact]] = {
    "list_audit": _nothing,
    "show_wrapping": _nothing,
    "rotate_wrapping": _with(_nothing, {"anyway": True}),
    "verify_audit": _with(_partner, {"after": {"number": 0, "hash": "0" * 64}, "limit": 10}),
    "erase_audit_row": lambda world: (_partner(world)[0] and {"number": 1}, {"reason": "asked for"}),
    "list_tokens": _nothing,
    "create_token": _with(_nothing, {"name": "new", "scopes": ["keys:read"], "expires_at": "2099-01-01T00:00:00Z"}),
    "revoke_token": lambda world: ({"token_id": world.token()["id"]}, None),
    "list_partners": _partner,
    "create_partner": _with(_nothing, {"name": "new", "metadata": {"tier": "gold", "seats": 3, "beta": True}}),
    "show_partner": _partner,
    "change_partner": _with(_partner, {"name": "renamed"}),
    "suspend_partner": _partner,
    "resume_partner": _partner,
    "delete_partner": _partner,
    "erase_partner": lambda world: ({"partner_id": _suspended(world)}, None),
    "list_peppers": _peppered,
    "show_pepper": _pepper,
    "rotate_pepper": _peppered,
    "list_issuers": _issuer,
    "create_issuer": _with(_nothing, {"name": "new", "url": "https://gateway.example"}),
    "show_issuer": _issuer,
    "change_issuer": _with(_issuer, {"rotate_every_seconds": 7_776_000}),
    "rotate_issuer": _issuer,
    "begin_signing": _shared_secret,
    "list_signing_keys": _issuer,
    "add_signing_key": _issuer,
    "withdraw_signing_key": _spare_signing_key,
    "list_backends": _backend,
    "create_backend": _with(_nothing, {"name": "new", "environments": TARGET}),
    "show_backend": _backend,
    "change_backend": _with(_backend, {"environments": TARGET}),
    "test_backend": _with(_backend, {"path": "/"}),
    "delete_backend": _backend,
    "failing_logins": _backend,
    "list_service_credentials": _login_backend,
    "set_service_credential": _settable,
    "remove_service_credential": _service_credential,
    **CONTRACTS,
    "list_apis": _api,
    "create_api": _with(_nothing, {"name": "new"}),
    "show_api": _api,
    "delete_api": _api,
    "list_plans": _plan,
    "create_plan": _with(_nothing, {"name": "new", "rates": ["60/min"]}),
    "show_plan": _plan,
    "replace_plan": _with(_plan, {"name": "renamed"}),
    "delete_plan": _plan,
    "list_applications": _application,
    "create_application": _new_application,
    "show_application": _application,
    "change_application": _with(_application, {"name": "renamed"}),
    "suspend_application": _application,
    "resume_application": _application,
    "delete_application": _application,
    "list_keys": _key,
    "import_keys": _with(_application, {"format": "sha256", "content": "ab" * 32 + ",server"}),
    "create_key": _with(_application, {"networks": ["10.0.0.0/8"], "expires_at": "2099-01-01T00:00:00Z"}),
    "show_key": _key,
    "change_key": _with(_key, {"scopes": ["read"], "add_tags": ["pilot"], "expires_at": "2099-01-01T00:00:00Z"}),
    "disable_key": _key,
    "enable_key": _key,
    "revoke_key": _key,
    "delete_key": _revoked_key,
    "scanner_rules": _nothing,
    "rotate_key": _with(_key, {"grace": "1d"}),
    "extend_rotation": _with(_rotated, {"grace": "2d"}),
    "end_rotation": _with(_rotated, {"grace": "1h", "unless_used_within": "1h"}),
    "cancel_rotation": _with(_rotated, {"expected_secret": 1}),
    "key_propagation": _key,
    "revoke_partner_keys": _with(_partner, {"dry_run": False}),
    "revoke_application_keys": _with(_application, {"dry_run": True}),
    "partner_propagation": _partner,
    "partner_erasure_propagation": lambda world: ({"partner_id": _erased(world)}, None),
    "application_propagation": _application,
    "signing_key_propagation": _spare_signing_key,
    "partner_keys_propagation": lambda world: ({"partner_id": _dead_key(world)["partner"]}, None),
    "application_keys_propagation": lambda world: ({"application_id": _dead_key(world)["id"]}, None),
    "report_leak": _leak,
    "tag_secret": _secret,
    "list_webhook_endpoints": _endpoint,
    "create_webhook_endpoint": _with(_nothing, {"name": "new", "url": "https://hooks.example.com/"}),
    "show_webhook_endpoint": _endpoint,
    "change_webhook_endpoint": _with(_endpoint, {"events": ["key.leaked"]}),
    "test_webhook_endpoint": _endpoint,
    "pause_webhook_endpoint": _endpoint,
    "resume_webhook_endpoint": _endpoint,
    "rotate_webhook_secret": _with(_endpoint, {"overlap": "1h"}),
    "delete_webhook_endpoint": _endpoint,
    "list_webhook_deliveries": _delivery,
    "show_webhook_outbox": _nothing,
    "resend_webhook_delivery": _delivery,
    "list_routes": _route,
    "create_route": _new_route,
    "import_routes": _import,
    "show_route": _route,
    "change_route": _with(_route, {"hosts": ["api.example"]}),
    "delete_route": _route,
    "list_nodes": _node,
    "show_node": _node,
    "retire_node": _node,
    "list_node_tokens": lambda world: ({}, world.node_token() and None),
    "create_node_token": _with(_nothing, {"name": "new"}),
    "revoke_node_token": lambda world: ({"token_id": world.node_token()["id"]}, None),
    "usage_report": _trace,
    "usage_balance": _trace,
    "usage_metrics": _trace,
    "fields_told": _trace,
    "accept_gap": _with(_gap, {"reason": "the disk is gone"}),
    "declare_node_lost": _with(_silent_node, {"died_at": "2026-11-26T10:00:00Z"}),
    "show_lake": _nothing,
    "list_lake_files": _nothing,
    "list_traces": _trace,
    "tail_traces": _trace,
    "show_trace": _trace,
    "create_partner_token": _with(_partner, {"name": "portal", "expires_at": "2099-01-01T00:00:00Z"}),
    "list_partner_traces": _own_trace,
    "tail_partner_traces": _own_trace,
    "show_partner_trace": _own_trace,
    "partner_usage": _own_trace,
    "check_document": _with(_nothing, {"document": DOCUMENT}),
    "diff_document": _with(_nothing, {"document": DOCUMENT}),
    "apply_document": _with(_nothing, {"document": DOCUMENT, "confirmed": True}),
    "list_applies": _applied,
    "show_apply": _applied,
    "roll_back": lambda world: (_applied(world)[0], {"confirmed": True}),
    "export_document": _nothing,
}


def _operations() -> dict[str, Any]:
    """Read the document's operations, by their names."""
    every: Any = SCHEMA.get_all_operations()
    found = [result.ok() for result in every]
    return {operation.definition.raw["operationId"]: operation for operation in found}


OPERATIONS = _operations()


def test_the_committed_document_is_fresh() -> None:
    assert FILE.read_text("utf-8") == text(), "run `make gen`"


def test_the_document_that_is_served_is_the_committed_one(api_with: Callable[..., AdminAPI]) -> None:
    served = api_with().get("/openapi.json")
    assert served.status == 200
    committed = json.loads(FILE.read_text("utf-8"))
    assert served.body["paths"] == committed["paths"]
    assert served.body["components"] == committed["components"]


def test_no_two_schemas_share_a_name() -> None:
    """django-ninja lets the last one win, and the other's operations promise what they don't answer."""
    seen: dict[str, set[str]] = {}
    for router in admin_api._get_bound_routers():
        for view in router.path_operations.values():
            for operation in view.operations:
                models = [*operation.models, *(model for model in operation.response_models.values() if model)]
                for model in models:
                    if hasattr(model, "model_json_schema"):
                        definitions = model.model_json_schema().get("$defs", {})
                        for name, definition in definitions.items():
                            seen.setdefault(name, set()).add(definition.get("description", ""))
    assert {name: said for name, said in seen.items() if len(said) > 1} == {}


def test_every_operation_has_a_request_that_must_succeed() -> None:
    assert OPERATIONS.keys() - SUCCEEDS.keys() == set(), "say how the new operation is called well"
    assert SUCCEEDS.keys() - OPERATIONS.keys() == set()


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_can_be_done_and_answers_what_it_promises(world: World, admin_token: str, name: str) -> None:
    operation = OPERATIONS[name]
    parameters, body = SUCCEEDS[name](world)
    path = {name: value for name, value in parameters.items() if f"{{{name}}}" in operation.path}
    given = {} if body is None else {"body": body, "media_type": "application/json"}
    query = {name: value for name, value in parameters.items() if name == "as_partner"}
    case = operation.Case(
        path_parameters=path, query=query, headers={"Authorization": f"Bearer {admin_token}"}, **given
    )
    answer = case.call_and_validate()
    assert 200 <= answer.status_code < 300, f"{name} was refused: {answer.text}"


@SCHEMA.parametrize()
@settings(deadline=None, max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
def test_whatever_is_sent_the_answer_is_one_that_is_promised(
    case: schemathesis.Case[Any], database: None, admin_token: str
) -> None:
    _aim(case)
    case.call_and_validate(
        headers={"Authorization": f"Bearer {admin_token}"},
        excluded_checks=EXCLUDED_CHECKS,
        additional_checks=[_is_told_where],
    )


def _aim(case: schemathesis.Case[Any]) -> None:
    """Take out what can only be refused: a cursor that no list made, a key that stood with another request."""
    if case.meta is not None and case.meta.generation.mode.is_positive:
        case.query.pop("cursor", None)
        case.headers.pop("Idempotency-Key", None)


def _is_told_where(_context: Any, response: Any, _case: schemathesis.Case[Any]) -> bool | None:
    if response.status_code == UNPROCESSABLE:
        problem = response.json()
        assert problem["errors"] or problem["code"].startswith("idempotency_"), problem
        for error in problem["errors"]:
            assert error["pointer"] == "" or error["pointer"].startswith("/")
            assert error["message"]
    return None
