"""Partners' documents: which scopes operations need, and what of a document is for whom."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from support.admin import AdminAPI
from support.contracts import TERMS, Contracts
from support.control import environment_of
from support.world import NO_KID, NOBODY, World, document_of, refusal, resource

from portazgo.accounts.domain import SYSTEM
from portazgo.kit.clock import SYSTEM_CLOCK
from portazgo.settings import Settings
from portazgo.snapshot.compile import canonical
from portazgo.snapshot.models import ResourceRow
from portazgo.snapshot.verify import differing, recompile

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def contracts(world: World) -> Contracts:
    return Contracts(world)


def test_an_operation_says_which_scopes_it_needs_and_follows_its_route(api: AdminAPI, contracts: Contracts) -> None:
    made, version = contracts.published()
    path = f"/contracts/{made['id']}/versions/{version['name']}/document"

    def told() -> Any:
        served = document_of(version["id"])
        assert api.get(path).body == {"document": served, "left_out": []}
        document = json.loads(served)
        OpenAPIV31SpecValidator(document).validate()
        return document["paths"]["/v1/things/{id}"]["get"].get("security")

    assert told() is None
    needed = ["things:read", "things:list"]
    api.patch(f"/routes/{contracts.show['id']}", {"scopes": needed})
    assert told() == [{"apiKey": needed}, {"bearer": needed}]
    api.post(f"/contracts/{made['id']}/versions/{version['name']}/deprecate", {})
    assert told() == [{"apiKey": needed}, {"bearer": needed}]
    api.patch(f"/routes/{contracts.show['id']}", {"scopes": []})
    assert told() is None
    assert differing() == []


def test_a_document_is_cut_to_what_an_application_or_a_key_may_call(api: AdminAPI, contracts: Contracts) -> None:
    world = contracts.world
    contracts.route(name="look", path="/v1/look/{id}", scopes=["things:read"], tags=["pilot"])
    show = TERMS["routes"]["show"]
    made, version = contracts.published(routes={"show": show, "look": show})
    path = f"/contracts/{made['id']}/versions/{version['name']}/document"

    def told(query: str) -> tuple[set[str], dict[str, str]]:
        body = api.get(f"{path}?{query}").body
        document = json.loads(body["document"])
        OpenAPIV31SpecValidator(document).validate()
        operations = {one["operationId"] for item in document["paths"].values() for one in item.values()}
        assert all(one["sentence"] for one in body["left_out"])
        return operations, {one["operation"]: one["fault"] for one in body["left_out"]}

    def of_plan(**members: Any) -> Any:
        return world.application(plan=world.plan(apis=[contracts.api["id"]], **members)["id"])

    application = of_plan()
    assert told(f"application={application['id']}") == ({"show", "look"}, {})
    for members, expected in (
        ({}, ({"show", "look"}, {})),
        ({"scopes": ["other:read"]}, ({"show"}, {"look": "scope_missing"})),
        ({"route_tags": ["pilot"]}, ({"look"}, {"show": "key_route_denied"})),
        ({"routes": [contracts.show["id"]]}, ({"show"}, {"look": "key_route_denied"})),
    ):
        assert told(f"key={world.key(application, **members)['kid']}") == expected
    elsewhere = world.application(plan=application["plan"], environment="test")
    for other, operations, fault in (
        (of_plan(scopes=["other:read"]), {"show"}, "scope_missing"),
        (elsewhere, set(), "environment_unavailable"),
        (world.application(), set(), "plan_missing"),
        (world.application(plan=world.plan()["id"]), set(), "plan_missing"),
    ):
        left_out = dict.fromkeys({"show", "look"} - operations, fault)
        assert told(f"application={other['id']}") == (operations, left_out)


def test_a_reader_is_one_that_there_is_and_that_the_asker_may_see(api: AdminAPI, contracts: Contracts) -> None:
    made, version = contracts.published()
    path = f"/contracts/{made['id']}/versions/{version['name']}/document"
    key = contracts.world.key()
    assert api.get(f"{path}?application={key['application']}&key={key['kid']}").status == 422
    assert refusal(api.get(f"{path}?application={NOBODY}")) == (404, "application_unknown")
    assert refusal(api.get(f"{path}?key={NO_KID}")) == (404, "key_unknown")
    narrow = AdminAPI(contracts.world.token(scopes=["contracts:read"])["token"])
    assert narrow.get(path).status == 200
    for query in (f"application={key['application']}", f"key={key['kid']}"):
        assert refusal(narrow.get(f"{path}?{query}")) == (403, "scope_missing")


def test_a_partner_reads_of_what_one_of_its_applications_may_call(api: AdminAPI, contracts: Contracts) -> None:
    world = contracts.world
    for name, scope in (("look", "things:read"), ("watch", "things:watch")):
        contracts.route(name=name, path=f"/v1/{name}/{{id}}", scopes=[scope])
    routes = dict.fromkeys(("show", "look", "watch"), TERMS["routes"]["show"])
    _, version = contracts.published(default=True, routes=routes)
    partner = world.partner()

    def told() -> set[str]:
        body = api.get(f"/partner-view/documents/{version['id']}?as_partner={partner['id']}").body
        paths = json.loads(body["document"])["paths"]
        return {one["operationId"] for item in paths.values() for one in item.values()}

    for scopes, expected in (([], {"show"}), (["things:watch"], {"show", "watch"}), (None, set(routes))):
        world.application(partner, plan=world.plan(apis=[contracts.api["id"]], scopes=scopes)["id"])
        assert told() == expected


def test_documents_that_an_earlier_version_compiled_whole_are_compiled_in_parts_by_migrate(
    contracts: Contracts, settings: Settings, state_url: str | None, tmp_path: Path
) -> None:
    _, version = contracts.published()
    told = resource("contract_document", version["id"])
    assert told is not None
    assert told["requires"] == ["contract.document.1"]
    row = ResourceRow.objects.filter(kind="contract_document", identifier=version["id"])
    row.update(line=canonical({**told, "requires": [], "body": {"document": document_of(version["id"])}}))
    assert recompile(SYSTEM, kind="plan", clock=SYSTEM_CLOCK) == 0
    command = [sys.executable, "-m", "portazgo", "migrate"]
    tokens = {f"PORTAZGO_{name}_TOKEN_FILE": str(tmp_path / name) for name in ("ADMIN", "NODE")}
    environment = {**environment_of(settings, state_url), **tokens}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert "partners' documents were compiled anew" in done.stderr + done.stdout
    assert resource("contract_document", version["id"]) == told
    assert recompile(SYSTEM, kind="contract_document", clock=SYSTEM_CLOCK) == 0
