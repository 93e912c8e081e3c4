"""A recovery closes in a restored database what nodes know as closed, all or nothing, and begins a new history."""

from __future__ import annotations

import gzip
import http.client
import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from support.clock import FakeClock
from support.control import ControlProcess
from support.ports import free_port
from support.world import NO_KID, World, body_of, lane

from portazgo.accounts.domain import SYSTEM
from portazgo.audit.models import AuditRow
from portazgo.audit.verify import Place, verify
from portazgo.care.recovery.carrying_out import carry_out, make_plan
from portazgo.care.recovery.listening import listen
from portazgo.care.recovery.planning import NOT_KNOWN, Plan, Teller
from portazgo.care.recovery.testimonies import Told
from portazgo.control.presence import ControlPlaneRuns, Presence, RecoveryUnderWay, alone, share, shared
from portazgo.keys import overdue
from portazgo.keys.models import Key, KeySecret
from portazgo.keys.service import KeyChanges, alter
from portazgo.kit.clock import microseconds
from portazgo.kit.errors import Conflict, Gone, NotFound
from portazgo.kit.http import JsonClient
from portazgo.kit.secret import Secret
from portazgo.node.testimony import marks
from portazgo.nodes.models import Node
from portazgo.partners.models import DataKey, Partner
from portazgo.settings import Settings
from portazgo.settings_kinds import Listen
from portazgo.snapshot.feed import HeadNow, Position, changes_after, head_now
from portazgo.snapshot.models import PastHistory, SecurityRow
from portazgo.snapshot.revocations import erased_keys, revoked_kids

pytestmark = pytest.mark.usefixtures("database")

NODE = "01a20e60-e200-7018-af02-628cc3d9f17a"
OTHER_NODE = "01a20e60-e200-7018-af02-628cc3d9f17b"
UNKNOWN = "AAAAAAAAAA"
LATER = "2030-01-01T00:00:00Z"


def teller(*said: tuple[str, str], dead: tuple[str, ...] = (), **members: Any) -> Teller:
    """A node that is five revisions ahead, and what the lane told it since."""
    head = head_now()
    entries: dict[int, Mapping[str, Any]] = {
        head.security + number: {"sequence": head.security + number, "operation": operation, "id": one, "at": LATER}
        for number, (operation, one) in enumerate(said, start=1)
    }
    ahead = Teller(NODE, "edge", head.history, head.revision + 5, "f" * 64, frozenset(dead), entries, {})
    return replace(ahead, **members)


def position(head: HeadNow) -> Position:
    """Where a node stands that has everything."""
    return Position(head.history, head.revision, head.hash, head.security)


def told(plan: Plan) -> list[tuple[str, str]]:
    """What a plan closes."""
    return [(step.operation, step.id) for step in plan.steps]


def test_what_was_closed_is_closed_again_in_a_history_whose_numbers_nobody_has_seen(
    world: World, settings: Settings, clock: FakeClock
) -> None:
    dead, disabled, partner = world.key()["kid"], world.key()["kid"], world.partner()["id"]
    before = head_now()
    node = teller(("disable_key", disabled), ("suspend_partner", partner), dead=(dead, UNKNOWN))
    plan = make_plan([node])
    assert told(plan) == [("revoke_key", dead), ("suspend_partner", partner), ("disable_key", disabled)]
    assert (plan.astray, plan.dead_unknown, plan.needed) == (frozenset({NODE}), (UNKNOWN,), True)

    begun, left = carry_out(plan, clock=clock)
    assert (left, begun, begun.history != before.history) == ([], head_now(), True)
    # The numbers of the ended history stand in receipts and records: none is given away again.
    assert begun.revision > node.revision
    assert min(SecurityRow.objects.filter(revision__gt=before.revision).values_list("sequence", flat=True)) > max(
        node.entries
    )
    assert dict(Key.objects.values_list("kid", "status")) == {dead: "revoked", disabled: "disabled"}
    assert Partner.objects.get(id=partner).status == "suspended"
    assert revoked_kids(settings.data_dir) == {dead, UNKNOWN}
    row = AuditRow.objects.get(action="history.recovered")
    assert (row.actor_name, row.subject, row.details["closed"]) == ("portazgo recover", before.history, 3)
    assert row.details["told_by"] == ["edge"]
    assert verify(Place(), 1_000).troubles == []
    # Whoever stands in the ended history takes the snapshot, nodes ahead and nodes behind alike.
    for place in (position(before), Position(before.history, node.revision, node.hash, before.security)):
        with pytest.raises(Gone):
            changes_after(place)
    assert changes_after(position(begun)).body is None


