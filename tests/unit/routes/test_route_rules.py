"""Which routes there may be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portazgo.kit.names import slug
from portazgo.routes.domain import (
    Address,
    addresses,
    check_backend_path,
    check_headers,
    check_hosts,
    check_idempotency_key,
    check_partner_path,
    check_path,
    check_upgrades,
    map_prefix,
    parameters,
    shape,
)

segments = st.one_of(
    st.from_regex(r"[a-z0-9._~-]{1,8}", fullmatch=True).filter(lambda s: s not in {".", ".."}), st.just("{id}")
)
paths = (
    st.lists(segments, min_size=1, max_size=6)
    .map(lambda parts: "/" + "/".join(parts))
    .filter(lambda path: path.count("{id}") <= 1)
)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1/badges",
        "/v1/badges/",
        "/v1/badges/{id}/",
        "/v1/{a}/{b}",
        "/v1/a:b@c",
        "/v1/caf%C3%A9",
        "/v1/{a.b-c_d}",
    ],
)
def test_paths_that_the_gateway_matches(path: str) -> None:
    assert check_path(path) == path


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("v1", "begin with a slash"),
        ("", "begin with a slash"),
        ("//v1", "empty segment"),
        ("/v1//", "empty segment"),
        ("/v1/../x", "'..'"),
        ("/a{b}", "'a{b}'"),
        ("/{}", "'{}'"),
        ("/{a}/{a}", "stands twice"),
        ("/a%2Fb", "'a%2Fb'"),
        ("/a%zz", "'a%zz'"),
        ("/a?b", "'a?b'"),
        ("/a b", "'a b'"),
        ("/é", "'é'"),
        ("/a\n", "neither a literal"),
        ("/" + "a" * 1024, "at most 1024"),
        ("/a" * 33, "32 segments"),
    ],
)
def test_paths_that_mean_nothing_are_refused_with_the_segment(path: str, why: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        check_path(path)
    assert why in str(caught.value)


def test_the_gateways_own_paths_are_kept() -> None:
    with pytest.raises(ValueError, match="answers paths below"):
        check_partner_path("/.well-known/jwks.json")


def test_the_backends_path_takes_its_values_from_the_partners() -> None:
    assert check_backend_path("/api/{b}/of/{a}/", "/v1/{a}/{b}") == "/api/{b}/of/{a}/"
    with pytest.raises(ValueError, match=r"uses \{c\}"):
        check_backend_path("/api/{c}", "/v1/{a}")


def test_parameters_names_make_no_difference() -> None:
    assert shape("/v1/{a}/x/{b}/") == shape("/v1/{c}/x/{d}/") == "/v1/{}/x/{}/"
    assert parameters("/v1/{a}/x/{b}/") == ["a", "b"]


def test_a_route_stands_at_each_of_its_hosts() -> None:
    assert addresses(None, "GET", "/{id}") == [Address("", "GET", "/{}")]
    assert addresses(["a", "b"], "GET", "/x") == [Address("a", "GET", "/x"), Address("b", "GET", "/x")]


def test_hosts_are_names_without_ports() -> None:
    assert check_hosts(["API.example", "api.example"]) == ["api.example"]
    for bad in (["*.example"], ["a:80"], []):
        with pytest.raises(ValueError, match=r"host"):
            check_hosts(bad)


def test_headers_that_the_gateway_sets_can_not_be_let_through() -> None:
    assert check_headers(["Idempotency-Key", "idempotency-key", "x-tenant"]) == ["idempotency-key", "x-tenant"]
    for bad in ("Authorization", "X-Api-Key", "transfer-encoding", "X-Forwarded-For", "x_tenant", "a b", ""):
        with pytest.raises(ValueError, match="header"):
            check_headers([bad])


@pytest.mark.parametrize(
    ("path", "mapped"),
    [
        ("/api/badges/", "/v1/badges/"),
        ("/api", "/v1"),
        ("/apis/x", "/apis/x"),
        ("/api/internal/x", "/ops/x"),
        ("/other", "/other"),
    ],
)
def test_prefixes_are_replaced_at_borders_and_the_longest_wins(path: str, mapped: str) -> None:
    assert map_prefix(path, {"/api": "/v1/", "/api/internal/": "/ops"}) == mapped


def test_the_root_is_a_prefix_of_everything() -> None:
    assert map_prefix("/badges", {"/": "/v1"}) == "/v1/badges"
    assert map_prefix("/api", {"/api": "/"}) == "/"


@given(paths)
def test_a_matched_path_has_one_shape_and_keeps_its_parameters(path: str) -> None:
    assert check_path(path) == path
    assert shape(path).count("{}") == len(parameters(path))


@given(st.text())
def test_any_text_is_a_path_or_refused(text: str) -> None:
    try:
        assert check_path("/" + text).startswith("/")
    except ValueError as problem:
        assert str(problem)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("listBadges", "list-badges"),
        ("badges_list", "badges-list"),
        ("GETBadge v2", "get-badge-v2"),
        ("¡!", ""),
        ("x" * 99, "x" * 63),
    ],
)
def test_slugs_are_made_of_words(text: str, name: str) -> None:
    assert slug(text) == name


def test_a_connection_is_upgraded_by_a_get() -> None:
    assert check_upgrades(["websocket", "websocket"], "GET", "GET") == ["websocket"]
    assert check_upgrades([], "POST", "GET") == []
    for method, backend_method in (("POST", "GET"), ("GET", "POST")):
        with pytest.raises(ValueError, match="upgraded by a GET"):
            check_upgrades(["websocket"], method, backend_method)


def test_an_idempotency_key_is_for_methods_that_are_not_repeated_without_one() -> None:
    wanted, unwanted = True, False
    assert check_idempotency_key(wanted, "POST")
    assert check_idempotency_key(wanted, "PATCH")
    assert not check_idempotency_key(unwanted, "GET")
    for method in ("GET", "PUT", "DELETE"):
        with pytest.raises(ValueError, match=f"{method} needs none"):
            check_idempotency_key(wanted, method)
