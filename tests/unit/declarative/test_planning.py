"""What a file owns, what it may take over, what stands in the way, and in which order things are done."""

from __future__ import annotations

import copy
import time

from hypothesis import given
from hypothesis import strategies as st
from support.declared import DOCUMENT, Tree, changed, planned, state_of, told

from portazgo.declarative.domain import Ref, State, Thing
from portazgo.declarative.judging import judge
from portazgo.declarative.ordering import in_order
from portazgo.declarative.planning import Plan, Takeover
from portazgo.declarative.rules.lines import Step
from portazgo.declarative.worlds import world_of

NOTHING: Tree = {"portazgo": 1, "name": "example"}


def wrong(made: Plan) -> list[tuple[str, str]]:
    return [(problem.pointer, problem.message) for problem in made.problems]


def test_a_file_deletes_what_it_owns_and_nothing_else() -> None:
    assert planned(NOTHING, state_of(DOCUMENT, owner=None)).is_empty
    assert planned(NOTHING, state_of(DOCUMENT, owner="other")).is_empty
    mine = planned(NOTHING, state_of(DOCUMENT))
    assert [(step.action, str(step.ref)) for step in in_order(mine.steps)] == [
        ("delete", "route parcels/list"),
        ("delete", "route parcels/show"),
        ("delete", "application acme/crm"),
        ("delete", "application acme/erp"),
        ("delete", "application globex/shop"),
        ("delete", "partner acme"),
        ("delete", "partner globex"),
        ("delete", "plan basic"),
        ("delete", "API parcels"),
        ("delete", "backend depot"),
    ]
    assert list(mine.releases) == [Ref("issuer", "default")]
    assert wrong(mine) == []


def test_what_no_file_owns_is_taken_over_when_it_is_equal_and_refused_when_it_differs() -> None:
    equal = planned(DOCUMENT, state_of(DOCUMENT, owner=None))
    assert (equal.is_empty, len(equal.takes_over), wrong(equal)) == (True, 11, [])
    differing = changed("plans", "basic", "rates", ["5/min"])
    assert wrong(planned(differing, state_of(DOCUMENT, owner=None))) == [
        (
            "/plans/basic",
            (
                "the plan basic exists, no file owns it, and it differs from what stands here: choose another name, "
                "or have this file take it over with --adopt (`diff --adopt` shows what that changes)"
            ),
        )
    ]
    assert wrong(planned(differing, state_of(DOCUMENT, owner=None), Takeover(unowned=True))) == []


def test_what_another_file_owns_is_refused_until_it_is_taken_from_that_file() -> None:
    state = state_of(DOCUMENT, owner="other")
    only_plan: Tree = {**NOTHING, "plans": {"basic": DOCUMENT["plans"]["basic"]}}
    assert wrong(planned(only_plan, state, Takeover(unowned=True))) == [
        (
            "/plans/basic",
            (
                'the plan basic belongs to the file named "other": leave it there, choose another name, '
                "or take it over with --take-from other"
            ),
        )
    ]
    taken = planned(only_plan, state, Takeover(owners=frozenset({"other"})))
    assert (wrong(taken), list(taken.takes_over)) == ([], [Ref("plan", "basic")])


def test_an_application_with_keys_cannot_be_deleted_and_the_way_out_is_told() -> None:
    state = state_of(DOCUMENT, keys={"globex/shop": 2})
    assert wrong(planned(changed("partners", "globex", ...), state)) == [
        (
            "/partners",
            (
                "the application globex/shop can't be deleted: it has 2 keys, and keys are kept for ever. "
                "Leave it in the file with `status: suspended`"
            ),
        )
    ]


def test_what_others_still_need_cannot_be_deleted() -> None:
    state = state_of(DOCUMENT)
    strangers = {ref for ref in state.things if ref.kind in {"partner", "application", "route"}}
    things = {ref: Thing(thing.terms, None if ref in strangers else thing.owner) for ref, thing in state.things.items()}
    assert wrong(planned(NOTHING, State(things, {}))) == [
        (
            f"/{kind}s",
            f"the {thing} can't be deleted: {users} still need it and this file does not own that",
        )
        for kind, thing, users in [
            ("backend", "backend depot", "route parcels/list, route parcels/show"),
            ("api", "API parcels", "route parcels/list, route parcels/show"),
            ("plan", "plan basic", "application acme/crm, application acme/erp, application globex/shop"),
        ]
    ]


def test_what_can_never_change_is_told() -> None:
    state = state_of(DOCUMENT)
    tree = changed("issuers", "default", "url", "https://other.example")
    tree["partners"]["acme"]["applications"]["erp"]["environment"] = "test"
    tree["issuers"] |= {"new": {}, "twin": {"url": "https://issuer.example/"}}
    assert wrong(planned(tree, state)) == [
        (
            "/issuers/default/url",
            (
                "the issuer default signs as https://issuer.example and stays so, since tokens and backends name it: "
                "write another issuer beside it"
            ),
        ),
        ("/issuers/new", "there is no issuer new yet: write its url, and apply makes it"),
        ("/issuers/twin/url", "the issuer default has this URL already: name that one"),
        (
            "/partners/acme/applications/erp/environment",
            "the application acme/erp is for live and stays so, since its keys say it: write another application beside it",
        ),
    ]