def test_run_again_there_is_nothing_left_to_do(world: World, clock: FakeClock) -> None:
    dead = world.key()["kid"]
    node = teller(dead=(dead, UNKNOWN))
    carry_out(make_plan([node]), clock=clock)
    again = make_plan([node])
    assert (again.steps, again.dead_unknown, again.astray, again.needed) == ((), (), frozenset(), False)


def test_of_nodes_that_know_nothing_more_nothing_is_made(world: World) -> None:
    world.key()
    head = head_now()
    level = teller(revision=head.revision, hash=head.hash)
    assert (make_plan([level]).needed, make_plan([level]).astray) == (False, frozenset())
    behind = teller(revision=0, hash="0" * 64)
    assert not make_plan([behind]).needed
    # The same number with other content: the database went on after it was restored.
    other = teller(revision=head.revision, hash="e" * 64)
    assert (make_plan([other]).needed, make_plan([other]).astray) == (True, frozenset({NODE}))


def test_an_interrupted_recovery_has_done_nothing_and_is_run_again(
    world: World, settings: Settings, clock: FakeClock
) -> None:
    dead = world.key()["kid"]
    before = head_now()
    plan = make_plan([teller(dead=(dead, UNKNOWN))])
    ghost = replace(plan.steps[0], id=NO_KID)
    with pytest.raises(NotFound):
        carry_out(replace(plan, steps=(*plan.steps, ghost)), clock=clock)
    assert (head_now(), Key.objects.get(kid=dead).status) == (before, "active")
    assert not PastHistory.objects.exists()
    assert not AuditRow.objects.filter(action="history.recovered").exists()
    # But what is dead for ever is written down already: that can't be too early.
    assert revoked_kids(settings.data_dir) == {UNKNOWN}
    again = make_plan([teller(dead=(dead, UNKNOWN))])
    assert told(again) == [("revoke_key", dead)]
    carry_out(again, clock=clock)
    assert Key.objects.get(kid=dead).status == "revoked"


def test_what_cant_be_closed_is_told_and_keeps_nothing_else_open(world: World, clock: FakeClock) -> None:
    gone, dead = world.key()["kid"], world.key()["kid"]
    plan = make_plan([teller(("disable_key", gone), dead=(dead,))])
    world.api.post(f"/keys/{gone}/revoke")
    _, left = carry_out(plan, clock=clock)
    assert [line.partition(":")[0] for line in left] == [f"disable_key {gone}"]
    assert Key.objects.get(kid=dead).status == "revoked"
    assert AuditRow.objects.get(action="history.recovered").details["closed"] == 1


def test_nothing_is_opened(world: World, clock: FakeClock) -> None:
    key, partner = world.key()["kid"], world.partner()["id"]
    world.api.post(f"/keys/{key}/disable")
    world.api.post(f"/partners/{partner}/suspend")
    plan = make_plan([teller(("enable_key", key), ("resume_partner", partner))])
    assert plan.steps == ()
    assert [(step.operation, step.id) for step in plan.left_closed] == [
        ("resume_partner", partner),
        ("enable_key", key),
    ]
    carry_out(plan, clock=clock)
    assert (Key.objects.get(kid=key).status, Partner.objects.get(id=partner).status) == ("disabled", "suspended")


