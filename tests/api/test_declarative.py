"""A document is checked, compared, applied as one revision or not at all, exported, and gone back to."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
from support.admin import AdminAPI
from support.certificates import Identity
from support.declared import DOCUMENT, Tree, changed
from support.declaring import BASIC, NOTHING, applied, apply, differs, revision
from support.world import World

from portazgo.accounts.domain import Actor
from portazgo.audit.models import AuditRow
from portazgo.declarative import service
from portazgo.declarative.file.writing import write_yaml
from portazgo.declarative.file.yaml import read_yaml
from portazgo.declarative.models import Apply, Ownership
from portazgo.declarative.state import read_state
from portazgo.declarative.writing import Hand
from portazgo.kit.errors import Problem
from portazgo.snapshot.models import ChangeRow
from portazgo.snapshot.verify import differing

pytestmark = pytest.mark.usefixtures("database")


def test_an_empty_deployment_becomes_what_the_document_says_in_one_revision(api: AdminAPI) -> None:
    outcome = applied(api, DOCUMENT)
    assert {name: outcome[name] for name in ("applied", "number", "revision", "restores")} == {
        "applied": True,
        "number": outcome["number"],
        "revision": 1,
        "restores": None,
    }
    assert outcome["plan"]["summary"] == {"created": 11, "changed": 0, "deleted": 0, "taken_over": 0}
    assert list(ChangeRow.objects.values_list("revision", flat=True)) == [1]
    assert differing() == []
    assert Ownership.objects.filter(owner="example").count() == 11
    exported = api.get("/declarative/export", {"name": "example"}).body["document"]
    assert exported["partners"] == DOCUMENT["partners"]
    assert exported["plans"] == DOCUMENT["plans"]
    assert not differs(api, exported)


def test_numbers_that_databases_write_another_way_are_no_differences(api: AdminAPI) -> None:
    claims = {"a": 1e300, "b": -0.0, "c": 1.0, "d": 1e-7, "e": 12345678901234567890, "f": {"g": [2.5, 1e22]}}
    tree = changed("backends", "depot", "environments", "live", "credential", "claims", claims)
    applied(api, changed("partners", "acme", "metadata", {"n": 1.0, "m": -0.0, "k": 1e-7}, document=tree))
    assert not differs(api, api.get("/declarative/export").body["document"])
    assert (
        applied(api, changed("partners", "acme", "metadata", {"n": 1, "m": 0, "k": 1e-7}, document=tree))["applied"]
        is False
    )


def test_applying_again_does_nothing(api: AdminAPI) -> None:
    first = applied(api, DOCUMENT)
    again = applied(api, DOCUMENT)
    assert (again["applied"], again["number"], again["revision"]) == (False, None, None)
    assert (revision(), Apply.objects.count()) == (first["revision"], 1)


def test_every_audit_row_names_the_apply(api: AdminAPI) -> None:
    number = applied(api, DOCUMENT)["number"]
    rows = AuditRow.objects.filter(revision=1).order_by("id")
    assert [row.details.get("apply") for row in rows] == [number] * 12
    assert {row.details.get("file") for row in rows} == {"example"}
    assert [row.action for row in rows][:3] == ["file.applied", "issuer.created", "backend.created"]
    assert rows[0].details["created"] == 11


def test_what_exposes_or_deletes_wants_a_word(api: AdminAPI) -> None:
    refused = api.post("/declarative/apply", {"document": DOCUMENT})
    assert (refused.status, refused.body["code"], refused.body["category"]) == (409, "confirmation_needed", "refused")
    assert revision() == 0
    applied(api, DOCUMENT)
    harmless = changed("partners", "acme", "metadata", "city", "Lima")
    assert api.post("/declarative/apply", {"document": harmless}).body["revision"] == 2
    deletion = changed("partners", "globex", ..., document=harmless)
    assert api.post("/declarative/apply", {"document": deletion}).body["code"] == "confirmation_needed"


def test_the_plan_that_was_shown_is_the_one_that_is_carried_out(api: AdminAPI) -> None:
    applied(api, DOCUMENT)
    wanted = changed(*BASIC, ["30/min"])
    shown = api.post("/declarative/diff", {"document": wanted}).body
    assert [line["affects"] for line in shown["breaks"]] == [["acme/crm", "acme/erp", "globex/shop"]]
    partner = api.get("/partners", {"name": "globex"}).body["items"][0]["id"]
    api.post(f"/partners/{partner}/suspend")
    moved = apply(api, wanted, fingerprint=shown["fingerprint"])
    assert (moved.status, moved.body["code"]) == (409, "plan_moved")
    again = api.post("/declarative/diff", {"document": wanted}).body
    assert [line["sentence"] for line in again["exposes"]] == ["resumed"]
    assert apply(api, wanted, fingerprint=again["fingerprint"]).status == 200


def test_rules_for_tls_arrive_and_are_exported_readably(api: AdminAPI) -> None:
    authority = Identity.authority()
    live = ("backends", "depot", "environments", "live")
    rules = {"ca": authority.pem, "server_name": "Depot.example", "pins_sha256": ["A" * 43 + "="]}
    tree = changed(*live, "tls", rules, document=changed(*live, "targets", ["https://127.0.0.1:9000"]))
    applied(api, tree)
    assert not differs(api, tree)
    document = api.get("/declarative/export").body["document"]
    assert document["backends"]["depot"]["environments"]["live"]["tls"] == {**rules, "server_name": "depot.example"}
    assert not differs(api, document)
    written = write_yaml(document)
    assert "          ca: |\n            -----BEGIN CERTIFICATE-----\n" in written
    assert read_yaml(written, Path("x")).tree == document
    without = applied(api, changed(*live, "tls", ..., document=tree))
    assert [line["sentence"] for line in without["plan"]["exposes"]] == [
        "live: TLS believes the public authorities",
        "live: TLS asks for the name of the target",
        "live: TLS takes any key, was pinned",
    ]
    assert "tls" not in api.get("/backends").body["items"][0]["environments"]["live"]


def test_many_who_are_affected_are_counted_and_the_first_named(api: AdminAPI) -> None:
    many = {f"a{number:03}": {"environment": "live", "plan": "basic"} for number in range(120)}
    wanted = changed("partners", "acme", "applications", many)
    shown = api.post("/declarative/diff", {"document": wanted}).body["exposes"][0]
    assert (len(shown["affects"]), shown["affected"], shown["affects"][0]) == (100, 121, "acme/a000")


def test_nothing_is_done_when_one_thing_fails(api: AdminAPI, monkeypatch: pytest.MonkeyPatch, hand: Hand) -> None:
    applied(api, DOCUMENT)
    before = read_state()
    # The planner knows nothing of this plan: the last of its steps fails in the noun's own use case.
    tree = changed("partners", "zeta", {"applications": {"a": {"environment": "live", "plan": "basic"}}})
    tree = changed("plans", "basic", "rates", ["1/min"], document=tree)
    narrow = Actor("token", "x", "narrow", frozenset({"declarative:*", "plans:*", "partners:*"} | _READS))
    with pytest.raises(Problem) as refusal:
        service.apply(service.Order(tree, confirmed=True), hand=Hand(narrow, hand.clock, hand.wrapper))
    assert refusal.value.code == "scope_missing"
    assert refusal.value.members["scope"] == "applications:write"
    assert (read_state(), revision(), Apply.objects.count()) == (before, 1, 1)


_READS = frozenset(
    f"{noun}:read" for noun in ("issuers", "backends", "apis", "schemas", "routes", "contracts", "applications")
)


def test_who_may_not_read_everything_may_not_even_compare(api_with: Callable[..., AdminAPI]) -> None:
    answer = api_with("declarative:*", "partners:*").post("/declarative/diff", {"document": NOTHING})
    assert (answer.status, answer.body["code"]) == (403, "scope_missing")


def test_what_left_the_document_is_deleted_and_what_others_made_stays(api: AdminAPI) -> None:
    other = World(api).partner(name="by-hand")
    applied(api, DOCUMENT)
    outcome = applied(api, NOTHING)
    assert outcome["plan"]["summary"] == {"created": 0, "changed": 0, "deleted": 10, "taken_over": 0}
    assert outcome["plan"]["releases"] == [{"kind": "issuer", "name": "default"}]
    assert [partner["id"] for partner in api.every("/partners")] == [other["id"]]
    assert (api.every("/backends"), api.every("/apis"), api.every("/routes"), api.every("/plans")) == ([], [], [], [])
    assert Ownership.objects.count() == 0
    assert differing() == []


def test_every_kind_of_change_arrives(api: AdminAPI) -> None:
    applied(api, DOCUMENT)
    tree = copy.deepcopy(DOCUMENT)
    live = tree["backends"]["depot"]["environments"]["live"]
    live |= {"targets": ["http://127.0.0.1:9009"], "timeouts": {"first_byte": "250ms"}}
    tree["issuers"]["second"] = {"url": "https://second.example"}
    live["credential"] |= {"issuer": "second", "life": "1m"}
    routes = tree["apis"]["parcels"]["routes"]
    routes["list"], routes["show"] = {**routes["show"], "scopes": ["read"]}, {**routes["list"], "query": ["page"]}
    tree["apis"]["more"] = {}
    tree["plans"]["basic"] = {"apis": ["more"], "scopes": ["read"], "rates": [{"rate": "5/10m", "name": "slow"}]}
    tree["partners"]["acme"]["status"] = "suspended"
    tree["partners"]["acme"]["metadata"] = {}
    tree["partners"]["acme"]["applications"]["erp"] = {"environment": "live", "status": "suspended"}
    tree["partners"]["acme"]["applications"]["new"] = {"environment": "test", "status": "suspended"}
    outcome = applied(api, tree)
    assert outcome["plan"]["summary"] == {"created": 3, "changed": 6, "deleted": 0, "taken_over": 0}
    assert differing() == []
    assert not differs(api, tree)
    exported = api.get("/declarative/export", {"name": "example"}).body["document"]
    assert exported["partners"]["acme"] == {
        "status": "suspended",
        "applications": {
            "crm": {"environment": "test", "plan": "basic"},
            "erp": {"environment": "live", "status": "suspended"},
            "new": {"environment": "test", "status": "suspended"},
        },
    }
    assert exported["plans"]["basic"] == tree["plans"]["basic"]
    # And all the way back.
    applied(api, DOCUMENT)
    assert not differs(api, DOCUMENT)
    assert differing() == []


def test_everything_wrong_is_told_by_check_and_refused_by_the_others(api: AdminAPI) -> None:
    World(api).plan(name="premium")
    tree = changed("partners", "acme", "applications", "erp", "plan", "premum")
    tree = changed("apis", "parcels", "routes", "list", "backnd", "x", document=tree)
    problems = [
        {
            "pointer": "/apis/parcels/routes/list/backnd",
            "message": 'there is no member "backnd" here; did you mean "backend"?',
        },
        {
            "pointer": "/partners/acme/applications/erp/plan",
            "message": 'there is no plan "premum", neither here nor at the server; did you mean "premium"?',
        },
    ]
    assert api.post("/declarative/check", {"document": tree}).body == {"ok": False, "problems": problems}
    assert api.post("/declarative/check", {"document": DOCUMENT}).body == {"ok": True, "problems": []}
    for path in ("/declarative/diff", "/declarative/apply"):
        answer = api.post(path, {"document": tree})
        assert (answer.status, answer.body["code"], answer.body["errors"]) == (422, "document_invalid", problems)


def test_what_exists_is_taken_over_when_it_is_equal(api: AdminAPI) -> None:
    made = World(api).plan(name="basic")
    tree: Tree = {**NOTHING, "plans": {"basic": {}}}
    shown = api.post("/declarative/diff", {"document": tree}).body
    assert (shown["differs"], shown["takes_over"]) == (False, [{"kind": "plan", "name": "basic"}])
    before = revision()
    outcome = applied(api, tree)
    assert (outcome["applied"], outcome["revision"], revision()) == (True, None, before)
    assert AuditRow.objects.filter(action="file.applied").get().details["taken_over"] == 1
    assert applied(api, tree)["applied"] is False
    applied(api, NOTHING)
    assert api.get(f"/plans/{made['id']}").status == 404


def test_two_files_keep_out_of_each_others_way(api: AdminAPI) -> None:
    applied(api, DOCUMENT)
    mine: Tree = {"portazgo": 1, "name": "mine", "plans": {"basic": {}}}
    refused = apply(api, mine)
    assert (refused.status, refused.body["errors"][0]["pointer"]) == (422, "/plans/basic")
    assert 'belongs to the file named "example"' in refused.body["errors"][0]["message"]
    own: Tree = {
        "portazgo": 1,
        "name": "mine",
        "partners": {"zeta": {"applications": {"a": {"environment": "live", "plan": "basic"}}}},
    }
    applied(api, own)
    held = apply(api, changed("plans", "basic", ..., document=changed("partners", ...)))
    assert [error["message"] for error in held.body["errors"]] == [
        "the plan basic can't be deleted: application zeta/a still needs it and this file does not own that"
    ]
    taken = applied(api, mine, take_from=["example"])
    assert taken["plan"]["takes_over"] == [{"kind": "plan", "name": "basic"}]


def test_an_export_leaves_out_what_other_files_own(api: AdminAPI) -> None:
    assert api.get("/declarative/export").body["document"] == {"portazgo": 1, "name": "portazgo"}
    applied(api, DOCUMENT)
    World(api).partner(name="by-hand")
    whole = api.get("/declarative/export").body["document"]
    assert (whole["name"], sorted(whole["partners"])) == ("example", ["acme", "by-hand", "globex"])
    own: Tree = {"portazgo": 1, "name": "mine", "partners": {"zeta": {}}}
    applied(api, own)
    partner = api.get("/partners", {"name": "zeta"}).body["items"][0]["id"]
    api.post("/applications", {"partner": partner, "name": "inside", "environment": "live"})
    ambiguous = api.get("/declarative/export")
    assert (ambiguous.status, ambiguous.body["code"]) == (422, "owner_needed")
    assert api.get("/declarative/export", {"name": "example"}).body["document"] == whole
    assert not differs(api, whole)
    mine = api.get("/declarative/export", {"name": "mine"}).body["document"]
    assert mine["partners"] == {"by-hand": {}, "zeta": {"applications": {"inside": {"environment": "live"}}}}
    assert not differs(api, mine)


def test_an_application_with_keys_stays(api: AdminAPI) -> None:
    applied(api, DOCUMENT)
    application = api.get("/applications", {"name": "shop"}).body["items"][0]["id"]
    api.post(f"/applications/{application}/keys", {"name": "k"})
    before = revision()
    refused = apply(api, changed("partners", "globex", ...))
    assert (refused.status, revision()) == (422, before)
    assert "it has 1 key, and keys are kept for ever" in refused.body["errors"][0]["message"]


def test_going_back_is_the_earlier_document_applied_anew(api: AdminAPI) -> None:
    first = applied(api, DOCUMENT)["number"]
    applied(api, changed("partners", "globex", ..., document=changed(*BASIC, ["30/min"])))
    shown = api.post("/declarative/rollback", {"dry_run": True}).body
    assert (shown["applied"], shown["restores"], revision()) == (False, first, 2)
    assert [line["sentence"] for line in shown["plan"]["exposes"]] == [
        "per-minute: 60/min, was 30/min",
        "new, live, on plan basic: 2 routes of parcels, 60/min",
    ]
    guarded = api.post("/declarative/rollback", {"to": first})
    assert guarded.body["code"] == "confirmation_needed"
    done = api.post(
        "/declarative/rollback", {"to": first, "fingerprint": shown["plan"]["fingerprint"], "confirmed": True}
    )
    assert (done.status, done.body["revision"], done.body["restores"]) == (200, 3, first)
    assert not differs(api, DOCUMENT)
    listed = api.get("/declarative/applies").body["items"]
    assert [(row["number"], row["restores"], row["revision"]) for row in listed] == [
        (first + 2, first, 3),
        (first + 1, None, 2),
        (first, None, 1),
    ]
    assert api.get(f"/declarative/applies/{first}").body["document"] == DOCUMENT
    assert AuditRow.objects.filter(action="file.rolled_back").get().revision == 3


def test_there_must_be_something_to_go_back_to(api: AdminAPI) -> None:
    assert api.post("/declarative/rollback").body["code"] == "apply_unknown"
    applied(api, DOCUMENT)
    assert api.post("/declarative/rollback").body["code"] == "apply_unknown"
    assert api.post("/declarative/rollback", {"to": 999_999}).status == 404
    applied(api, {"portazgo": 1, "name": "other", "plans": {"x": {}}})
    assert api.post("/declarative/rollback").body["code"] == "owner_needed"


def test_what_an_operator_changed_by_hand_is_drift_and_is_put_right(api: AdminAPI) -> None:
    applied(api, DOCUMENT)
    plan = api.get("/plans", {"name": "basic"}).body["items"][0]
    api.put(f"/plans/{plan['id']}", {"name": "basic", "apis": plan["apis"], "rates": ["600/min"]})
    shown = api.post("/declarative/diff", {"document": DOCUMENT}).body
    assert [line["sentence"] for line in shown["breaks"]] == ["per-minute: 60/min, was 600/min"]
    applied(api, DOCUMENT)
    assert not differs(api, DOCUMENT)


def test_what_was_made_by_hand_exports_to_a_document_without_differences(api: AdminAPI) -> None:
    world = World(api)
    world.issuer()
    backend, an_api = world.minting_backend(), world.an_api()
    world.route(an_api, backend, hosts=["b.example", "a.example"], response_headers=["x-b", "x-a"], query=["z", "a"])
    world.route(an_api, world.backend(), method="POST", scopes=["w", "a"], environments=["test"])
    plan = world.plan(
        apis=[an_api["id"]],
        scopes=["w"],
        throttles=[
            {"name": "z", "quota": 5, "window_seconds": 90},
            {"name": "per-minute", "quota": 9, "window_seconds": 60, "burst": 3},
        ],
    )
    partner = world.partner(metadata={"on": "NO", "n": 1.5, "yes": True})
    world.application(partner, plan=plan["id"])
    suspended = world.application(environment="test")
    api.post(f"/applications/{suspended['id']}/suspend")
    document = api.get("/declarative/export", {"name": "all"}).body["document"]
    assert api.post("/declarative/check", {"document": document}).body == {"ok": True, "problems": []}
    shown = api.post("/declarative/diff", {"document": document}).body
    assert (shown["differs"], len(shown["takes_over"])) == (False, len(read_state().things))
