"""Everything that is wrong with a document is told at once, with the nearest that would be right."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.declared import DOCUMENT, changed

from portazgo.declarative.judging import judge, outside

LIVE = ("backends", "depot", "environments", "live")
LIST = ("apis", "parcels", "routes", "list")


def wrong(tree: object, **known: set[str]) -> list[tuple[str, str]]:
    return [(problem.pointer, problem.message) for problem in judge(tree, known)[1]]  # type: ignore[arg-type]


def test_the_example_is_fine() -> None:
    assert wrong(DOCUMENT) == []


@pytest.mark.parametrize(
    ("path", "value", "pointer", "message"),
    [
        (("plnas",), {}, "/plnas", 'there is no member "plnas" here; did you mean "plans"?'),
        (("name",), "Acme Ltd", "/name", '"Acme Ltd" is no name: 1 to 63 small letters, digits and hyphens'),
        (("portazgo",), 2, "/portazgo", "2 is none of 1"),
        (
            (*LIVE, "targts"),
            [],
            f"/{'/'.join(LIVE)}/targts",
            'there is no member "targts" here; did you mean "targets"?',
        ),
        ((*LIVE, "targets"), [], f"/{'/'.join(LIVE)}/targets", "a backend has 1 to 64 targets in an environment"),
        ((*LIVE, "targets"), "http://x:1", f"/{'/'.join(LIVE)}/targets", "this is text, and must be a list"),
        ((*LIVE, "credential"), ..., f"/{'/'.join(LIVE)}", '"credential" is missing'),
        (
            (*LIVE, "forwarding"),
            {"weights": [1, 2]},
            f"/{'/'.join(LIVE)}/forwarding/weights",
            "it is one weight for each target: there are 2 for 1",
        ),
        (
            (*LIVE, "forwarding"),
            {"weights": [101]},
            f"/{'/'.join(LIVE)}/forwarding/weights/0",
            "101 is out of bounds: input should be less than 101",
        ),
        (
            (*LIVE, "forwarding"),
            {"ejection": {"first": "10s", "most": "5s"}},
            f"/{'/'.join(LIVE)}/forwarding/ejection/most",
            "the longest ejection is shorter than the first",
        ),
        (
            (*LIVE, "forwarding"),
            {"ejection": "none"},
            f"/{'/'.join(LIVE)}/forwarding/ejection",
            '"none" is none of usual, off',
        ),
        (
            (*LIVE, "forwarding"),
            {"ejection": {"failurs": 2}},
            f"/{'/'.join(LIVE)}/forwarding/ejection/failurs",
            'there is no member "failurs" here; did you mean "failures"?',
        ),
        ((*LIVE, "forwarding"), {"check": {}}, f"/{'/'.join(LIVE)}/forwarding/check", '"path" is missing'),
        (
            (*LIVE, "forwarding"),
            {"pool": {"wait": "11m"}},
            f"/{'/'.join(LIVE)}/forwarding/pool/wait",
            "'11m' is out of bounds: 0s to 10m",
        ),
        (
            (*LIVE, "forwarding"),
            {"dns": {"most_ttl": "2d"}},
            f"/{'/'.join(LIVE)}/forwarding/dns/most_ttl",
            "'2d' is out of bounds: 1s to 1d",
        ),
        (
            (*LIVE, "targets"),
            ["unix:run/app.sock"],
            f"/{'/'.join(LIVE)}/targets",
            "'unix:run/app.sock' is no target: it must read unix:/absolute/path, without blanks, '..' or a slash at its end",
        ),
        ((*LIST, "upgrades"), ["h2c"], f"/{'/'.join(LIST)}/upgrades/0", '"h2c" is none of websocket'),
        (
            (*LIST, "idempotency_key"),
            True,
            f"/{'/'.join(LIST)}/idempotency_key",
            "an idempotency key makes a POST or PATCH repeatable; GET needs none",
        ),
        (
            (*LIST, "timeouts"),
            {"total": "never"},
            f"/{'/'.join(LIST)}/timeouts/total",
            "'never' is no duration: write a whole number and one of s, m, h, d, such as 30s or 7d",
        ),
        ((*LIVE, "credential"), {"audience": "x"}, f"/{'/'.join(LIVE)}/credential", '"kind" is missing'),
        (
            (*LIVE, "credential", "kind"),
            "mnt",
            f"/{'/'.join(LIVE)}/credential/kind",
            '"mnt" is none of mint, none, exchange, client_credentials, token_exchange; did you mean "mint"?',
        ),
        (
            (*LIVE, "credential", "life"),
            "2h",
            f"/{'/'.join(LIVE)}/credential/life",
            "'2h' is out of bounds: a token lives 1m to 5m. Write `life: 5m`; the gateway renews tokens in time",
        ),
        (
            (*LIVE, "credential", "claims"),
            {"iss": "me"},
            f"/{'/'.join(LIVE)}/credential/claims",
            "the claim iss is set by the gateway and can't be chosen",
        ),
        (
            (*LIVE, "timeouts"),
            {"total": "11m"},
            f"/{'/'.join(LIVE)}/timeouts/total",
            "'11m' is out of bounds: 1ms to 10m",
        ),
        (
            (*LIVE, "timeouts"),
            {"total": "3 s"},
            f"/{'/'.join(LIVE)}/timeouts/total",
            '"3 s" is no duration: a whole number and one of ms, s, m, h, d, such as 30s',
        ),
        (
            (*LIST, "method"),
            "GETT",
            f"/{'/'.join(LIST)}/method",
            '"GETT" is none of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS; did you mean "GET"?',
        ),
        (
            (*LIST, "passthrough"),
            "no",
            f"/{'/'.join(LIST)}/passthrough",
            "this is text, and must be true or false",
        ),
        (
            (*LIST, "passthrough"),
            None,
            f"/{'/'.join(LIST)}",
            '"passthrough" is missing: say passthrough: true, or name a contract',
        ),
        ((*LIST, "path"), "v1", f"/{'/'.join(LIST)}/path", '"v1" is no path: it begins with a slash and has no blanks'),
        (
            (*LIST, "backend_path"),
            "/a/{pk}",
            f"/{'/'.join(LIST)}/backend_path",
            "the backend's path uses {pk}, which the partner's path '/v1/parcels/' does not have",
        ),
        (
            (*LIST, "path"),
            "/v1/parcels/{number}",
            "/apis/parcels/routes/show",
            "GET /v1/parcels/{id} can't be told apart from the route parcels/list",
        ),
        ((*LIST, "query"), ["a b"], f"/{'/'.join(LIST)}/query", "'a b' is no name of a query parameter"),
        (
            (*LIST, "request_headers"),
            ["Host"],
            f"/{'/'.join(LIST)}/request_headers",
            "the header host is the gateway's own and can't be let through",
        ),
        (
            (*LIST, "backend"),
            "deopt",
            f"/{'/'.join(LIST)}/backend",
            'there is no backend "deopt", neither here nor at the server; did you mean "depot"?',
        ),
        (
            ("plans", "basic", "rates"),
            ["60/month"],
            "/plans/basic/rates/0",
            "'60/month' is no rate such as 60/min, 1000/day or 100/10m (units: second, minute, hour, day)",
        ),
        (
            ("plans", "basic", "rates"),
            [{"rate": "5/min", "burst": 9}],
            "/plans/basic/rates/0",
            "per-minute: burst is a number from 1 to the quota, 5",
        ),
        (("plans", "basic", "rates"), ["5/min", "6/m"], "/plans/basic", "two throttles are called 'per-minute'"),
        (
            ("plans", "basic", "apis"),
            ["parcel"],
            "/plans/basic/apis/0",
            'there is no API "parcel", neither here nor at the server; did you mean "parcels"?',
        ),
        (
            ("partners", "acme", "metadata", "tier"),
            ["gold"],
            "/partners/acme/metadata/tier",
            "a value of metadata is text, a number, true or false",
        ),
        (
            ("partners", "acme", "applications", "erp", "plan"),
            "premium",
            "/partners/acme/applications/erp/plan",
            'there is no plan "premium", neither here nor at the server (there is: basic)',
        ),
        (
            ("partners", "acme", "status"),
            "suspnded",
            "/partners/acme/status",
            '"suspnded" is none of active, suspended; did you mean "suspended"?',
        ),
        (
            ("apis", "parcels", "import"),
            {"openapi": "x.json", "backend": "depot", "passthrough": True},
            "/apis/parcels/import",
            "an import is resolved where the file is read: the command line does, the API takes routes written out",
        ),
        (
            ("partners", "acme", "metadata", "city"),
            "a\0b",
            "/partners/acme/metadata/city",
            "this text holds a character that can't be stored (U+0000 or half a pair)",
        ),
    ],
)
def test_one_thing_that_is_wrong_is_told(path: tuple[str, ...], value: object, pointer: str, message: str) -> None:
    assert wrong(changed(*path, value)) == [(pointer, message)]


def test_all_of_it_is_told_at_once() -> None:
    tree = changed(*LIVE, "credental", {}, document=changed(*LIST, "backend", "deopt"))
    tree["partners"]["acme"]["applications"]["erp"] = {"environment": "production", "plan": "basik"}
    assert [pointer for pointer, _ in wrong(tree)] == [
        f"/{'/'.join(LIVE)}/credental",
        "/partners/acme/applications/erp/environment",
        f"/{'/'.join(LIST)}/backend",
        "/partners/acme/applications/erp/plan",
    ]


def test_a_reference_may_lead_to_what_exists_outside() -> None:
    tree = changed("partners", "acme", "applications", "erp", "plan", "premium")
    assert wrong(tree, plan={"premium"}) == []
    assert judge(tree, None)[1] == []
    assert [(one.pointer, one.message) for one in outside(tree)] == [
        (
            "/partners/acme/applications/erp/plan",
            'the plan "premium" is not in the file; whether the server has it was not asked',
        )
    ]


def test_as_many_references_as_names_are_judged_at_once() -> None:
    count = 6_000
    backends = {f"b{number}": 0 for number in range(count)}
    routes = {f"r{number}": {"backend": f"b{number}"} for number in range(count)}
    tree = {"portazgo": 1, "name": "a", "backends": backends, "apis": {"a": {"routes": routes}}}
    started = time.process_time()
    judge(tree, {})
    outside(tree)
    # The names were put together for each reference: 20 s, and a day for what a request may hold.
    assert time.process_time() - started < 5


def test_sections_and_bodies_of_which_nothing_is_said_are_empty() -> None:
    assert wrong({"portazgo": 1, "name": "x", "apis": {"a": None}, "plans": {"b": None}, "partners": None}) == []


def test_what_is_no_document_is_refused() -> None:
    deep: Any = "x"
    for _ in range(60):
        deep = [deep]
    assert wrong([]) == [("", "a document is a mapping of sections")]
    assert wrong({"a": deep}) == [("/a" + "/0" * 40, "this is nested more than 40 levels deep")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
PLACES = [
    ("issuers",),
    ("backends",),
    ("backends", "depot"),
    LIVE,
    (*LIVE, "credential"),
    (*LIVE, "credential", "claims"),
    (*LIVE, "timeouts"),
    ("apis",),
    ("apis", "parcels"),
    ("apis", "parcels", "routes"),
    LIST,
    *((*LIST, name) for name in ("hosts", "method", "path", "backend_path", "environments", "scopes", "query")),
    ("plans", "basic"),
    ("plans", "basic", "rates"),
    ("plans", "basic", "apis"),
    ("partners",),
    ("partners", "acme", "metadata"),
    ("partners", "acme", "applications", "erp"),
]


@given(st.sampled_from(PLACES), JSON)
def test_whatever_stands_anywhere_is_judged_and_never_an_accident(place: tuple[str, ...], value: object) -> None:
    document, problems = judge(changed(*place, value), {})
    assert (document is None) <= bool(problems)
    assert all(problem.pointer == "" or problem.pointer.startswith("/") for problem in problems)