@pytest.mark.parametrize(
    ("had", "told_since", "allowed"),
    [
        (None, ["203.0.113.0/24"], ["203.0.113.0/24"]),
        (["203.0.113.0/24"], ["203.0.113.0/28"], ["203.0.113.0/28"]),
        # A narrowing that let in others too lets in nobody who was not let in before.
        (["203.0.113.0/24"], ["203.0.113.0/28", "198.51.100.0/24"], ["203.0.113.0/28"]),
        (["203.0.113.0/24"], ["198.51.100.0/24"], None),
        (["203.0.113.0/24"], ["no network"], None),
    ],
)
def test_networks_are_narrowed_to_what_both_allow(
    world: World, clock: FakeClock, had: list[str] | None, told_since: list[str], allowed: list[str] | None
) -> None:
    networks: dict[str, Any] = {} if had is None else {"networks": had}
    kid = world.key(**networks)["kid"]
    node = teller(("narrow_networks", kid))
    node = replace(node, entries={number: {**one, "networks": told_since} for number, one in node.entries.items()})
    assert carry_out(make_plan([node]), clock=clock)[1] == []
    key = Key.objects.get(kid=kid)
    assert (key.networks, key.status) == ((allowed, "active") if allowed else (had, "disabled"))
    assert make_plan([node]).steps == ()


def test_networks_that_are_narrow_already_are_left(world: World) -> None:
    kid = world.key(networks=["203.0.113.0/28"])["kid"]
    node = teller(("narrow_networks", kid))
    wider = {number: {**one, "networks": ["203.0.113.0/24"]} for number, one in node.entries.items()}
    assert make_plan([replace(node, entries=wider)]).steps == ()


def test_a_later_word_of_the_database_itself_counts_for_more(world: World, clock: FakeClock) -> None:
    kid = world.key()["kid"]
    node = teller(("narrow_networks", kid))
    entries = {
        number: {**one, "at": "2020-01-01T00:00:00Z", "networks": ["203.0.113.0/24"]}
        for number, one in node.entries.items()
    }
    alter(SYSTEM, kid, KeyChanges(networks=["198.51.100.0/24"]), clock=clock)
    assert make_plan([replace(node, entries=entries)]).steps == ()


def test_of_a_history_that_nobody_knows_only_the_dead_keys_count_until_it_is_adopted(
    world: World, clock: FakeClock
) -> None:
    dead, disabled = world.key()["kid"], world.key()["kid"]
    other = "01a20e60-e200-7018-af02-0000000000aa"
    node = teller(("disable_key", disabled), dead=(dead,), history=other)
    plan = make_plan([node])
    assert (told(plan), [one.node for one in plan.strangers]) == ([("revoke_key", dead)], [NODE])
    adopting = make_plan([node], [other])
    assert told(adopting) == [("revoke_key", dead), ("disable_key", disabled)]
    assert (adopting.strangers, adopting.astray) == ((), frozenset({NODE}))
    carry_out(adopting, clock=clock)
    with pytest.raises(Gone):
        changes_after(Position(other, node.revision, node.hash, 0))
    with pytest.raises(Conflict):
        changes_after(Position("01a20e60-e200-7018-af02-0000000000bb", 1, "a" * 64, 0))


def test_a_node_that_told_nothing_is_named(clock: FakeClock) -> None:
    now = clock.now()
    for label, node in (("edge", NODE), ("mute", "01a20e60-e200-7018-af02-0000000000cc")):
        Node.objects.create(id=node, label=label, epoch=node, epoch_seen_at=now, first_seen_at=now, contact_at=now)
    assert list(make_plan([teller()]).silent.values()) == ["mute"]


def test_whoever_works_on_the_database_and_a_recovery_keep_each_other_off(settings: Settings) -> None:
    with alone(settings):
        with pytest.raises(RecoveryUnderWay):
            share(settings)
        with pytest.raises(RecoveryUnderWay), shared(settings):
            pass
        with pytest.raises(ControlPlaneRuns), alone(settings):
            pass
    with shared(settings), shared(settings), pytest.raises(ControlPlaneRuns), alone(settings):
        pass
    with alone(settings):
        pass  # It ended with the one before.


