"""A document is checked, compared, applied as one revision or not at all, exported, and gone back to."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection, connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.admin import AdminAPI, Answer
from support.certificates import Identity
from support.clock import FakeClock
from support.declared import DOCUMENT, Tree, changed
from support.world import World

from portazgo.accounts.domain import SYSTEM, Actor
from portazgo.audit.models import AuditRow
from portazgo.declarative import service
from portazgo.declarative.file.writing import write_yaml
from portazgo.declarative.file.yaml import read_yaml
from portazgo.declarative.models import Apply, Ownership
from portazgo.declarative.planning import Takeover
from portazgo.declarative.state import read_state
from portazgo.declarative.writing import Hand
from portazgo.kit.errors import Conflict, Problem, Refused
from portazgo.kit.wrapping import KeyWrapper
from portazgo.plans import service as plan_service
from portazgo.plans.domain import Terms, parse_rate
from portazgo.plans.models import Plan
from portazgo.snapshot.models import ChangeRow, Head
from portazgo.snapshot.verify import differing

pytestmark = pytest.mark.usefixtures("database")

NOTHING: Tree = {"portazgo": 1, "name": "example"}
BASIC = ("plans", "basic", "rates")


@pytest.fixture
def hand(actor: Actor, clock: FakeClock, wrapper: KeyWrapper) -> Hand:
    return Hand(actor, clock, wrapper)


def apply(api: AdminAPI, document: Tree, **members: Any) -> Answer:
    return api.post("/declarative/apply", {"document": document, "confirmed": True, **members})


def applied(api: AdminAPI, document: Tree, **members: Any) -> dict[str, Any]:
    answer = apply(api, document, **members)
    assert answer.status == 200, answer.body
    body: dict[str, Any] = answer.body
    return body


def revision() -> int:
    return Head.objects.get().revision


def differs(api: AdminAPI, document: Tree) -> bool:
    answer = api.post("/declarative/diff", {"document": document})
    assert answer.status == 200, answer.body
    return bool(answer.body["differs"])


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


_READS = frozenset(f"{noun}:read" for noun in ("issuers", "backends", "apis", "routes", "applications"))


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


SLUGS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,6}", fullmatch=True)
SCOPES = st.lists(st.sampled_from(["read", "write", "a:b"]), unique=True, max_size=2)
METADATA = st.dictionaries(
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,5}", fullmatch=True),
    st.booleans() | st.integers(-(2**53), 2**53) | st.sampled_from(["NO", "12:30", "", "Bogotá", "a: b", "~"]),
    max_size=3,
)
TIMEOUT = st.integers(1, 600_000).map(lambda value: f"{value}ms")
CREDENTIALS = st.just({"kind": "none"}) | st.fixed_dictionaries(
    {"kind": st.just("mint"), "issuer": st.just("default"), "audience": st.sampled_from(["a", "a b", "é"])},
    optional={
        "life": st.integers(10, 3600).map(lambda value: f"{value}s"),
        "claims": st.dictionaries(
            SLUGS, METADATA | st.sampled_from(["x", 1, True, None, "{partner.name}"]), max_size=2
        ),
    },
)
ENVIRONMENTS = st.fixed_dictionaries(
    {
        "targets": st.lists(
            st.integers(1, 65_535).map(lambda port: f"http://h:{port}"), min_size=1, max_size=3, unique=True
        ),
        "credential": CREDENTIALS,
    },
    optional={"timeouts": st.fixed_dictionaries({}, optional=dict.fromkeys(["connect", "idle", "total"], TIMEOUT))},
)
BACKENDS = st.fixed_dictionaries(
    {"environments": st.dictionaries(st.sampled_from(["live", "test"]), ENVIRONMENTS, min_size=1)}
)
ROUTES = st.fixed_dictionaries(
    {"method": st.sampled_from(["GET", "POST"]), "passthrough": st.sampled_from([True])},
    optional={
        "hosts": st.lists(st.sampled_from(["a.example", "B.example"]), min_size=1, max_size=2),
        "backend_method": st.sampled_from(["PUT"]),
        "backend_path": st.just("/x/{id}"),
        "environments": st.lists(st.sampled_from(["test", "live"]), min_size=1, max_size=2),
        "scopes": SCOPES,
        "max_request_bytes": st.integers(0, 2**40),
        "max_response_bytes": st.none() | st.integers(0, 2**40),
        "query": st.just("all") | st.lists(st.sampled_from(["a", "b[]"]), max_size=2),
        "request_headers": st.lists(st.sampled_from(["X-A", "x-b"]), max_size=2),
        "response_headers": st.lists(st.sampled_from(["X-A", "x-b"]), max_size=2),
    },
)
RATES = st.tuples(st.integers(1, 10**6), st.sampled_from(["min", "day", "90s", "10m", "2h", "7d", "second"])).map(
    lambda pair: f"{pair[0]}/{pair[1]}"
)


@st.composite
def documents(draw: st.DrawFn) -> Tree:
    """Any document that is right, but for what only names many things."""
    backends = draw(st.dictionaries(SLUGS, BACKENDS, min_size=1, max_size=2))
    apis: Tree = {}
    for number, name in enumerate(draw(st.lists(SLUGS, unique=True, max_size=2))):
        routes = draw(st.dictionaries(SLUGS, ROUTES, max_size=2))
        for place, route in enumerate(routes.values()):
            route |= {"path": f"/v1/{number}/{place}/{{id}}", "backend": draw(st.sampled_from(sorted(backends)))}
        apis[name] = {"routes": routes}
    plans: Tree = {}
    for name in draw(st.lists(SLUGS, unique=True, max_size=2)):
        plans[name] = {"rates": draw(st.lists(RATES, max_size=2, unique_by=lambda rate: rate.partition("/")[2]))}
        plans[name]["apis"] = draw(st.lists(st.sampled_from(sorted(apis)), unique=True)) if apis else []
        plans[name]["scopes"] = draw(st.none() | SCOPES)
    partners: Tree = draw(st.dictionaries(SLUGS, st.fixed_dictionaries({"metadata": METADATA}), max_size=2))
    for partner in partners.values():
        partner["status"] = draw(st.sampled_from(["active", "suspended"]))
        partner["applications"] = {
            name: {
                "environment": draw(st.sampled_from(["live", "test"])),
                "plan": draw(st.none() | st.sampled_from(sorted(plans))) if plans else None,
                "status": draw(st.sampled_from(["active", "suspended"])),
                "metadata": draw(METADATA),
            }
            for name in draw(st.lists(SLUGS, unique=True, max_size=2))
        }
    return {
        "portazgo": 1,
        "name": "any",
        "issuers": {"default": {"url": "https://issuer.example"}},
        "backends": backends,
        "apis": apis,
        "plans": plans,
        "partners": partners,
    }


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(one=documents(), other=documents())
def test_whatever_is_applied_exports_to_itself_and_anything_leads_to_anything(
    hand: Hand, one: Tree, other: Tree
) -> None:
    for document in (one, other, one):
        order = service.Order(_without_moves(document), confirmed=True)
        service.apply(order, hand=hand)
        assert service.diff(SYSTEM, order.document, Takeover()).is_empty
        exported = service.export(SYSTEM, "any")
        assert service.check(SYSTEM, exported) == []
        assert service.diff(SYSTEM, exported, Takeover()).is_empty
    assert differing() == []


def _without_moves(document: Tree) -> Tree:
    """An application's environment never changes: those of an environment have names of their own."""
    tree = copy.deepcopy(document)
    for partner in tree["partners"].values():
        partner["applications"] = {
            f"{application['environment']}-{name}": application for name, application in partner["applications"].items()
        }
    return tree


