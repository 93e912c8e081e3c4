"""Contracts in portazgo.yaml: applied, published, followed by routes, kept by pins, rolled back."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from support.admin import AdminAPI
from support.small_document import SMALL_DOCUMENT
from support.world import body_of

from portazgo.declarative.models import Apply
from portazgo.snapshot.verify import differing

pytestmark = pytest.mark.usefixtures("database")

DOCUMENT: dict[str, Any] = {
    "portazgo": 1,
    "name": "example",
    "backends": {
        "depot": {"environments": {"live": {"targets": ["http://127.0.0.1:9"], "credential": {"kind": "none"}}}}
    },
    "apis": {
        "things": {
            "routes": {
                "show": {
                    "backend": "depot",
                    "method": "GET",
                    "path": "/v1/things/{id}",
                    "backend_path": "/api/things/{id}/",
                    "contract": "basic",
                }
            }
        }
    },
    "schemas": {"depot": {"backend": "depot", "document": json.dumps(SMALL_DOCUMENT)}},
    "contracts": {
        "basic": {
            "api": "things",
            "schema": "depot",
            "routes": {"show": {"answers": {"200": [{"select": ["id", "name"]}]}}},
        }
    },
    "partners": {"acme": {"applications": {"erp": {"environment": "live"}}}},
}


def changed(*path_and_value: Any, document: dict[str, Any] = DOCUMENT) -> dict[str, Any]:
    *path, name, value = path_and_value
    tree = copy.deepcopy(document)
    node = tree
    for step in path:
        node = node.setdefault(step, {})
    node[name] = value
    return tree


def applied(api: AdminAPI, document: dict[str, Any]) -> dict[str, Any]:
    answer = api.post("/declarative/apply", {"document": document, "confirmed": True})
    assert answer.status == 200, answer
    outcome: dict[str, Any] = answer.body
    return outcome


def the_contract(api: AdminAPI) -> dict[str, Any]:
    contract: dict[str, Any]
    (contract,) = api.every("/contracts")
    return contract


def the_route(api: AdminAPI) -> dict[str, Any]:
    (route,) = api.every("/routes")
    return body_of("route", route["id"])


NARROWER = changed("contracts", "basic", "routes", "show", "answers", {"200": [{"select": ["id"]}]})


def test_an_apply_publishes_what_has_changed_and_nothing_twice(api: AdminAPI) -> None:
    assert applied(api, DOCUMENT)["applied"]
    (version,) = the_contract(api)["versions"]
    assert version["default"]
    told = the_route(api)
    assert (told["passthrough"], told["contract"]) == (False, version["id"])
    assert not applied(api, DOCUMENT)["applied"]
    applied(api, NARROWER)
    newer, older = the_contract(api)["versions"]
    assert (older["id"], newer["default"], older["default"]) == (version["id"], True, False)
    assert the_route(api)["contract"] == newer["id"]
    assert not applied(api, NARROWER)["applied"]
    assert list(differing()) == []


def test_a_pin_and_a_route_that_name_a_version_stay_with_it(api: AdminAPI) -> None:
    applied(api, DOCUMENT)
    (first,) = the_contract(api)["versions"]
    pinned = changed("partners", "acme", "contracts", {"things": f"basic@{first['name']}"}, document=NARROWER)
    applied(api, pinned)
    (partner,) = api.every("/partners")
    assert list(body_of("partner", partner["id"])["contracts"].values()) == [first["id"]]
    assert the_route(api)["contract"] != first["id"]
    held = changed("apis", "things", "routes", "show", "contract", f"basic@{first['name']}", document=pinned)
    applied(api, held)
    assert the_route(api)["contract"] == first["id"]
    assert not applied(api, held)["applied"]
    unpinned = changed("partners", "acme", "contracts", {}, document=held)
    applied(api, unpinned)
    assert "contracts" not in body_of("partner", partner["id"])


def test_a_rollback_publishes_the_earlier_terms_anew(api: AdminAPI) -> None:
    applied(api, DOCUMENT)
    applied(api, NARROWER)
    assert "document" not in Apply.objects.order_by("number")[0].document["schemas"]["depot"]
    assert api.post("/declarative/rollback", {"confirmed": True}).status == 200
    newest, *_ = the_contract(api)["versions"]
    assert len(the_contract(api)["versions"]) == 3
    assert the_route(api)["contract"] == newest["id"]
    answers = the_contract(api)["routes"]["show"]["answers"]
    assert answers == {"200": [{"select": ["id", "name"]}]}


def test_a_file_that_can_not_be_compiled_changes_nothing(api: AdminAPI) -> None:
    wrong = changed("contracts", "basic", "routes", "show", "answers", {"200": [{"select": ["naem"]}]})
    refused = api.post("/declarative/apply", {"document": wrong, "confirmed": True})
    assert refused.status == 422
    (error,) = refused.body["errors"]
    assert error["pointer"] == "/contracts/basic/routes/show/answers/200/0/select/0"
    assert error["message"].endswith('; did you mean "name"?')
    assert api.every("/backends") == api.every("/contracts") == api.every("/schemas") == []


def test_a_contract_goes_with_its_routes_and_its_schema(api: AdminAPI) -> None:
    applied(api, DOCUMENT)
    without = {name: value for name, value in DOCUMENT.items() if name not in {"contracts", "schemas"}}
    applied(api, changed("apis", "things", "routes", {}, document=without))
    assert api.every("/contracts") == api.every("/schemas") == api.every("/routes") == []


def test_a_contract_goes_when_its_routes_pass_bodies_through_again(api: AdminAPI) -> None:
    applied(api, DOCUMENT)
    without = {name: value for name, value in DOCUMENT.items() if name not in {"contracts", "schemas"}}
    route = {**DOCUMENT["apis"]["things"]["routes"]["show"], "passthrough": True}
    del route["contract"]
    applied(api, changed("apis", "things", "routes", "show", route, document=without))
    assert (api.every("/contracts"), the_route(api)["passthrough"]) == ([], True)


def test_what_is_exported_applies_to_nothing_new(api: AdminAPI) -> None:
    applied(api, DOCUMENT)
    exported = api.get("/declarative/export").body["document"]
    assert exported["contracts"] == DOCUMENT["contracts"]
    assert exported["schemas"]["depot"].keys() == {"backend", "sha256"}
    assert not applied(api, exported)["applied"]


def test_a_document_that_nobody_has_any_more_is_told(api: AdminAPI) -> None:
    missing = changed("schemas", "depot", {"backend": "depot", "sha256": "0" * 64})
    refused = api.post("/declarative/apply", {"document": missing, "confirmed": True})
    assert refused.status == 422
    assert [error["pointer"] for error in refused.body["errors"]] == ["/schemas/depot"]