def test_on_postgresql_who_lost_the_lock_takes_it_again_or_ends_where_a_recovery_was_faster(settings: Settings) -> None:
    if settings.state_url.is_sqlite:
        return  # The lock of a file can't be lost.
    ended: list[bool] = []
    presence = Presence(lambda: ended.append(True))
    presence.come()
    try:
        end_its_connection(presence)
        presence.look()  # finds that it is gone
        presence.look()
        with pytest.raises(ControlPlaneRuns), alone(settings):
            pass
        end_its_connection(presence)
        with alone(settings):
            presence.look()
            assert ended == []
            presence.look()
            presence.look()
            assert ended == [True]
    finally:
        presence.leave()
    with alone(settings):
        pass


def end_its_connection(presence: Presence) -> None:
    """End it as a server does that restarts, and wait until it has ended."""
    held = presence._connection
    assert held is not None
    pid = held.info.backend_pid
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
        assert cursor.fetchone()[0]


class Listening:
    """A recovery's listener in a thread, for some seconds."""

    def __init__(self, settings: Settings, token: str, seconds: float) -> None:
        self.port = free_port()
        self._headers = {"Authorization": f"Bearer {token}", "X-Portazgo-Node": NODE}
        self._heard: list[Told] = []
        self.speechless: set[str] = set()
        there = replace(settings, internal_listen=Listen("127.0.0.1", self.port))
        self._thread = threading.Thread(target=self._listen, args=(there, seconds))
        self._thread.start()

    def _listen(self, settings: Settings, seconds: float) -> None:
        heard, self.speechless = listen(settings, seconds, [NODE], "01a20e60-e200-7018-af02-0000000000ee")
        self._heard.extend(heard)

    def call(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Call it as a node, and again until it listens."""
        for _ in range(200):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            try:
                connection.request(method, path, body, self._headers)
                answer = connection.getresponse()
                return answer.status, answer.read()
            except ConnectionRefusedError:
                threading.Event().wait(0.05)
            finally:
                connection.close()
        raise TimeoutError

    def ended(self) -> list[Told]:
        """Wait for its end. Returns what it heard."""
        self._thread.join(30)
        assert not self._thread.is_alive()
        return self._heard


def said_by(node: str, *between: Mapping[str, Any], count: int | None = None) -> bytes:
    """What a node sends."""
    head = {"testimony": 1, "node": node, "label": "edge", "history": "h", "revision": 3, "hash": "a" * 64}
    end = {"end": True, "count": len(between) if count is None else count}
    return gzip.compress(b"".join(json.dumps(line).encode() + b"\n" for line in (head, *between, end)))


def test_every_node_is_asked_whatever_it_came_for_and_only_whole_words_of_its_own_count(
    world: World, settings: Settings
) -> None:
    listening = Listening(settings, world.node_token()["token"], 4)
    questions = set()
    for path in ("/internal/v1/changes?history=h&after=3", "/internal/v1/snapshot"):
        status, body = listening.call("GET", path)
        questions.add(json.loads(body)["recovery"])
        assert status == 409
    assert len(questions) == 1
    assert listening.call("POST", "/internal/v1/receipts", b"{}")[0] == 503
    torn = said_by(NODE, {"revoked": UNKNOWN}, count=2)
    evil = ({"security": {"sequence": 9, "operation": "disable_key", "id": "A\x00", "at": LATER}}, {"security": 5})
    strange = [said_by(NODE, one) for one in evil]
    for wrong in (b"", b"no gzip", torn, torn[:-9], said_by("01a20e60-e200-7018-af02-0000000000cc"), *strange):
        assert listening.call("POST", "/internal/v1/testimony", wrong)[0] == 422
    bomb = gzip.compress(b" " * 8_000_000)
    assert listening.call("POST", "/internal/v1/testimony", bomb)[0] == 422
    said = said_by(
        NODE, {"revoked": UNKNOWN}, {"revoked": "no kid"}, {"resource": {"kind": "a", "id": "b", "name": "c"}}
    )
    assert listening.call("POST", "/internal/v1/testimony", said)[0] == 204
    heard = listening.ended()
    assert [(one.node, one.dead, one.revision) for one in heard] == [(NODE, {UNKNOWN}, 3)]
    assert listening.speechless == set()


def test_a_node_that_asks_and_does_not_tell_is_silent_also_when_the_database_does_not_know_it(
    world: World, settings: Settings
) -> None:
    listening = Listening(settings, world.node_token()["token"], 1)
    assert listening.call("GET", "/internal/v1/changes?history=h&after=3")[0] == 409
    assert listening.ended() == []
    assert listening.speechless == {NODE}
    assert make_plan([], speechless=listening.speechless).silent == {NODE: NOT_KNOWN}


def test_of_two_histories_the_later_word_counts_whatever_its_number(world: World, clock: FakeClock) -> None:
    partner = world.partner()["id"]
    slept = {130: {"operation": "resume_partner", "id": partner, "at": "2026-01-01T00:00:00Z"}}
    awake = {105: {"operation": "suspend_partner", "id": partner, "at": "2026-02-01T00:00:00Z"}}
    plan = make_plan([teller(entries=slept), teller(node=OTHER_NODE, entries=awake)])
    assert [(step.operation, step.id) for step in plan.steps] == [("suspend_partner", partner)]


def test_what_was_told_in_a_node_s_name_is_not_replaced_by_what_is_told_later(world: World, settings: Settings) -> None:
    listening = Listening(settings, world.node_token()["token"], 2)
    assert listening.call("POST", "/internal/v1/testimony", said_by(NODE, {"revoked": UNKNOWN}))[0] == 204
    nothing = said_by(NODE)
    for _ in range(6):
        assert listening.call("POST", "/internal/v1/testimony", nothing)[0] == 204
    for kid in ("BBBBBBBBBB", "CCCCCCCCCC"):
        assert listening.call("POST", "/internal/v1/testimony", said_by(NODE, {"revoked": kid}))[0] == 204
    # Whoever tells this and that is not believed to have told all; nor does it fill the memory.
    assert listening.call("POST", "/internal/v1/testimony", said_by(NODE, {"revoked": "DDDDDDDDDD"}))[0] == 422
    heard = listening.ended()
    assert {kid for one in heard for kid in one.dead} == {UNKNOWN, "BBBBBBBBBB", "CCCCCCCCCC"}
    assert listening.speechless == {NODE}
    plan = make_plan([teller()], speechless=listening.speechless)
    assert plan.silent == {NODE: NOT_KNOWN}
    assert make_plan([teller()], speechless=listening.speechless, left_out=[NODE]).silent == {}


def test_a_secret_that_was_rotated_away_since_the_backup_ends_as_the_node_says(world: World, clock: FakeClock) -> None:
    retiring, gone, same, dead, over = (world.key()["kid"] for _ in range(5))
    Key.objects.filter(kid=over).update(expires_at=clock.now())
    digests = {secret.key_id: (secret.digest, secret.pepper_id) for secret in KeySecret.objects.all()}
    end = clock.now() + timedelta(hours=3)
    new = ("b" * 64, digests[same][1], None)
    told: dict[str, list[tuple[str, int, int | None]]] = {
        retiring: [new, (*digests[retiring], microseconds(end))],
        gone: [new],
        same: [(*digests[same], None)],
        dead: [new],
        over: [new],
        UNKNOWN: [new],
    }
    secrets = {("key", kid): marks("asked", some) for kid, some in told.items()}
    node = teller(dead=(dead,), secrets=secrets)
    plan = make_plan([node], question="asked", clock=clock)
    assert [(step.operation, step.id, step.told_by) for step in plan.steps] == [
        ("revoke_key", dead, ("edge",)),
        *(("end_secret", kid, ("edge",)) for kid in sorted((retiring, gone))),
    ]
    _, left = carry_out(plan, clock=clock)
    ends = dict(KeySecret.objects.exclude(key__in=[dead, over]).values_list("key_id", "ends_at"))
    assert (left, ends) == ([], {retiring: end, gone: clock.now(), same: None})
    assert body_of("key", retiring)["secrets"][0]["ends_at_us"] == microseconds(end)
    # It is no end of a plan's, so that neither a milder plan nor a rotation takes it away or puts it off.
    overdue.tend(clock=clock)
    assert KeySecret.objects.get(key=retiring).ends_at == end
    assert AuditRow.objects.filter(action="key.secret_lapsed").count() == 2
    # By a node that is level, or was asked with another question, nothing ends.
    assert make_plan([replace(node, revision=0)], question="asked", clock=clock).steps == ()


def test_where_the_pepper_was_changed_the_keys_are_named_and_left(world: World, clock: FakeClock) -> None:
    kid = world.key()["kid"]
    plan = make_plan(
        [teller(secrets={("key", kid): marks("asked", [("b" * 64, 99, None)])})], question="asked", clock=clock
    )
    assert (plan.steps, plan.uncompared) == ((), (kid,))


def test_who_has_no_node_token_is_not_asked(settings: Settings) -> None:
    listening = Listening(settings, "nobody", 2)
    assert listening.call("GET", "/internal/v1/changes")[0] == 401
    assert listening.call("POST", "/internal/v1/testimony", said_by(NODE))[0] == 401
    assert listening.ended() == []


def test_nothing_is_said_in_the_lane_twice(world: World, clock: FakeClock) -> None:
    dead = world.key()["kid"]
    carry_out(make_plan([teller(dead=(dead,))]), clock=clock)
    assert lane() == [("revoke_key", dead)]


def test_to_have_the_database_alone_leaves_the_locks_of_sqlite_where_they_are(
    settings: Settings, state_url: str | None, admin_token: str
) -> None:
    assert Partner.objects.count() == 0  # by a connection that stays
    with alone(settings):
        pass
    # Were its locks gone, a process that comes and goes would take the log away, and this one would go on writing to it.
    ControlProcess(settings, state_url).start().stop()
    Partner.objects.create(name="stays", created_at=datetime.now(UTC))
    control = ControlProcess(settings, state_url).start()
    answer = JsonClient(control.control_url, Secret(admin_token)).request("GET", "/api/v1/partners")
    control.stop()
    assert [one["name"] for one in answer.json()["items"]] == ["stays"]


def test_data_keys_that_nodes_know_as_erased_are_destroyed_again(
    world: World, settings: Settings, clock: FakeClock
) -> None:
    partner, other = world.partner(), world.partner()
    key, stays = (DataKey.objects.get(partner=one["id"]) for one in (partner, other))
    # Final as a revocation is: it counts whatever history its node follows, and of keys that the backup does not hold.
    erased = [str(key.id), OTHER_NODE]
    node = teller(history=NODE, resources={("erased_data_key", one): "" for one in erased})
    plan = make_plan([node])
    assert [(step.operation, step.id, step.name, step.told_by) for step in plan.steps] == [
        ("erase_data_key", str(key.id), partner["name"], ("edge",))
    ]
    assert (plan.erased_unknown, plan.lost, plan.needed) == ((OTHER_NODE,), (), True)

    begun, left = carry_out(plan, clock=clock)
    assert (left, begun) == ([], head_now())
    key.refresh_from_db()
    assert (key.wrapped, key.erased_revision) == (None, begun.revision)
    assert DataKey.objects.get(id=stays.id).wrapped is not None
    assert erased_keys(settings.data_dir) == set(erased)
    again = make_plan([node])
    assert (again.steps, again.erased_unknown, again.needed) == ((), (), False)
    row = AuditRow.objects.get(action="data_key.erased_again")
    assert (row.actor_name, row.details["data_keys"]) == ("portazgo recover", [str(key.id)])
    assert verify(Place(), 1_000).troubles == []
