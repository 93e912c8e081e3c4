"""Contracts: drafts that compile or are refused whole, versions that never change, pins, and what nodes get of them."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from support.admin import AdminAPI
from support.contracts import TERMS, Contracts
from support.small_document import SMALL_DOCUMENT
from support.world import NOBODY, World, body_of, document_of, pointers, refusal, resource

from portazgo.kit.clock import SYSTEM_CLOCK

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def contracts(world: World) -> Contracts:
    return Contracts(world)


def today() -> str:
    return SYSTEM_CLOCK.now().date().isoformat()


def selecting(*fields: str) -> dict[str, Any]:
    return {"show": {"answers": {"200": [{"select": list(fields)}]}}}


class TestDrafts:
    def test_a_draft_is_kept_as_it_was_written(self, api: AdminAPI, contracts: Contracts) -> None:
        made = contracts.draft(name="things-basic")
        assert made == api.get(f"/contracts/{made['id']}").body
        assert (made["name"], made["state"], made["versions"]) == ("things-basic", "draft", [])
        assert (made["mappings"], made["routes"]) == (TERMS["mappings"], TERMS["routes"])
        assert api.every(f"/contracts?api={made['api']}") == [made]
        assert made["schema"] == contracts.schema["id"]
        assert resource("contract", made["id"]) is None

    def test_what_can_not_be_compiled_is_refused_with_every_place_and_nothing_of_it_is_kept(
        self, api: AdminAPI, contracts: Contracts
    ) -> None:
        body = contracts.body(name="wrong", routes=selecting("id", "naem", "wight"))
        refused = api.post("/contracts", body)
        assert refusal(refused) == (422, "contract_refused")
        assert pointers(refused) == {
            "/routes/show/answers/200/0/select/1",
            "/routes/show/answers/200/0/select/2",
        }
        assert 'did you mean "name"?' in refused.body["errors"][0]["message"]
        assert api.every("/contracts") == []
        made = contracts.draft()
        changed = api.patch(f"/contracts/{made['id']}", {"name": "renamed", "routes": selecting("naem")})
        assert refusal(changed) == (422, "contract_refused")
        assert api.get(f"/contracts/{made['id']}").body == made

    @pytest.mark.parametrize("text", ["\ud800", "a\0b"])
    def test_a_text_that_no_database_keeps_is_refused_at_its_place(
        self, api: AdminAPI, contracts: Contracts, text: str
    ) -> None:
        show = [
            {"select": ["id", "name"]},
            {"describe": {"id": text}},
            {"const": {"of": [{text: 1}]}},
            {"default": {"name": text}},
        ]
        refused = api.post("/contracts", contracts.body(routes={"show": {"answers": {"200": show}, "summary": text}}))
        assert refusal(refused) == (422, "contract_refused")
        within = "/routes/show/answers/200"
        assert pointers(refused) == {
            "/routes/show/summary",
            f"{within}/1/describe/id",
            f"{within}/2/const/of/0",
            f"{within}/3/default/name",
        }

    def test_a_check_says_what_is_wrong_or_what_would_pass_and_keeps_nothing(
        self, api: AdminAPI, contracts: Contracts
    ) -> None:
        body = {name: value for name, value in contracts.body().items() if name != "name"}
        assert api.post("/contracts/check", body).body == {
            "problems": [],
            "routes": [{"route": "show", "operation": "showThing", "fields": {"200": 2}}],
        }
        (problem,) = api.post("/contracts/check", {**body, "routes": selecting("naem")}).body["problems"]
        assert (problem["pointer"], problem["near"]) == ("/routes/show/answers/200/0/select/0", "name")
        assert api.every("/contracts") == []

    def test_a_contract_is_drafted_from_its_schema(self, api: AdminAPI, contracts: Contracts) -> None:
        body = contracts.body()
        drafted = api.post("/contracts/draft", {"api": body["api"], "schema": body["schema"]}).body
        assert drafted["routes"]["show"]["answers"] == {"200": [{"select": ["id", "name", "secret", "weight"]}]}
        made = api.post("/contracts", {**body, **drafted})
        assert made.status == 201, made
        unknown = api.post("/contracts/draft", {"api": body["api"], "schema": body["schema"], "routes": ["other"]})
        assert (refusal(unknown), pointers(unknown)) == ((422, "route_unknown"), {"/routes"})
        mistyped = api.post("/contracts/draft", {"api": body["api"], "schema": body["schema"], "routes": ["shwo"]})
        assert mistyped.body["errors"][0]["message"].endswith('; did you mean "show"?'), mistyped

    def test_what_an_import_takes_and_contracts_can_not_be_over_is_said_at_the_schema(
        self, api: AdminAPI, contracts: Contracts
    ) -> None:
        document = json.loads(json.dumps(SMALL_DOCUMENT))
        document["components"]["schemas"]["Thing"]["properties"]["id"] = {"type": "whole"}
        made = contracts.draft()
        contracts.import_again(document)
        body = contracts.body()
        over = {"api": body["api"], "schema": body["schema"]}
        path = f"/contracts/{made['id']}"
        answers = [
            api.post("/contracts", {**body, "name": "more"}),
            api.post("/contracts/check", {name: body[name] for name in ("api", "schema", "mappings", "routes")}),
            api.post("/contracts/draft", over),
            api.patch(path, {"routes": selecting("id")}),
            api.post(f"{path}/publish", {}),
        ]
        assert [(refusal(one), pointers(one)) for one in answers] == [((422, "document_invalid"), {"/schema"})] * 5
        assert "'whole' is no type of JSON Schema" in answers[0].body["errors"][0]["message"]

    @pytest.mark.parametrize(("member", "code"), [("api", "api_unknown"), ("schema", "schema_unknown")])
    def test_what_a_contract_is_over_must_exist(
        self, api: AdminAPI, contracts: Contracts, member: str, code: str
    ) -> None:
        refused = api.post("/contracts", contracts.body(**{member: NOBODY}))
        assert (refusal(refused), pointers(refused)) == ((422, code), {f"/{member}"})

    def test_a_route_to_another_backend_is_no_route_of_the_schema(self, api: AdminAPI, contracts: Contracts) -> None:
        contracts.world.route(contracts.api, name="other")
        refused = api.post("/contracts", contracts.body(routes={"other": TERMS["routes"]["show"]}))
        assert (refusal(refused), pointers(refused)) == ((422, "contract_refused"), {"/routes/other"})


class TestVersions:
    def test_a_version_is_named_after_its_day_and_never_changes(self, api: AdminAPI, contracts: Contracts) -> None:
        began = today()
        made, first = contracts.published()
        # The day may end meanwhile.
        assert first["name"] in {began, today()}
        assert (first["state"], first["default"]) == ("published", False)
        path = f"/contracts/{made['id']}"
        before = api.get(f"{path}/versions/{first['name']}").body
        assert before["routes"][0]["fields"] == {
            "200": [{"partner": "id", "backend": "id"}, {"partner": "title", "backend": "name"}]
        }
        assert api.patch(path, {"routes": selecting("weight")}).status == 200
        second = api.post(f"{path}/publish", {}).body
        # A day has one version of a plain name: the other name is that of the next day.
        assert second["name"] in {f"{first['name']}.2", today()} - {first["name"]}
        assert api.get(f"{path}/versions/{first['name']}").body == before
        assert [one["name"] for one in api.get(path).body["versions"]] == [second["name"], first["name"]]

    def test_publishing_what_is_published_is_refused(self, api: AdminAPI, contracts: Contracts) -> None:
        made, _ = contracts.published()
        assert refusal(api.post(f"/contracts/{made['id']}/publish", {})) == (409, "contract_unchanged")

    def test_nodes_get_the_program_and_the_document(self, api: AdminAPI, contracts: Contracts) -> None:
        made, version = contracts.published()
        told = resource("contract", version["id"])
        assert told is not None
        assert told["requires"] == ["contract.1"]
        assert told["body"]["routes"].keys() == {contracts.show["id"]}
        assert (told["body"]["contract"], told["body"]["version"]) == (made["name"], version["name"])
        document = json.loads(document_of(version["id"]))
        assert document["openapi"] == "3.1.0"
        assert "secret" not in json.dumps(document["components"])
        shown = api.get(f"/contracts/{made['id']}/versions/{version['name']}/document").body["document"]
        assert json.loads(shown) == document

    def test_nodes_have_to_know_computed_values_and_partners_read_what_they_are(
        self, api: AdminAPI, contracts: Contracts
    ) -> None:
        declared = {"type": "string", "description": "Name and more."}
        label = {"expr": "self.name + self.secret", "schema": declared}
        operators = [{"select": ["id"]}, {"compute": {"label": label}}]
        made, version = contracts.published(mappings={}, routes={"show": {"answers": {"200": operators}}})
        told = resource("contract", version["id"])
        assert told is not None
        assert told["requires"] == ["contract.1", "contract.compute.1"]
        document = json.loads(document_of(version["id"]))
        (shown,) = [one for one in document["components"]["schemas"].values() if "label" in one.get("properties", {})]
        assert shown["properties"]["label"] == declared
        assert "label" in shown["required"]
        assert "secret" not in json.dumps(document)
        fields = api.get(f"/contracts/{made['id']}/versions/{version['name']}").body["routes"][0]["fields"]
        assert fields["200"][1:] == [
            {"partner": "label", "backend": "name"},
            {"partner": "label", "backend": "secret"},
        ]

    def test_the_default_makes_its_routes_project(self, api: AdminAPI, contracts: Contracts) -> None:
        assert "contract" not in body_of("route", contracts.show["id"])
        _, version = contracts.published(default=True)
        told = resource("route", contracts.show["id"])
        assert told is not None
        assert (told["body"]["passthrough"], told["body"]["contract"]) == (False, version["id"])
        assert told["requires"] == ["contract.1"]
        assert api.get(f"/routes/{contracts.show['id']}").body["contract"] == version["id"]

    def test_the_default_moves_to_a_newer_version_and_back(self, api: AdminAPI, contracts: Contracts) -> None:
        made, first = contracts.published(default=True)
        path = f"/contracts/{made['id']}"
        api.patch(path, {"routes": selecting("weight")})
        second = api.post(f"{path}/publish", {"default": True}).body
        assert body_of("route", contracts.show["id"])["contract"] == second["id"]
        assert api.post(f"{path}/versions/{first['name']}/default").status == 200
        assert body_of("route", contracts.show["id"])["contract"] == first["id"]

    def test_a_new_import_changes_no_version(self, api: AdminAPI, contracts: Contracts) -> None:
        made, version = contracts.published()
        before = body_of("contract", version["id"])
        document: dict[str, Any] = copy.deepcopy(SMALL_DOCUMENT)
        document["components"]["schemas"]["Thing"]["properties"]["margin"] = {"type": "number"}
        contracts.import_again(document)
        assert body_of("contract", version["id"]) == before
        detail = api.get(f"/contracts/{made['id']}/versions/{version['name']}").body
        assert detail["schema_version"] == 1

    def test_a_deprecation_is_told_and_a_retired_version_is_gone(self, api: AdminAPI, contracts: Contracts) -> None:
        made, version = contracts.published()
        path = f"/contracts/{made['id']}/versions/{version['name']}"
        told = {"sunset_at": "2099-01-01T00:00:00Z", "link": "https://example.com/moving"}
        deprecated = api.post(f"{path}/deprecate", told).body
        assert (deprecated["state"], deprecated["link"]) == ("deprecated", "https://example.com/moving")
        body = body_of("contract", version["id"])
        assert body["deprecated_at_us"] is not None
        assert (body["sunset_at_us"], body["link"]) == (4_070_908_800_000_000, "https://example.com/moving")
        assert "Deprecated since" in document_of(version["id"])
        past = api.post(f"{path}/deprecate", {"sunset_at": "2001-01-01T00:00:00Z"})
        assert pointers(past) == {"/sunset_at"}
        assert api.post(f"{path}/retire").body["state"] == "retired"
        assert resource("contract", version["id"]) is None
        assert resource("contract_document", version["id"]) is None
        assert refusal(api.post(f"{path}/default")) == (409, "retired")

    def test_a_deprecation_is_taken_back_and_may_be_told_anew(self, api: AdminAPI, contracts: Contracts) -> None:
        made, version = contracts.published()
        path = f"/contracts/{made['id']}/versions/{version['name']}"
        before = body_of("contract", version["id"]), body_of("contract_document", version["id"])
        told = {"sunset_at": "2099-01-01T00:00:00Z", "link": "https://example.com/moving"}
        api.post(f"{path}/deprecate", told)
        assert (body_of("contract", version["id"]), body_of("contract_document", version["id"])) != before
        assert api.post(f"{path}/undeprecate").body == version
        assert (body_of("contract", version["id"]), body_of("contract_document", version["id"])) == before
        assert refusal(api.post(f"{path}/undeprecate")) == (409, "not_deprecated")
        events = [one["action"] for one in api.every("/audit")]
        assert events[:3] == ["contract.undeprecated", "contract.deprecated", "contract.published"]
        assert api.post(f"{path}/deprecate", {}).body["sunset_at"] is None
        api.post(f"{path}/retire")
        assert refusal(api.post(f"{path}/undeprecate")) == (409, "retired")

    def test_a_route_that_upgrades_connections_has_no_contract(self, api: AdminAPI, contracts: Contracts) -> None:
        api.patch(f"/routes/{contracts.show['id']}", {"upgrades": ["websocket"]})
        made = contracts.draft()
        assert refusal(api.post(f"/contracts/{made['id']}/publish", {"default": True})) == (409, "route_upgrades")
        assert api.get(f"/contracts/{made['id']}").body["versions"] == []


class TestPins:
    def test_each_holder_has_a_pin_for_an_api(self, api: AdminAPI, contracts: Contracts) -> None:
        made, version = contracts.published()
        application = contracts.world.application(plan=contracts.world.plan()["id"])
        path = f"/contracts/{made['id']}"
        for kind, identifier in (
            ("application", application["id"]),
            ("partner", application["partner"]),
            ("plan", application["plan"]),
        ):
            assert "contracts" not in body_of(kind, identifier)
            assert api.post(f"{path}/versions/{version['name']}/pin", {kind: identifier}).status == 200
            told = resource(kind, identifier)
            assert told is not None
            assert told["body"]["contracts"] == {made["api"]: version["id"]}
            assert "contract.1" in told["requires"]
            assert api.post(f"{path}/unpin", {kind: identifier}).status == 204
            told = resource(kind, identifier)
            assert told is not None
            assert "contracts" not in told["body"]
            assert "contract.1" not in told["requires"]
            assert refusal(api.post(f"{path}/unpin", {kind: identifier})) == (404, "pin_unknown")

    def test_a_pin_stays_when_a_new_version_becomes_the_default(self, api: AdminAPI, contracts: Contracts) -> None:
        made, first = contracts.published()
        partner = contracts.world.partner()
        path = f"/contracts/{made['id']}"
        api.post(f"{path}/versions/{first['name']}/pin", {"partner": partner["id"]})
        api.patch(path, {"routes": selecting("weight")})
        second = api.post(f"{path}/publish", {"default": True}).body
        assert body_of("partner", partner["id"])["contracts"] == {made["api"]: first["id"]}
        api.post(f"{path}/versions/{second['name']}/pin", {"partner": partner["id"]})
        assert body_of("partner", partner["id"])["contracts"] == {made["api"]: second["id"]}

    def test_pins_are_listed_and_an_application_says_which_version_serves_it(
        self, api: AdminAPI, contracts: Contracts
    ) -> None:
        made, first = contracts.published(default=True)
        path = f"/contracts/{made['id']}"
        api.patch(path, {"routes": selecting("weight")})
        second = api.post(f"{path}/publish", {}).body
        partner = contracts.world.partner()
        application = contracts.world.application(partner, plan=contracts.world.plan(apis=[made["api"]])["id"])
        served = f"/applications/{application['id']}/contracts"

        def serving() -> list[tuple[str, str, str]]:
            return [(one["contract"], one["version"], one["by"]) for one in api.get(served).body["items"]]

        assert serving() == [(made["name"], first["name"], "default")]
        holders = [("plan", application["plan"]), ("partner", partner["id"]), ("application", application["id"])]
        for (kind, identifier), version in zip(holders, (second, first, second), strict=True):
            api.post(f"{path}/versions/{version['name']}/pin", {kind: identifier})
            assert serving() == [(made["name"], version["name"], kind)]
        pins = {one["kind"]: one for one in api.every(f"{path}/pins")}
        assert pins["application"] == {
            "kind": "application",
            "holder": application["id"],
            "name": f"{partner['name']}/{application['name']}",
            "version": second["name"],
        }
        assert (pins["partner"]["name"], pins["partner"]["version"]) == (partner["name"], first["name"])
        assert len(api.every(f"{path}/pins?limit=1")) == len(holders)
        api.patch(f"/routes/{contracts.show['id']}", {"contract": None, "passthrough": False})
        assert [by for _, _, by in serving()] == ["application"]
        for kind, identifier in holders:
            api.post(f"{path}/unpin", {kind: identifier})
        assert serving() == []

    def test_what_is_in_use_stays(self, api: AdminAPI, contracts: Contracts) -> None:
        made, version = contracts.published(default=True)
        partner = contracts.world.partner()
        path = f"/contracts/{made['id']}"
        at = f"{path}/versions/{version['name']}"
        api.post(f"{at}/pin", {"partner": partner["id"]})
        users = api.get(f"{at}/users").body
        assert (users["routes"], users["partners"], users["calls"]) == (["show"], [partner["name"]], [])
        for refused in (api.post(f"{at}/retire"), api.delete(path)):
            assert refusal(refused) == (409, "in_use")
            assert partner["name"] in refused.body["detail"]
            assert "the route show" in refused.body["detail"]
        for changes in ({"path": "/v2/things/{id}"}, {"backend_method": "POST"}):
            assert refusal(api.patch(f"/routes/{contracts.show['id']}", changes)) == (409, "in_contract")
        assert refusal(api.delete(f"/routes/{contracts.show['id']}")) == (409, "in_contract")
        assert refusal(api.delete(f"/schemas/{contracts.schema['id']}")) == (409, "in_use")
        opened = api.patch(f"/routes/{contracts.show['id']}", {"passthrough": True})
        assert refusal(opened) == (409, "in_contract")
        assert "somebody is pinned" in opened.body["detail"]
        api.post(f"{path}/unpin", {"partner": partner["id"]})
        api.patch(f"/routes/{contracts.show['id']}", {"passthrough": True})
        assert api.post(f"{at}/retire").status == 200
        assert api.delete(f"/routes/{contracts.show['id']}").status == 204
        assert api.delete(path).status == 204

    def test_a_holder_must_exist_and_be_one(self, api: AdminAPI, contracts: Contracts) -> None:
        made, version = contracts.published()
        path = f"/contracts/{made['id']}/versions/{version['name']}/pin"
        refused = api.post(path, {"plan": NOBODY})
        assert (refusal(refused), pointers(refused)) == ((422, "plan_unknown"), {"/plan"})
        assert api.post(path, {}).status == 422
        assert api.post(path, {"plan": NOBODY, "partner": NOBODY}).status == 422


class TestRoutes:
    def test_a_route_passes_bodies_through_or_has_a_contract(self, api: AdminAPI, contracts: Contracts) -> None:
        _, version = contracts.published()
        path = f"/routes/{contracts.show['id']}"
        both = api.patch(path, {"contract": version["id"], "passthrough": True})
        assert (refusal(both), pointers(both)) == ((422, "invalid"), {"/contract"})
        changed = api.patch(path, {"contract": version["id"]}).body
        assert (changed["passthrough"], changed["contract"]) == (False, version["id"])
        changed = api.patch(path, {"passthrough": True}).body
        assert (changed["passthrough"], changed["contract"]) == (True, None)
        closed = api.patch(path, {"passthrough": False}).body
        assert (closed["passthrough"], closed["contract"]) == (False, None)
        assert "contract" not in body_of("route", contracts.show["id"])

    def test_a_version_must_have_the_route(self, api: AdminAPI, contracts: Contracts) -> None:
        _, version = contracts.published()
        strangers = (contracts.route(name="other")["id"], contracts.world.route()["id"])
        for stranger in strangers:
            refused = api.patch(f"/routes/{stranger}", {"contract": version["id"]})
            assert (refusal(refused), pointers(refused)) == ((422, "contract_version_unknown"), {"/contract"})


def test_the_audit_says_what_was_published_and_pinned(api: AdminAPI, contracts: Contracts) -> None:
    made, version = contracts.published(default=True)
    api.post(f"/contracts/{made['id']}/versions/{version['name']}/pin", {"partner": contracts.world.partner()["id"]})
    rows = {row["action"]: row for row in api.every("/audit")}
    assert rows["contract.published"]["details"] == {"name": made["name"], "version": version["name"], "default": True}
    assert rows["contract.pinned"]["details"]["version"] == version["name"]


class TestDifferences:
    def test_two_versions_are_compared_as_partners_meet_them(self, api: AdminAPI, contracts: Contracts) -> None:
        made, first = contracts.published()
        path = f"/contracts/{made['id']}"
        assert api.get(f"{path}/differences").body == {"breaking": False, "changes": []}
        api.patch(path, {"routes": selecting("id", "weight")})
        drafted = api.get(f"{path}/differences").body
        assert drafted["breaking"]
        assert {(one["path"], one["breaking"], one["exposure"]) for one in drafted["changes"]} == {
            ("title", True, False),
            ("weight", False, True),
        }
        second = api.post(f"{path}/publish", {}).body
        query = f"before={first['name']}&after={second['name']}"
        assert api.get(f"{path}/differences?{query}").body == drafted
        assert refusal(api.get(f"{path}/differences?before=2001-01-01")) == (404, "contract_version_unknown")

    def test_a_new_import_says_what_it_means_for_contracts(self, api: AdminAPI, contracts: Contracts) -> None:
        made, version = contracts.published()
        document: dict[str, Any] = copy.deepcopy(SMALL_DOCUMENT)
        members = document["components"]["schemas"]["Thing"]["properties"]
        members["margin"] = {"type": "number"}
        del members["name"]
        report = contracts.import_again(document)
        assert {one["path"] for one in report["changes"]} == {"margin", "name"}
        effects = {(one["contract"], one["outcome"]) for one in report["effects"]}
        assert effects == {
            (f"{made['name']}@{version['name']}", "fails"),
            (f"{made['name']}@{version['name']}", "hidden"),
        }
        (warning,) = report["warnings"]
        assert warning.startswith("the draft of things can't be compiled over this document: ")
        assert refusal(api.post(f"/contracts/{made['id']}/publish", {})) == (422, "contract_refused")


class TestPartnersView:
    def test_a_partners_token_reads_the_documents_that_serve_it_and_no_other(
        self, api: AdminAPI, contracts: Contracts
    ) -> None:
        made, first = contracts.published(default=True)
        api.patch(f"/contracts/{made['id']}", {"routes": selecting("weight")})
        second = api.post(f"/contracts/{made['id']}/publish", {}).body
        plan = contracts.world.plan(apis=[contracts.api["id"]])
        own, other = (contracts.world.application(plan=plan["id"]) for _ in range(2))
        contracts.world.application(contracts.world.partner())
        api.post(f"/contracts/{made['id']}/versions/{second['name']}/pin", {"partner": other["partner"]})
        token = api.post(f"/partners/{own['partner']}/tokens", {"name": "reader"}).body["token"]
        partner = AdminAPI(token)
        (item,) = partner.get("/partner-view/documents").body["items"]
        assert (item["id"], item["contract"], item["applications"]) == (first["id"], made["name"], [own["name"]])
        document = partner.get(f"/partner-view/documents/{first['id']}").body["document"]
        assert "title" in document
        assert refusal(partner.get(f"/partner-view/documents/{second['id']}")) == (404, "contract_version_unknown")
        stranger = partner.get(f"/partner-view/documents?as_partner={other['partner']}")
        assert refusal(stranger) == (404, "partner_unknown")
        assert refusal(partner.get(f"/contracts/{made['id']}")) == (403, "scope_missing")
        theirs = api.get(f"/partner-view/documents?as_partner={other['partner']}").body["items"]
        assert [one["id"] for one in theirs] == [second["id"]]
        api.post(f"/contracts/{made['id']}/unpin", {"partner": other["partner"]})
        assert api.patch(f"/routes/{contracts.show['id']}", {"passthrough": True}).status == 200
        assert partner.get("/partner-view/documents").body["items"] == []


def test_what_a_contract_does_to_routes_and_partners_needs_their_scopes_too(
    api: AdminAPI, contracts: Contracts
) -> None:
    made, version = contracts.published()
    narrow = AdminAPI(contracts.world.token(scopes=["contracts:*"])["token"])
    at = f"/contracts/{made['id']}"
    api.patch(at, {"routes": selecting("id")})
    for path, body, scope in (
        (f"{at}/publish", {"default": True}, "routes:write"),
        (f"{at}/versions/{version['name']}/default", None, "routes:write"),
        (f"{at}/versions/{version['name']}/pin", {"plan": NOBODY}, "plans:write"),
        (f"{at}/unpin", {"application": NOBODY}, "applications:write"),
    ):
        refused = narrow.post(path, body)
        assert (refusal(refused), refused.body["scope"]) == ((403, "scope_missing"), scope)
    assert narrow.post(f"{at}/publish", {}).status == 201