def test_applies_at_once_each_do_the_whole_of_what_they_say(api: AdminAPI, hand: Hand) -> None:
    applied(api, DOCUMENT)
    outcomes: list[object] = []

    def work(number: int) -> None:
        tree = changed(*BASIC, [f"{number}/min"], document=changed("plans", f"p{number}", {"rates": [f"{number}/day"]}))
        try:
            outcomes.append(service.apply(service.Order(tree, confirmed=True), hand=hand).revision)
        except Problem as problem:
            outcomes.append(problem.code)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    done = sorted(outcome for outcome in outcomes if isinstance(outcome, int))
    assert done == list(range(2, 2 + len(done)))
    assert {outcome for outcome in outcomes if isinstance(outcome, str)} <= {"state_busy"}
    assert done
    last = Apply.objects.latest("number")
    assert not differs(api, last.document)
    assert differing() == []
    # Exactly one of them is what there is: no mixture.
    assert len([name for name in (plan["name"] for plan in api.every("/plans")) if name.startswith("p")]) == 1


def test_the_same_file_applied_at_once_is_made_once(api: AdminAPI, hand: Hand) -> None:
    outcomes: list[object] = []

    def work() -> None:
        try:
            outcomes.append(service.apply(service.Order(DOCUMENT, confirmed=True), hand=hand).number is not None)
        except Problem as problem:
            outcomes.append(problem.code)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert outcomes.count(True) == 1
    assert set(outcomes) <= {True, False, "state_busy"}
    assert (revision(), Apply.objects.count(), not differs(api, DOCUMENT)) == (1, 1, True)