def test_a_route_cannot_take_the_place_of_one_that_stays() -> None:
    other = {**NOTHING, "apis": {"more": {"routes": {"x": DOCUMENT["apis"]["parcels"]["routes"]["list"]}}}}
    assert wrong(planned(other, state_of(DOCUMENT, owner="other"))) == [
        (
            "/apis/more/routes/x",
            "GET /v1/parcels/ can't be told apart from the route parcels/list, which is there",
        )
    ]


def test_the_fingerprint_tells_plans_apart_by_what_they_do_and_to_whom() -> None:
    tree = changed("plans", "basic", "rates", ["5/min"])
    state = state_of(DOCUMENT)
    print_of = planned(tree, state).fingerprint
    assert planned(copy.deepcopy(tree), state_of(DOCUMENT)).fingerprint == print_of
    one_more = changed("partners", "acme", "applications", "new", {"environment": "live", "plan": "basic"})
    strangers = Thing(state_of(one_more).things[Ref("application", "acme/new")].terms)
    busier = State({**state.things, Ref("application", "acme/new"): strangers}, {})
    assert planned(tree, busier).fingerprint != print_of
    unrelated = State({**state.things, Ref("plan", "idle"): state.things[Ref("plan", "basic")]}, {})
    assert planned(tree, State({**state.things, Ref("api", "idle"): Thing({})}, {})).fingerprint == print_of
    assert planned(tree, unrelated).fingerprint != print_of  # "example" owns it, so that it would be deleted


def test_routes_that_swap_their_addresses_find_a_way() -> None:
    routes = DOCUMENT["apis"]["parcels"]["routes"]
    swapped = changed("apis", "parcels", "routes", {"list": routes["show"], "show": routes["list"]})
    steps = list(in_order(planned(swapped, state_of(DOCUMENT)).steps))
    assert [(step.action, step.ref.name) for step in steps] == [
        ("delete", "parcels/list"),
        ("change", "parcels/show"),
        ("create", "parcels/list"),
    ]


PATHS = st.permutations([f"/v1/{letter}" for letter in "abcdef"])


@given(PATHS, PATHS, st.integers(0, 6), st.integers(0, 6))
def test_however_routes_trade_their_addresses_none_is_ever_taken_twice(
    before: list[str], after: list[str], had: int, has: int
) -> None:
    def tree(paths: list[str]) -> Tree:
        routes = {
            f"r{number}": {"backend": "depot", "method": "GET", "path": path, "passthrough": True}
            for number, path in enumerate(paths)
        }
        return changed("apis", "parcels", "routes", routes)

    state = state_of(tree(before[:had]))
    there = {ref: thing.terms["path"] for ref, thing in state.things.items() if ref.kind == "route"}
    for step in in_order(planned(tree(after[:has]), state).steps):
        _take(step, there)
        assert len(set(there.values())) == len(there)
    assert sorted(there.values()) == sorted(after[:has])


def _take(step: Step, there: dict[Ref, str]) -> None:
    if step.after is None:
        del there[step.ref]
    else:
        assert (step.ref in there) == (step.before is not None)
        there[step.ref] = step.after["path"]


def test_thousands_of_things_are_planned_in_seconds() -> None:
    routes = {
        f"r{number}": {"backend": "depot", "method": "GET", "path": f"/v1/r{number}", "passthrough": True}
        for number in range(300)
    }
    partners = {
        f"p{number}": {"applications": {"a": {"environment": "live", "plan": "basic"}}} for number in range(2000)
    }
    large = changed("partners", partners, document=changed("apis", "parcels", "routes", routes))
    began = time.monotonic()
    made = planned(large, state_of(NOTHING))
    assert len(made.fingerprint) == 64
    assert [len(line.affects) for line in made.lines if line.ref.kind == "route"] == [2000] * 300
    assert not planned(NOTHING, state_of(large)).problems
    assert time.monotonic() - began < 30


def test_the_first_issuer_by_name_is_the_default_where_there_was_none() -> None:
    tree = changed("issuers", {"zeta": {"url": "https://z.example"}, "alpha": {"url": "https://a.example"}})
    document, _ = judge(tree, {})
    assert document is not None
    credential = world_of(document, None)[Ref("backend", "depot")]["environments"]["live"]["credential"]
    assert credential["issuer"] == "alpha"


def test_a_plan_without_lines_has_no_steps() -> None:
    made = planned(changed("partners", "acme", "metadata", "city", "Lima"), state_of(DOCUMENT))
    assert (told(made), made.is_guarded) == (["rest ~ partner acme: metadata city: Lima, was Bogotá"], False)
