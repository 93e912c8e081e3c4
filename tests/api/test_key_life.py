"""The life of a key after it was made: found, tagged, restricted to routes, given an end, deleted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import override_settings
from support.admin import AdminAPI
from support.world import NO_KID, NOBODY, World, body_of, lane, pointers, refusal, resource

from portazgo.keys.models import Key, KeySecret, KeyTag
from portazgo.kit.clock import rfc3339
from portazgo.settings import Settings
from portazgo.snapshot import revocations
from portazgo.snapshot.feed import head_now
from portazgo.snapshot.verify import differing

pytestmark = pytest.mark.usefixtures("database")

DAY = timedelta(days=1)


@pytest.fixture
def max_age(settings: Settings) -> Callable[[timedelta], Any]:
    """Set the longest life of a key, for a block."""

    @contextmanager
    def limited(longest: timedelta) -> Iterator[None]:
        with override_settings(PORTAZGO=replace(settings, key_max_age=longest)):
            yield

    return limited


def kids(api: AdminAPI, **query: Any) -> set[str]:
    return {item["kid"] for item in api.every("/keys", query)}


def now_plus(step: timedelta) -> str:
    return rfc3339(datetime.now(UTC) + step)


# ---------------------------------------------------------------------------------------------------------------- find


def test_keys_are_found_by_whose_they_are_and_where(api: AdminAPI, world: World) -> None:
    one, other = world.partner(), world.partner()
    live, test = world.application(one), world.application(one, environment="test")
    elsewhere = world.application(other)
    a, b, c = (world.key(application)["kid"] for application in (live, test, elsewhere))
    assert kids(api, partner=one["id"]) == {a, b}
    assert kids(api, partner=other["id"]) == {c}
    assert kids(api, environment="test") == {b}
    assert kids(api, partner=other["id"], environment="test") == set()
    assert kids(api, partner=one["id"], application=elsewhere["id"]) == set()
    assert kids(api, partner=NOBODY) == set()
    shown = api.get(f"/keys/{b}").body
    assert (shown["partner"], shown["environment"]) == (one["id"], "test")


def test_keys_are_found_by_tags_and_by_text_in_their_name(api: AdminAPI, world: World) -> None:
    a = world.key(name="Billing server", tags=["pilot", "team:billing"])["kid"]
    b = world.key(name="billing_100%", tags=["pilot"])["kid"]
    world.key(name="other")
    assert kids(api, tag=["pilot"]) == {a, b}
    assert kids(api, tag=["pilot", "team:billing"]) == {a}
    assert kids(api, tag=["Pilot"]) == set()
    assert kids(api, text="BILLING") == {a, b}
    assert kids(api, text="_100%") == {b}
    assert kids(api, text="%") == {b}


def test_keys_are_found_by_their_end_and_by_their_last_use(api: AdminAPI, world: World) -> None:
    soon, later, never = world.key(expires_at=now_plus(DAY)), world.key(expires_at=now_plus(40 * DAY)), world.key()
    assert kids(api, expires_before=now_plus(30 * DAY)) == {soon["kid"]}
    assert kids(api, expires_before=now_plus(50 * DAY)) == {soon["kid"], later["kid"]}
    for key, days in ((soon, 10), (later, 2)):
        Key.objects.filter(kid=key["kid"]).update(last_used_at=datetime.now(UTC) - days * DAY)
    assert kids(api, last_used_before=now_plus(-5 * DAY)) == {soon["kid"]}
    # One that nobody ever used was unused since it was made.
    assert kids(api, last_used_before=now_plus(-DAY)) == {soon["kid"], later["kid"]}
    assert kids(api, last_used_before=now_plus(DAY)) == {soon["kid"], later["kid"], never["kid"]}


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ({"environment": "prod"}, "/environment"),
        ({"tag": [" a"]}, "/tag/0"),
        ({"expires_before": "90d"}, "/expires_before"),
    ],
)
def test_what_no_key_can_be_is_refused(api: AdminAPI, query: dict[str, Any], where: str) -> None:
    assert pointers(api.get("/keys", query)) == {where}


def test_pages_of_a_narrowed_list_do_not_mix_with_others(api: AdminAPI, world: World) -> None:
    mine, theirs = world.application(), world.application()
    wanted = {world.key(mine, tags=["a", "b"])["kid"] for _ in range(3)}
    for _ in range(3):
        world.key(theirs, tags=["a"])
    assert kids(api, application=mine["id"], tag=["a", "b"], limit=1) == wanted


# ----------------------------------------------------------------------------------------------------------------- tag


def test_tags_are_replaced_added_and_taken_away(api: AdminAPI, world: World) -> None:
    kid = world.key(tags=["a", "b", "a"])["kid"]

    def change(**members: Any) -> list[str]:
        tags: list[str] = api.patch(f"/keys/{kid}", members).body["tags"]
        assert set(KeyTag.objects.filter(key=kid).values_list("tag", flat=True)) == set(tags)
        return tags

    assert api.get(f"/keys/{kid}").body["tags"] == ["a", "b"]
    assert change(add_tags=["c"], remove_tags=["a"]) == ["b", "c"]
    assert change(tags=["x"], add_tags=["y"]) == ["x", "y"]
    assert change(name="n") == ["x", "y"]
    assert change(tags=[]) == []


def test_tags_are_no_news_to_nodes(api: AdminAPI, world: World) -> None:
    kid = world.key()["kid"]
    before = body_of("key", kid)
    api.patch(f"/keys/{kid}", {"tags": ["only for people"]})
    assert body_of("key", kid) == before


@pytest.mark.parametrize("tag", ["", " a", "a ", "a,b", "a\n", "x" * 64])
def test_what_is_no_tag_is_refused(api: AdminAPI, world: World, tag: str) -> None:
    key = world.key()
    assert pointers(api.patch(f"/keys/{key['kid']}", {"add_tags": [tag]})) == {"/add_tags/0"}
    assert pointers(api.post(f"/applications/{key['application']}/keys", {"tags": [tag]})) == {"/tags/0"}


def test_too_many_tags_are_refused(api: AdminAPI, world: World) -> None:
    kid = world.key(tags=[str(number) for number in range(20)])["kid"]
    assert pointers(api.patch(f"/keys/{kid}", {"add_tags": ["one more"]})) == {"/add_tags"}


# ---------------------------------------------------------------------------------------------------------- restricted


def test_a_key_is_restricted_to_routes_and_tags_and_set_free_again(api: AdminAPI, world: World) -> None:
    route = world.route(tags=["badges", "public"])
    made = world.key(routes=[route["id"]], route_tags=["badges", "not yet"])
    told = resource("key", made["kid"])
    assert told is not None
    assert told["requires"] == ["key.hmac-sha256.1", "key.routes.1"]
    assert (told["body"]["routes"], told["body"]["route_tags"]) == ([route["id"]], ["badges", "not yet"])
    assert (made["routes"], made["route_tags"]) == ([route["id"]], ["badges", "not yet"])
    tags_only = api.patch(f"/keys/{made['kid']}", {"routes": []}).body
    assert (tags_only["routes"], tags_only["route_tags"]) == ([], ["badges", "not yet"])
    free = api.patch(f"/keys/{made['kid']}", {"without_routes": True}).body
    assert (free["routes"], free["route_tags"]) == (None, None)
    told = resource("key", made["kid"])
    assert told is not None
    assert told["requires"] == ["key.hmac-sha256.1"]
    assert not {"routes", "route_tags"} & told["body"].keys()


def test_a_restriction_to_nothing_stays_one(world: World) -> None:
    made = world.key(routes=[])
    assert (body_of("key", made["kid"])["routes"], body_of("key", made["kid"])["route_tags"]) == ([], [])


def test_a_route_that_there_is_not_is_refused_with_its_place(api: AdminAPI, world: World) -> None:
    route = world.route()
    key = world.key()
    refused = api.patch(f"/keys/{key['kid']}", {"routes": [route["id"], NOBODY]})
    assert (refusal(refused), pointers(refused)) == ((422, "route_unknown"), {"/routes/1"})
    refused = api.post(f"/applications/{key['application']}/keys", {"routes": [NOBODY]})
    assert refusal(refused) == (422, "route_unknown")
    assert Key.objects.count() == 1


def test_nodes_are_told_of_a_tag_which_routes_bear_it(api: AdminAPI, world: World) -> None:
    an_api = world.an_api()
    one, other = world.route(an_api, tags=["badges"]), world.route(an_api, tags=["badges", "with space"])
    assert body_of("route_tag", "badges") == {"routes": sorted([one["id"], other["id"]])}
    assert "tags" not in body_of("route", one["id"])
    api.patch(f"/routes/{one['id']}", {"tags": ["fresh"]})
    assert body_of("route_tag", "badges") == {"routes": [other["id"]]}
    assert body_of("route_tag", "fresh") == {"routes": [one["id"]]}
    api.delete(f"/routes/{other['id']}")
    assert [resource("route_tag", tag) for tag in ("badges", "with space")] == [None, None]
    assert differing() == []
    assert [item["id"] for item in api.every("/routes", {"tag": "fresh"})] == [one["id"]]


@pytest.mark.parametrize(
    ("members", "where"),
    [
        ({"routes": [], "without_routes": True}, ""),
        ({"scopes": [], "without_scopes": True}, ""),
        ({"networks": [], "without_networks": True}, ""),
        ({"expires_at": "2099-01-01T00:00:00Z", "without_expiry": True}, ""),
        ({"routes": ["list"]}, "/routes/0"),
        ({"route_tags": [" x"]}, "/route_tags/0"),
    ],
)
def test_contradictions_and_wrong_words_are_refused(
    api: AdminAPI, world: World, members: dict[str, Any], where: str
) -> None:
    assert pointers(api.patch(f"/keys/{world.key()['kid']}", members)) == {where}


def test_what_restricts_a_key_can_be_lifted(api: AdminAPI, world: World) -> None:
    made = world.key(scopes=["a"], networks=["10.0.0.0/8", "2001:db8::/32"], expires_at=now_plus(DAY))
    lifted = api.patch(
        f"/keys/{made['kid']}", {"without_scopes": True, "without_networks": True, "without_expiry": True}
    ).body
    assert (lifted["scopes"], lifted["networks"], lifted["expires_at"]) == (None, None, None)
    assert lane() == []
    body = body_of("key", made["kid"])
    assert (body["scopes"], body["networks"], body["expires_at_us"]) == (None, None, None)


# ----------------------------------------------------------------------------------------------------------------- end


def test_an_end_is_moved_and_taken_away(api: AdminAPI, world: World) -> None:
    kid = world.key(expires_at=now_plus(DAY))["kid"]
    later = datetime.now(UTC).replace(microsecond=0) + 30 * DAY
    assert api.patch(f"/keys/{kid}", {"expires_at": rfc3339(later)}).status == 200
    assert body_of("key", kid)["expires_at_us"] == int(later.timestamp()) * 1_000_000
    assert api.patch(f"/keys/{kid}", {"without_expiry": True}).body["expires_at"] is None
    assert pointers(api.patch(f"/keys/{kid}", {"expires_at": now_plus(-DAY)})) == {"/expires_at"}


def test_with_a_longest_life_a_key_ends_and_a_later_end_is_refused(
    api: AdminAPI, world: World, max_age: Callable[[timedelta], Any]
) -> None:
    application = world.application()
    with max_age(90 * DAY):
        made = world.key(application)
        end = datetime.fromisoformat(made["expires_at"])
        assert timedelta(0) <= datetime.now(UTC) + 90 * DAY - end < timedelta(minutes=5)
        assert made["latest_expires_at"] == made["expires_at"]
        assert world.key(application, expires_at=now_plus(89 * DAY))["latest_expires_at"] is not None
        for refused in (
            api.post(f"/applications/{application['id']}/keys", {"expires_at": now_plus(91 * DAY)}),
            api.patch(f"/keys/{made['kid']}", {"expires_at": now_plus(91 * DAY)}),
        ):
            assert (refusal(refused), pointers(refused)) == ((422, "expiry_too_late"), {"/expires_at"})
            assert "90d at most" in refused.body["errors"][0]["message"]
        shorter = api.patch(f"/keys/{made['kid']}", {"expires_at": now_plus(DAY)})
        assert shorter.status == 200
        assert api.patch(f"/keys/{made['kid']}", {"without_expiry": True}).body["expires_at"] == made["expires_at"]
    assert api.get(f"/keys/{made['kid']}").body["latest_expires_at"] is None


def test_a_bound_that_comes_later_ends_no_key_and_lets_no_old_secret_live_longer(
    api: AdminAPI, world: World, max_age: Callable[[timedelta], Any]
) -> None:
    kid = world.key()["kid"]
    KeySecret.objects.filter(key=kid).update(created_at=datetime.now(UTC) - 100 * DAY)
    with max_age(90 * DAY):
        assert api.patch(f"/keys/{kid}", {"name": "renamed"}).body["expires_at"] is None
        for members in ({"without_expiry": True}, {"expires_at": now_plus(DAY)}):
            refused = api.patch(f"/keys/{kid}", members)
            assert refusal(refused) == (422, "expiry_too_late"), members


# ------------------------------------------------------------------------------------------------------- disable, delete


def test_an_operators_hand_is_told_from_the_rule_for_unused_keys(api: AdminAPI, world: World) -> None:
    made = world.key()
    assert (made["disabled_because"], made["dormant_at"] is not None) == (None, True)
    off = api.post(f"/keys/{made['kid']}/disable").body
    assert (off["disabled_because"], off["dormant_at"]) == ("operator", None)
    assert api.post(f"/keys/{made['kid']}/enable").body["disabled_because"] is None
    api.post(f"/keys/{made['kid']}/disable")
    assert api.post(f"/keys/{made['kid']}/revoke").body["disabled_because"] is None


def test_a_revoked_key_is_deleted_and_only_its_tombstone_stays(api: AdminAPI, world: World, settings: Settings) -> None:
    application = world.application()
    made, other = world.key(application, tags=["t"]), world.key(application)
    kid = made["kid"]
    assert refusal(api.delete(f"/keys/{kid}")) == (409, "key_alive")
    api.post(f"/keys/{kid}/disable")
    assert refusal(api.delete(f"/keys/{kid}")) == (409, "key_alive")
    api.post(f"/keys/{kid}/revoke")
    assert api.delete(f"/keys/{kid}").status == 204
    assert resource("key", kid) is None
    assert kids(api) == {other["kid"]}
    assert kids(api, tag=["t"]) == set()
    assert kids(api, deleted=True) == {kid, other["kid"]}
    shown = api.get(f"/keys/{kid}").body
    assert (shown["status"], shown["deleted_at"] is not None, shown["secrets"]) == ("revoked", True, [])
    assert KeySecret.objects.filter(key=kid).count() == 0
    assert revocations.revoked_kids(settings.data_dir) == {kid}
    assert lane().count(("revoke_key", kid)) == 1
    assert differing() == []
    # The row stays, so that no key is ever made with its kid, and its application is never forgotten.
    assert refusal(api.delete(f"/applications/{application['id']}")) == (409, "in_use")


def test_what_is_deleted_stays_so(api: AdminAPI, world: World) -> None:
    kid = world.key()["kid"]
    api.post(f"/keys/{kid}/revoke")
    api.delete(f"/keys/{kid}")
    before = api.get(f"/keys/{kid}").body
    assert api.delete(f"/keys/{kid}").status == 204
    assert api.post(f"/keys/{kid}/revoke").status == 200
    for verb in ("enable", "disable"):
        assert refusal(api.post(f"/keys/{kid}/{verb}")) == (409, "key_revoked")
    assert refusal(api.patch(f"/keys/{kid}", {"without_expiry": True})) == (409, "key_revoked")
    assert api.get(f"/keys/{kid}").body == before
    assert resource("key", kid) is None
    assert refusal(api.delete(f"/keys/{NO_KID}")) == (404, "key_unknown")


def test_deleting_an_expired_key_kills_it_for_ever(api: AdminAPI, world: World, settings: Settings) -> None:
    kid = world.key(expires_at=now_plus(DAY))["kid"]
    Key.objects.filter(kid=kid).update(expires_at=datetime.now(UTC) - DAY)
    assert api.delete(f"/keys/{kid}").status == 204
    assert lane() == [("revoke_key", kid)]
    assert revocations.revoked_kids(settings.data_dir) == {kid}
    assert api.get(f"/keys/{kid}").body["status"] == "revoked"


# -------------------------------------------------------------------------------------------------------- nobody else's


def test_what_is_done_to_one_partners_key_touches_no_other(api: AdminAPI, world: World) -> None:
    mine, theirs = world.key(tags=["shared"], name="same"), world.key(tags=["shared"], name="same")
    before = (api.get(f"/keys/{theirs['kid']}").body, body_of("key", theirs["kid"]))
    changes: list[dict[str, Any]] = [
        {"tags": ["mine"]},
        {"networks": ["10.0.0.0/8"]},
        {"routes": []},
        {"expires_at": now_plus(DAY)},
    ]
    for members in changes:
        assert api.patch(f"/keys/{mine['kid']}", members).status == 200
    for verb in ("disable", "enable", "revoke"):
        assert api.post(f"/keys/{mine['kid']}/{verb}").status == 200
    assert api.delete(f"/keys/{mine['kid']}").status == 204
    assert (api.get(f"/keys/{theirs['kid']}").body, body_of("key", theirs["kid"])) == before
    assert {identifier for _, identifier in lane()} == {mine["kid"]}
    assert kids(api, tag=["shared"]) == {theirs["kid"]}
    assert kids(api, partner=theirs["partner"], deleted=True) == {theirs["kid"]}


@pytest.mark.parametrize("scope", ["keys:read", "keys:create", "keys:revoke", "applications:write", "routes:write"])
def test_only_who_may_change_or_delete_does(
    api: AdminAPI, world: World, api_with: Callable[..., AdminAPI], scope: str
) -> None:
    made = world.key()
    stranger = api_with(scope)
    before, revision = api.get(f"/keys/{made['kid']}").body, head_now().revision
    for members in ({"tags": ["x"]}, {"without_expiry": True}, {"without_routes": True}):
        assert refusal(stranger.patch(f"/keys/{made['kid']}", members)) == (403, "scope_missing")
    assert refusal(stranger.delete(f"/keys/{made['kid']}")) == (403, "scope_missing")
    assert refusal(stranger.delete(f"/keys/{NO_KID}")) == (403, "scope_missing")
    assert (api.get(f"/keys/{made['kid']}").body, head_now().revision) == (before, revision)


def test_the_audit_says_which_members_changed_and_no_secret(api: AdminAPI, world: World) -> None:
    made = world.key()
    api.patch(f"/keys/{made['kid']}", {"add_tags": ["a"], "without_scopes": True, "name": None})
    api.post(f"/keys/{made['kid']}/revoke")
    api.delete(f"/keys/{made['kid']}")
    rows = api.every("/audit", {"subject": made["kid"]})
    assert [row["action"] for row in rows] == ["key.deleted", "key.revoked", "key.changed", "key.created"]
    assert rows[2]["details"] == {"members": ["add_tags", "without_scopes"]}
    assert made["api_key"].rsplit("_", 1)[1] not in json.dumps(rows)


def test_scanner_rules_are_those_of_the_prefix(api: AdminAPI, world: World, settings: Settings) -> None:
    made = world.key()["api_key"]
    for form in ("regex", "gitleaks", "trufflehog", "github"):
        found = api.get("/keys/scanner-rules", {"format": form}).body
        assert (found["prefix"], found["format"]) == (settings.key_prefix, form)
        assert found["regex"].startswith(rf"\b{settings.key_prefix}_")
        assert made not in found["rules"]
    assert pointers(api.get("/keys/scanner-rules", {"format": "grep"})) == {"/format"}
