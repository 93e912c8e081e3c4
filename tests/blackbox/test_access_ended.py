"""What lasts ends with its caller's access: tunnels, event streams, downloads and uploads, within a second, each recorded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Self

import pytest
from support.deployment import Deployment
from support.hostile_backend import GOOD, HostileBackend, Script, bytes_then, for_ever
from support.http2 import Connection
from support.key import PLAN, OwnKey, own_key
from support.websocket import KEY, connect, handshake, read_head, switching

# 1 s as stated, five times that on a busy machine.
MOST_SECONDS = 5.0
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b"7\r\ndata: 1\r\n"
DOWNLOAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000000000\r\n\r\n"
LARGE_BYTES = 1_000_000_000
UPLOAD_BYTES = 9_000_000
ROUTES = {"silent": "GET", "ticking": "GET", "large": "GET", "socket": "GET", "upload": "POST"}


def and_then_silence(answer: bytes) -> Script:
    """Write, and keep the connection open."""

    async def script(writer: asyncio.StreamWriter) -> bool:
        writer.write(answer)
        await writer.drain()
        await asyncio.sleep(60)
        return False

    return script


async def ticking(writer: asyncio.StreamWriter) -> bool:
    """Send an event every twentieth of a second."""
    writer.write(EVENTS)
    for _ in range(1200):
        writer.write(EVENT)
        await writer.drain()
        await asyncio.sleep(0.05)
    return False


@dataclass(frozen=True, slots=True)
class Place:
    """What a test needs: where, and the ids of what it may change."""

    deployment: Deployment
    api: str
    routes: dict[str, str]


@pytest.fixture(scope="module")
def place(deployment: Deployment) -> Iterator[Place]:
    with HostileBackend() as backend:
        backend.scripts |= {
            "silent": and_then_silence(EVENTS + EVENT),
            "ticking": ticking,
            "large": for_ever(DOWNLOAD, b"x" * 65536),
            "socket": and_then_silence(switching(KEY)),
            "upload": bytes_then(GOOD),
            "quick": bytes_then(GOOD),
        }
        admin = deployment.admin
        environment = {"targets": [f"http://127.0.0.1:{backend.port}"], "credential": {"kind": "none"}}
        made = admin.post("/backends", {"name": "lasting", "environments": {"live": environment}})
        api = admin.post("/apis", {"name": "lasting"})["id"]
        routes = {}
        for name, method in {**ROUTES, "quick": "GET"}.items():
            body = {"name": name, "backend": made["id"], "method": method, "path": f"/v1/lasting/{name}"}
            body |= {"backend_path": f"/{name}", "passthrough": True, "max_request_bytes": UPLOAD_BYTES}
            body |= {"scopes": ["lasting"], "upgrades": ["websocket"] if name == "socket" else []}
            made_route = admin.post(f"/apis/{api}/routes", body)
            if name in ROUTES:
                routes[name] = made_route["id"]
        yield Place(deployment, api, routes)


class Lasting:
    """A call that goes on for as long as it may. Ended with its `with`."""

    def __init__(self, place: Place, key: OwnKey, name: str) -> None:
        self._name = name
        port = place.deployment.gateway_port
        path, with_key = f"/v1/lasting/{name}", f"X-Api-Key: {key.whole}"
        self.connection = connect(port)
        if name == "socket":
            self.connection.sendall(handshake(port, with_key, path=path))
        else:
            length = [f"Content-Length: {UPLOAD_BYTES}"] if name == "upload" else []
            lines = [f"{ROUTES[name]} {path} HTTP/1.1", "Host: a", with_key, *length, "", ""]
            self.connection.sendall("\r\n".join(lines).encode())
        if name != "upload":
            head, _ = read_head(self.connection)
            assert head.split(b" ")[1] == (b"101" if name == "socket" else b"200"), head

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def goes_on(self, seconds: float) -> bool:
        """Take what comes (of an upload: send more) for a while. Tells whether it has not ended by then."""
        until = time.monotonic() + seconds
        self.connection.settimeout(0.02)
        while time.monotonic() < until:
            try:
                if self._name == "upload":
                    self.connection.sendall(b"u" * 1000)
                piece = self.connection.recv(65536)
            except TimeoutError:
                continue
            except ConnectionError:
                return False
            # What is said to an upload before it is whole is that it has ended.
            if not piece or self._name == "upload":
                return False
        return True

    def rest(self) -> int:
        """Read to the end. Returns how many bytes there were."""
        self.connection.settimeout(20)
        size = 0
        with suppress(ConnectionError):
            while piece := self.connection.recv(1 << 20):
                size += len(piece)
        return size


def until_they_end(calls: Mapping[str, Lasting]) -> dict[str, float]:
    """Seconds until each call ended; whoever goes on for too long is left out."""
    began, ended = time.monotonic(), dict[str, float]()
    while len(ended) < len(calls) and time.monotonic() < began + MOST_SECONDS:
        for name, call in calls.items():
            if name not in ended and not call.goes_on(0.05):
                ended[name] = time.monotonic() - began
    print("ended after", {name: round(seconds, 2) for name, seconds in ended.items()})
    return ended


def the_records(place: Place, key: OwnKey, count: int) -> list[tuple[str, str, int, str]]:
    """Wait for the records of a key's calls: route, fault, status and delivery of each."""
    found: list[tuple[str, str, int, str]] = []
    names = {identifier: name for name, identifier in place.routes.items()}

    def look() -> bool:
        items = place.deployment.admin.get("/traces", {"kid": key.kid, "limit": 50})["items"]
        facts = ("fault", "status_sent", "delivery")
        found[:] = [(names[one["route"]], *(one[fact] for fact in facts)) for one in items if one["route"] in names]
        return len(found) >= count

    place.deployment.wait_for(look, f"{count} records", 15)
    return sorted(found)


