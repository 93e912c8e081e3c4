"""What a node released before there were contracts does with them (docs/wire.md, section 2): it refuses, and shows nothing.

Such a node knows neither the feature `contract.1` nor the kinds and members that came with it. What the control plane would
send it is played by the same snapshot under names that this node has never heard of either.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support import served_contracts as contracts
from support.bare_gateway import API, PARTNER, Origin
from support.served_contracts import OPEN, SHOW, VERSION, ask

SECRET = "of-the-inside"
ANSWER = {"id": 7, "name": "seven", "ssn": SECRET}
STRANGE = {"contract.1": "contract.of-later"}
MEMBERS = {"contract": "contract_of_later", "contracts": "contracts_of_later"}


def as_older_nodes_read_it(resource: dict[str, Any]) -> dict[str, Any]:
    """Give a resource with everything under a strange name that contracts brought."""
    body = {MEMBERS.get(name, name): value for name, value in resource["body"].items()}
    requires = [STRANGE.get(feature, feature) for feature in resource["requires"]]
    return {**resource, "kind": resource["kind"].replace("contract", "of_later"), "requires": requires, "body": body}


def resources(origin: str) -> list[dict[str, Any]]:
    """A route under a contract, and one that passes bodies through."""
    under = contracts.route(SHOW, "GET", "/v1/items/{id}", "/api/items/{id}")
    through = contracts.route(OPEN, "GET", "/v1/open/{id}", "/api/items/{id}", passthrough=True)
    del through["body"]["contract"]
    return [
        contracts.version({SHOW: contracts.shown(origin)}),
        contracts.document('{"openapi":"3.1.0"}'),
        under,
        {**through, "requires": []},
    ]


def test_it_answers_503_for_what_has_a_contract_and_serves_the_rest(tmp_path: Path) -> None:
    with Origin(answer=json.dumps(ANSWER).encode()) as origin:
        told = [as_older_nodes_read_it(one) for one in resources(origin.url)]
        with contracts.node(tmp_path, origin.port, told) as node:
            got = ask(node.port, "/v1/items/7")
            assert (got.status, got.code) == (503, "gateway_unavailable")
            assert SECRET.encode() not in got.body
            assert node.record_of(got.request_id)["fault"] == "node_outdated"
            assert ask(node.port, "/v1/open/7").document == ANSWER
            assert ask(node.port, "/.well-known/portazgo/openapi.json").status == 404


def test_it_serves_nobody_who_is_pinned_to_a_version(tmp_path: Path) -> None:
    with Origin(answer=json.dumps(ANSWER).encode()) as origin:
        node = contracts.node(tmp_path, origin.port, [])
        (partner,) = [one for one in node._resources if (one["kind"], one["id"]) == ("partner", PARTNER)]
        partner["body"]["contracts"] = {API: VERSION}
        partner["requires"] = [*partner["requires"], "contract.1"]
        node._resources = [as_older_nodes_read_it(one) for one in (*node._resources, *resources(origin.url))]
        with node:
            for path in ("/v1/items/7", "/v1/open/7"):
                got = ask(node.port, path)
                assert (got.status, got.code) == (503, "gateway_unavailable")
                assert node.record_of(got.request_id)["fault"] == "node_outdated"
