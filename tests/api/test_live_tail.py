"""Live tails: server-sent events of a real control plane, of records that a real node made."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from threading import Thread
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import numpy as np
import pytest
from support.admin import AdminAPI
from support.control import ControlProcess
from support.made_segments import Node
from support.named_records import collect_all, collect_named
from support.ports import free_port
from support.prepared import Prepared
from support.segments import PARTNER, PATH, record

from portazgo.accounts.models import AdminToken
from portazgo.client.admin import AdminClient, Answered
from portazgo.client.events import Event, events, follow
from portazgo.kit.clock import SYSTEM_CLOCK, microseconds
from portazgo.kit.errors import Unavailable
from portazgo.kit.http import JsonClient
from portazgo.kit.secret import Secret
from portazgo.settings import Settings
from portazgo.traces import following
from portazgo.traces.collection import Position
from portazgo.traces.domain import Filter
from portazgo.usage.collector import collect

pytestmark = pytest.mark.usefixtures("database")

VISIBLE_SECONDS = 2 * 5


@pytest.fixture(scope="module")
def control(
    _databases: None, settings: Settings, state_url: str | None, prepared: Prepared
) -> Iterator[ControlProcess]:
    """A control plane over the databases of the tests."""
    running = ControlProcess(settings, state_url).start(prepared)
    try:
        yield running
    finally:
        running.stop()


@contextmanager
def tail(control: ControlProcess, token: str, *, last: str | None = None, **query: Any) -> Iterator[Iterator[Event]]:
    client = JsonClient(control.control_url, Secret(token))
    headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last} if last else {})}
    path = "/api/v1/traces/tail"
    with closing(client), client.stream("GET", path, query=query, headers=headers, read_seconds=20) as answer:
        assert answer.status == 200, b"".join(answer.chunks)
        assert answer.headers["Content-Type"] == "text/event-stream"
        yield events(answer.chunks)


def calls(stream: Iterator[Event]) -> Iterator[Event]:
    return (event for event in stream if event.data)


def ids(found: list[Event]) -> list[str]:
    return [json.loads(event.data)["request_id"] for event in found]


def test_who_follows_gets_each_record_once_and_goes_on_after_any_of_them(
    control: ControlProcess, admin_token: str
) -> None:
    with tail(control, admin_token) as stream:
        next(stream)
        records = collect_named()
        collected_at = time.monotonic()
        found = list(islice(calls(stream), len(records.ids)))
        assert time.monotonic() - collected_at < VISIBLE_SECONDS
    assert ids(found) == records.ids
    assert {event.name for event in found} == {"trace"}
    assert json.loads(found[0].data)["partner_name"] == "acme"
    for number, event in enumerate(found[:-1]):
        with tail(control, admin_token, last=event.id) as stream:
            assert ids(list(islice(calls(stream), len(found) - number - 1))) == records.ids[number + 1 :]


def test_a_tail_is_narrowed_and_shows_that_it_lives(control: ControlProcess, admin_token: str) -> None:
    records = collect_named()
    with tail(control, admin_token, fault="route_unknown") as stream:
        assert ids(list(islice(calls(stream), 1))) == [records.ids[3]]
        beat = next(event for event in stream if not event.data)
    assert beat.id
    with tail(control, admin_token, last=beat.id) as stream:
        assert not next(event for event in stream if event.id).data  # nothing comes twice: the next is a sign of life


def test_open_tails_keep_no_thread_from_other_requests_and_there_are_not_more_than_fit(
    control: ControlProcess, admin_token: str
) -> None:
    client = JsonClient(control.control_url, Secret(admin_token))
    sockets = [_asked(control, admin_token) for _ in range(following.MOST_TAILS)]
    try:
        refused = client.request("GET", "/api/v1/traces/tail", headers={"Accept": "text/event-stream"})
        assert (refused.status, refused.json()["code"]) == (503, "tails_busy")
        assert client.request("GET", "/api/v1/partners", read_seconds=VISIBLE_SECONDS).status == 200
    finally:
        for one in sockets:
            one.close()
    _asked(control, admin_token).close()  # whoever leaves gives the place back
    client.close()


def test_what_is_sent_into_an_open_tail_is_not_answered(control: ControlProcess, admin_token: str) -> None:
    with _asked(control, admin_token) as one:
        one.sendall(b"GET /api/v1/partners HTTP/1.1\r\nHost: control\r\n\r\n")
        one.settimeout(1.5)
        with pytest.raises(TimeoutError):
            one.recv(65_536)


def test_a_tail_ends_when_its_token_ends(control: ControlProcess, api: AdminAPI) -> None:
    made = api.post("/tokens", {"name": "follower", "scopes": ["traces:read"]}).body
    with tail(control, made["token"]) as stream:
        next(stream)
        AdminToken.objects.filter(id=made["id"]).update(revoked_at=SYSTEM_CLOCK.now())
        ended_by = time.monotonic() + following.HEARTBEAT_SECONDS + VISIBLE_SECONDS
        assert [event for event in stream if event.data] == []
        assert time.monotonic() < ended_by


def test_a_tail_that_has_always_something_to_send_ends_when_its_token_ends(
    control: ControlProcess, api: AdminAPI
) -> None:
    made = api.post("/tokens", {"name": "follower", "scopes": ["traces:read"]}).body
    node = Node(np.random.default_rng(3), uuid4(), uuid4())
    with tail(control, made["token"]) as stream:
        next(stream)
        reader = Thread(target=lambda: list(stream), daemon=True)
        reader.start()
        AdminToken.objects.filter(id=made["id"]).update(revoked_at=SYSTEM_CLOCK.now())
        deadline = time.monotonic() + following.HEARTBEAT_SECONDS + VISIBLE_SECONDS
        while reader.is_alive() and time.monotonic() < deadline:
            first, content = node.segment(microseconds(SYSTEM_CLOCK.now()), 1)
            assert collect(node.node, node.epoch, first, content).stored
            reader.join(following.HEARTBEAT_SECONDS / 4)
        assert not reader.is_alive()


class Untaken:
    """An answer whose reader takes nothing."""

    alive = True
    pending = following.PENDING_BYTES

    def write(self, _data: bytes) -> None:
        """Nobody takes it."""

    def end(self) -> None:
        """Nobody notices."""


def test_a_reader_that_takes_nothing_is_asked_for_its_token_too() -> None:
    asked: list[bool] = []

    def revoked() -> bool:
        asked.append(True)
        return False

    one = following.Tail(Filter(), Position(0), tell=lambda _: [], allowed=revoked)
    one.answer = Untaken()
    assert one.stay(one.began + following.HEARTBEAT_SECONDS / 2)
    assert asked == []
    assert not one.stay(one.began + following.HEARTBEAT_SECONDS + 1)
    assert asked == [True]


def test_one_partners_tails_leave_places_to_everybody_else(
    control: ControlProcess, admin_token: str, api: AdminAPI
) -> None:
    collect_named()
    path = "/api/v1/partner-view/traces/tail"
    token = api.post(f"/partners/{PARTNER}/tokens", {"name": "portal"}).body["token"]
    client = JsonClient(control.control_url, Secret(token))
    sockets = [_asked(control, token, path) for _ in range(following.MOST_TAILS_OF_A_PARTNER)]
    try:
        with client.stream("GET", path, headers={"Accept": "text/event-stream"}, read_seconds=20) as refused:
            assert refused.status == 503
            assert json.loads(b"".join(refused.chunks))["code"] == "tails_busy"
        # Whoever reads for a partner, as an operator, takes none of that partner's places.
        _asked(control, admin_token, path, as_partner=PARTNER).close()
        _asked(control, admin_token).close()
    finally:
        for one in sockets:
            one.close()
    _asked(control, token, path).close()
    client.close()


def test_partners_share_their_places_and_leave_the_rest_to_operators() -> None:
    tails = following.Tails()

    def opened(partner: str | None) -> following.Tail:
        one = following.Tail(Filter(), Position(0), tell=lambda _: [], allowed=lambda: True, partner=partner)
        tails.open(one)
        return one

    def refused(partner: str | None) -> bool:
        with pytest.raises(Unavailable) as problem:
            opened(partner)
        return problem.value.code == "tails_busy"

    try:
        each = following.MOST_TAILS_OF_A_PARTNER
        greedy = [opened(f"partner {n}") for n in range(following.MOST_TAILS_OF_PARTNERS // each) for _ in range(each)]
        assert refused("partner 0")
        newcomers = [opened("newcomer") for _ in range(2)]
        displaced = [one for one in greedy if one.displaced]
        assert [one.partner for one in displaced] == ["partner 0", "partner 1"]
        assert not any(one.stay(one.began) for one in displaced)
        assert not any(one.displaced for one in newcomers)
        deadline = time.monotonic() + 20
        while len(tails) > following.MOST_TAILS_OF_PARTNERS:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        for _ in range(following.MOST_TAILS - following.MOST_TAILS_OF_PARTNERS):
            opened(None)
        assert refused(None)
    finally:
        tails.close()


def test_tails_end_cleanly_with_the_control_plane_and_their_reader_goes_on_when_it_is_back(
    settings: Settings, state_url: str | None, admin_token: str
) -> None:
    port = str(free_port())
    first = ControlProcess(settings, state_url, PORTAZGO_CONTROL_PORT=port).start()
    seen: list[str] = []
    client = AdminClient(first.control_url, Secret(admin_token))
    told = {"away": lambda: seen.append("away"), "back": lambda: seen.append("back")}
    following_along = follow(client, "/traces/tail", {}, **told)
    records, later = collect_named(), record([(PATH, {})])
    assert [next(following_along)[1]["request_id"] for _ in records.ids] == records.ids
    with tail(first, admin_token, fault="throttled") as stream:
        next(stream)
        assert first.stop() == 0
        # The stream is whole: a chunked body that broke off would raise here.
        assert [event for event in stream if event.data] == []
    second = ControlProcess(settings, state_url, PORTAZGO_CONTROL_PORT=port)
    starting = Thread(target=second.start)
    starting.start()
    try:
        collect_all(later)
        assert [next(following_along)[1]["request_id"]] == later.ids
    finally:
        starting.join()
        second.stop()
    assert seen == ["away", "back"]


def test_a_place_that_no_event_had_is_refused(control: ControlProcess, admin_token: str) -> None:
    client = AdminClient(control.control_url, Secret(admin_token))
    headers = {"Accept": "text/event-stream", "Last-Event-ID": "bm90IGFuIGlk"}
    with (
        pytest.raises(Answered) as refused,
        client.stream("/api/v1/traces/tail", {}, headers, silence_seconds=20),
    ):
        pass
    assert (refused.value.status, refused.value.problem["code"]) == (422, "cursor_invalid")


def _asked(control: ControlProcess, token: str, path: str = "/api/v1/traces/tail", **query: str) -> socket.socket:
    """Open a tail by hand; places that others have just left may still be given back."""
    where = urlsplit(control.control_url)
    lines = [
        f"GET {path}?{urlencode({'status': 599, **query})} HTTP/1.1",
        "Host: control",
        "Accept: text/event-stream",
        f"Authorization: Bearer {token}",
    ]
    deadline = time.monotonic() + VISIBLE_SECONDS
    while True:
        one = socket.create_connection((where.hostname or "", where.port or 0), timeout=20)
        one.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = b""
        while b"retry:" not in answer and (more := one.recv(65_536)):
            answer += more
        if answer.startswith(b"HTTP/1.1 200 "):
            return one
        one.close()
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)