class Interrupting(FakeClock):
    """A clock that, the first time it is asked, has somebody else act and waits for them."""

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__()
        self._act: Callable[[], None] | None = act
        self.failures: list[type[Exception]] = []

    def now(self) -> datetime:
        act, self._act = self._act, None
        if act is not None:
            other = threading.Thread(target=self._run, args=(act,))
            other.start()
            other.join(30)
        return super().now()

    def _run(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as problem:  # noqa: BLE001 - what it was is asserted
            self.failures.append(type(problem))
        finally:
            connections.close_all()


def test_nothing_that_somebody_else_commits_meanwhile_is_overwritten_unseen(api: AdminAPI, hand: Hand) -> None:
    applied(api, DOCUMENT)
    # The API is made before the plan is changed: in between the clock is asked.
    wanted = changed(*BASIC, ["30/min"], document=changed("apis", "more", {}))
    shown = api.post("/declarative/diff", {"document": wanted}).body["fingerprint"]
    plan = Plan.objects.get(name="basic")

    def loosen() -> None:
        terms = Terms(list(plan.apis.values_list("id", flat=True)), None, [parse_rate("600/min")])
        plan_service.replace(SYSTEM, plan.id, "basic", terms, clock=FakeClock())

    clock = Interrupting(loosen)
    order = service.Order(wanted, fingerprint=shown, confirmed=True)
    if connection.vendor == "postgresql":
        # The other one was first, after the plan had been made: the plan is made again, and is another.
        with pytest.raises(Conflict) as refusal:
            service.apply(order, hand=Hand(hand.actor, clock, hand.wrapper))
        assert (refusal.value.code, clock.failures) == ("plan_moved", [])
        assert api.get("/plans").body["items"][0]["throttles"][0]["quota"] == 600
    else:
        # One writer at a time: the other one waited in vain.
        assert service.apply(order, hand=Hand(hand.actor, clock, hand.wrapper)).revision == 2
        assert clock.failures == [OperationalError]
        assert api.get("/plans").body["items"][0]["throttles"][0]["quota"] == 30
    assert differing() == []


def test_a_fingerprint_that_nobody_was_shown_is_refused_before_the_guard(api: AdminAPI, hand: Hand) -> None:
    with pytest.raises(Conflict):
        service.apply(service.Order(DOCUMENT, fingerprint="0" * 64), hand=hand)
    with pytest.raises(Refused):
        service.apply(service.Order(DOCUMENT), hand=hand)
