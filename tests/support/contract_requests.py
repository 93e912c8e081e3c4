"""For each operation of schemas and contracts a request that must succeed: parameters of the path, and the body."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from support.contracts import Contracts
from support.small_document import SMALL_DOCUMENT
from support.world import World

from portazgo.contracts.models import ContractVersion, RecordedBody

Exact = tuple[dict[str, Any], Any]


def _new_schema(world: World) -> Exact:
    return {}, {"name": "new", "backend": world.backend()["id"], "document": json.dumps(SMALL_DOCUMENT)}


def _schema(world: World) -> Exact:
    return {"schema_id": world.schema()["id"]}, None


def _new_contract(world: World) -> Exact:
    return {}, Contracts(world).body()


def _checked_contract(world: World) -> Exact:
    body = Contracts(world).body()
    del body["name"]
    return {}, body


def _drafted_contract(world: World) -> Exact:
    contracts = Contracts(world)
    return {}, {"api": contracts.api["id"], "schema": contracts.schema["id"], "routes": ["show"]}


def _contract(world: World) -> Exact:
    return {"contract_id": Contracts(world).draft()["id"]}, None


def _version(world: World) -> Exact:
    made, version = Contracts(world).published()
    return {"contract_id": made["id"], "version": version["name"]}, None


def _deprecated(world: World) -> Exact:
    path, _ = _version(world)
    answer = world.api.post(f"/contracts/{path['contract_id']}/versions/{path['version']}/deprecate", {})
    assert answer.status == 200, answer
    return path, None


def _pinnable(world: World) -> Exact:
    return _version(world)[0], {"partner": world.partner()["id"]}


def _pinned(world: World) -> Exact:
    path, body = _pinnable(world)
    answer = world.api.post(f"/contracts/{path['contract_id']}/versions/{path['version']}/pin", body)
    assert answer.status == 200, answer
    return {"contract_id": path["contract_id"]}, body


def _with(make: Callable[[World], Exact], body: dict[str, Any]) -> Callable[[World], Exact]:
    return lambda world: (make(world)[0], body)


def _served(world: World) -> Exact:
    contracts = Contracts(world)
    _, version = contracts.published(default=True)
    plan = world.plan(apis=[contracts.api["id"]])
    application = world.application(plan=plan["id"])
    return {"version_id": version["id"], "as_partner": application["partner"]}, None


def _recorded(world: World) -> Exact:
    """A contract of which something was recorded: nodes alone do that, so it is put there."""
    _, version = Contracts(world).published()
    kept = ContractVersion.objects.get(id=version["id"])
    now = datetime.now(UTC)
    RecordedBody.objects.create(
        contract_id=kept.contract_id,
        route="show",
        operation="show",
        status=200,
        document='{"id": 7, "name": "xx"}',
        answers=1,
        first_seen=now,
        last_seen=now,
        ends_at=now + timedelta(days=7),
        key="0" * 64,
    )
    return {"contract_id": str(kept.contract_id)}, None


CONTRACTS: dict[str, Callable[[World], Exact]] = {
    "list_contracts": _contract,
    "create_contract": _new_contract,
    "check_contract": _checked_contract,
    "draft_contract": _drafted_contract,
    "show_contract": _contract,
    "change_contract": _with(_contract, {"name": "renamed"}),
    "delete_contract": _contract,
    "publish_contract": _with(_contract, {"default": True}),
    "diff_contract": lambda world: ({"contract_id": Contracts(world).published()[0]["id"]}, None),
    "replay_contract": _recorded,
    "list_contract_pins": lambda world: (_pinned(world)[0], None),
    "list_application_contracts": lambda world: ({"application_id": world.application()["id"]}, None),
    "unpin_contract": _pinned,
    "show_contract_version": _version,
    "show_contract_document": _version,
    "list_contract_users": _version,
    "set_default_version": _version,
    "pin_contract": _pinnable,
    "deprecate_contract": _with(_version, {"sunset_at": "2099-01-01T00:00:00Z", "link": "https://example.com/new"}),
    "undeprecate_contract": _deprecated,
    "retire_contract": _version,
    "list_partner_documents": lambda world: ({"as_partner": _served(world)[0]["as_partner"]}, None),
    "show_partner_document": _served,
    "test_contract": _with(
        _contract, {"examples": [{"route": "show", "status": 200, "given": '{"id": 7, "name": "Box"}'}]}
    ),
    "list_schemas": _schema,
    "list_drift": _schema,
    "import_schema": _new_schema,
    "show_schema": _schema,
    "show_schema_document": _schema,
    "list_schema_operations": _schema,
    "delete_schema": _schema,
}
