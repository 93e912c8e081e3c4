"""HTTP/2 to real servers: agreed on in the TLS handshake or known before, and left by the server whenever it likes.

PORTAZGO_TEST_HTTP2_POSTS sets how many POSTs meet a server that leaves its connections (3,000 here).
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support.bare_gateway import API_KEY, BareGateway, Origin, backend_to, wait_for
from support.certificates import Identity, trusting
from support.hostile_backend import HostileBackend
from support.hostile_http2 import Asked, HostileHttp2, good
from support.http2_servers import Server
from support.partners import Got, call, calls, status_line
from support.snapshot_node import SnapshotNode
from support.websocket import WebSocketBackend, connect, handshake, read_exactly, read_head

POSTS = int(os.environ.get("PORTAZGO_TEST_HTTP2_POSTS", "3000"))
CLIENTS = 30
REQUESTS_A_LINE = 60
BODY = b"x" * 700
AUTHORITY = Identity.authority()


def node_to(folder: Path, targets: Sequence[str], http2: str, **more: Any) -> SnapshotNode:
    """A node whose routes under /v1/many/ lead to these targets; of one thread, unless it is said."""
    forwarding = {"http2": http2, "ejection": None, **more.pop("forwarding", {})}
    threads = more.pop("threads", 1)
    live = {"targets": list(targets), "forwarding": forwarding, **more}
    return SnapshotNode(folder, "127.0.0.1:1", threads=threads, further={"many": live})


def seen(got: Got) -> dict[str, Any]:
    assert got.status == 200, got
    told: dict[str, Any] = json.loads(got.body)
    return told


def test_both_sides_agree_on_http_2_in_the_handshake(tmp_path: Path) -> None:
    identity = AUTHORITY.server("127.0.0.1")
    with (
        Server.node(tmp_path / "origin", tls=identity.write(tmp_path, "origin")) as origin,
        node_to(tmp_path / "node", [f"https://{origin.address}"], "alpn", tls=trusting(AUTHORITY)) as node,
    ):
        answers = [seen(got) for got in calls(node, ["many/1"] * 40)]
        assert answers == [{"version": "2.0", "method": "GET", "path": "/api/items/1", "bytes": 0}] * 40
        assert seen(call(node, "many/1", "POST", BODY)) == {
            "version": "2.0", "method": "POST", "path": "/api/items/1", "bytes": len(BODY),
        }  # fmt: skip
        assert node.metric("portazgo_backend_connects_total") == 1


def test_a_server_that_knows_no_http_2_is_called_by_http_1(tmp_path: Path) -> None:
    identity = AUTHORITY.server("127.0.0.1")
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*identity.write(tmp_path, "origin"))

    def prepare(server: Any) -> None:
        server.socket = made.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)

    with (
        Origin(prepare=prepare) as origin,
        node_to(tmp_path / "node", [f"https://127.0.0.1:{origin.port}"], "alpn", tls=trusting(AUTHORITY)) as node,
    ):
        # Those that wait for the first dial find out together; after that connections are kept as ever.
        assert Counter(got.status for got in calls(node, ["many/1"] * 20)) == {200: 20}
        connects = node.metric("portazgo_backend_connects_total")
        assert connects <= 20
        assert [call(node, "many/1").status for _ in range(5)] == [200] * 5
        assert call(node, "many/1", "POST", BODY).status == 200
        assert node.metric("portazgo_backend_connects_total") == connects
        assert origin.seen[-1].body == BODY
        assert {one.header("host") for one in origin.seen} == {f"127.0.0.1:{origin.port}"}


def test_http_2_may_be_known_before_over_tls_and_at_a_socket(tmp_path: Path) -> None:
    identity = AUTHORITY.server("127.0.0.1")
    at = tmp_path / "origin.sock"
    with (
        Server.node(tmp_path / "secure", tls=identity.write(tmp_path, "origin")) as secure,
        Server.node(tmp_path / "plain", socket_path=at),
    ):
        rules = trusting(AUTHORITY)
        with node_to(tmp_path / "one", [f"https://{secure.address}"], "prior_knowledge", tls=rules) as node:
            assert seen(call(node, "many/1"))["version"] == "2.0"
        with node_to(tmp_path / "other", [f"unix:{at}"], "prior_knowledge") as node:
            assert [seen(got)["version"] for got in calls(node, ["many/1"] * 10)] == ["2.0"] * 10
            assert seen(call(node, "many/1", "POST", BODY))["bytes"] == len(BODY)
            assert node.metric("portazgo_backend_connects_total") == 1


async def _client(port: int, key: str, posts: int, statuses: Counter[bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /v1/many/1 HTTP/1.1\r\nHost: gate.example\r\nX-Api-Key: {key}\r\nContent-Length: {len(BODY)}\r\n\r\n"
    for _ in range(posts):
        writer.write(head.encode() + BODY)
        statuses[await status_line(reader)] += 1
    writer.close()
    await writer.wait_closed()


def test_no_post_fails_and_none_is_done_twice_where_the_server_leaves_its_lines(tmp_path: Path) -> None:
    """nginx says GOAWAY after so many requests, while others are on their way to it."""
    statuses: Counter[bytes] = Counter()

    async def everybody(node: SnapshotNode) -> None:
        await asyncio.gather(*(_client(node.port, node.key, POSTS // CLIENTS, statuses) for _ in range(CLIENTS)))

    with (
        Server.nginx(tmp_path / "origin", requests_a_line=REQUESTS_A_LINE) as origin,
        node_to(tmp_path / "node", [f"http://{origin.address}"], "prior_knowledge") as node,
    ):
        asyncio.run(everybody(node))
        lines = node.metric("portazgo_backend_connects_total")
        node.stop()
        records = node.records()
    assert statuses == {b"HTTP/1.1 200 OK": POSTS // CLIENTS * CLIENTS}
    assert Counter(record["fault"] for record in records) == {None: len(records)}
    # It did leave, again and again.
    assert lines >= len(records) // (2 * REQUESTS_A_LINE)
    logged = [json.loads(line) for line in (origin.folder / "seen.jsonl").read_text().splitlines()]
    assert Counter(one["id"] for one in logged) == Counter(record["request_id"] for record in records)
    assert {one["protocol"] for one in logged} == {"HTTP/2.0"}
    print(f"{len(records)} POSTs over {lines} lines, {sum(record['attempts'] > 1 for record in records)} tried again")


def test_a_server_of_http_1_is_told_apart_before_a_request_is_sent_to_it(tmp_path: Path) -> None:
    with HostileBackend() as old, HostileHttp2() as new:
        both = [f"http://127.0.0.1:{old.port}", f"http://127.0.0.1:{new.port}"]
        with node_to(tmp_path / "one", both[:1], "prior_knowledge", forwarding={"retry": {"attempts": 1}}) as node:
            assert [call(node, "many/good", method).status for method in ("GET", "POST")] == [502, 502]
            node.stop()
            assert {record["fault"] for record in node.records()} <= {
                "backend_bad_response",
                "backend_reset_before_headers",
            }
        with node_to(tmp_path / "two", both, "prior_knowledge") as node:
            # Nothing was sent, so any method goes to the other target.
            assert [call(node, "many/good", "POST", BODY).status for _ in range(6)] == [200] * 6
        assert [asked.body for asked in new.asked] == [BODY] * 6
        # The preface reads like a request, and like nothing that was asked for.
        assert "good" not in {name for _, name in old.carried}


def test_a_cap_holds_over_the_lines_of_all_threads(tmp_path: Path) -> None:
    at_once: Counter[str] = Counter()

    async def alone(asked: Asked) -> None:
        at_once["now"] += 1
        at_once["most"] = max(at_once["most"], at_once["now"])
        await asyncio.sleep(0.005)
        at_once["now"] -= 1
        await good(asked)

    forwarding = {"pool": {"connections": 1, "waiting": 100, "wait_ms": 20_000, "idle_ms": 20_000}}
    with HostileHttp2(scripts={"alone": alone}) as backend:
        target = f"http://127.0.0.1:{backend.port}"
        with node_to(tmp_path, [target], "prior_knowledge", forwarding=forwarding, threads=2) as node:
            answers = calls(node, ["many/alone"] * 60) + [call(node, "many/alone") for _ in range(10)]
            assert Counter(got.status for got in answers) == {200: 70}
            assert at_once["most"] == 1
            # Each thread has had a line, and closed it where the other wanted its place.
            assert len(backend.lines) > 1
            wait_for(lambda: sum(line.goaway is None for line in backend.lines) == 1, "one line")
            assert node.metric("portazgo_target_idle") == 1
            wait_for(lambda: node.metric("portazgo_backend_idle") == 1, "one idle line")
        assert backend.trouble == []


def test_a_websocket_goes_over_http_1_whatever_is_set(tmp_path: Path) -> None:
    forwarding = {"http2": "prior_knowledge"}
    with (
        WebSocketBackend() as backend,
        BareGateway(
            tmp_path, backend_to(backend.url, forwarding=forwarding), get={"upgrades": ["websocket"]}
        ) as gateway,
        connect(gateway.port) as client,
    ):
        client.sendall(handshake(gateway.port, f"X-Api-Key: {API_KEY}", "Sec-WebSocket-Protocol: chat"))
        head, early = read_head(client)
        assert head.startswith(b"HTTP/1.1 101 ")
        assert read_exactly(client, 5, early) == b"hello"
        client.sendall(b"ping")
        assert read_exactly(client, 4) == b"ping"
        client.shutdown(socket.SHUT_RDWR)