def test_all_that_lasts_ends_when_its_key_is_revoked_and_nothing_of_others(place: Place) -> None:
    dead, other = (own_key(place.deployment, name, place.api) for name in ("dead", "other"))
    with ExitStack() as calls:
        theirs = {name: calls.enter_context(Lasting(place, dead, name)) for name in ROUTES}
        others = {name: calls.enter_context(Lasting(place, other, name)) for name in ("silent", "ticking", "socket")}
        never_read = theirs.pop("large")
        no_window = calls.enter_context(Connection.plain(place.deployment.gateway_port, seconds=20))
        no_window.opens_windows = False
        head = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/v1/lasting/large")]
        stream = no_window.request([*head, ("x-api-key", dead.whole)])
        assert all(call.goes_on(0.1) for call in [*theirs.values(), *others.values()])
        place.deployment.admin.post(f"/keys/{dead.kid}/revoke")
        ended = until_they_end(theirs)
        assert ended.keys() == theirs.keys()
        assert no_window.finish(stream).reset is not None
        records = the_records(place, dead, len(ROUTES) + 1)
        assert all(call.goes_on(0.1) for call in others.values())
        assert never_read.rest() < LARGE_BYTES // 10
    assert records == [
        ("large", "access_ended", 200, "aborted"),
        ("large", "access_ended", 200, "aborted"),
        ("silent", "access_ended", 200, "aborted"),
        ("socket", "access_ended", 101, "aborted"),
        ("ticking", "access_ended", 200, "aborted"),
        ("upload", "access_ended", 403, "complete"),
    ]


def test_what_lasts_ends_when_its_route_is_the_callers_no_longer(place: Place) -> None:
    admin = place.deployment.admin
    key = own_key(place.deployment, "route", place.api)
    plan = next(admin.pages("/plans", {"name": f"{PLAN}-{place.api[-12:]}"}))
    terms = {"name": plan["name"], "apis": plan["apis"], "throttles": []}

    def without_scope() -> None:
        admin.patch(f"/keys/{key.kid}", {"scopes": ["other"]})

    def without_plan() -> None:
        admin.put(f"/plans/{plan['id']}", {**terms, "apis": [one for one in terms["apis"] if one != place.api]})

    def without_route() -> None:
        admin.delete(f"/routes/{place.routes['ticking']}")

    for take, names in (
        (without_scope, ["silent", "socket"]),
        (without_route, ["ticking"]),
        (without_plan, ["silent"]),
    ):
        admin.patch(f"/keys/{key.kid}", {"scopes": ["lasting"]})
        place.deployment.wait_for(
            lambda: place.deployment.call("/v1/lasting/quick", X_Api_Key=key.whole).status == 200, "all of its scopes"
        )
        with ExitStack() as calls:
            lasting = {name: calls.enter_context(Lasting(place, key, name)) for name in names}
            assert all(call.goes_on(0.1) for call in lasting.values())
            take()
            assert until_they_end(lasting).keys() == lasting.keys(), take.__name__
    assert {fault for _, fault, _, _ in the_records(place, key, 4)} == {"access_ended"}
