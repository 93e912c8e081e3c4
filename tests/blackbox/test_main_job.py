"""The main job: a partner's key in, the backend's JWT out, one record kept."""

from __future__ import annotations

import json
import socket
import time

import jwt
import pytest
from support.deployment import Deployment, Reply

VOLATILE = {"x-request-id", "date"}


def answered(deployment: Deployment, request_id: str) -> dict[str, object]:
    """What the backend logged of a request."""
    lines = [json.loads(line) for line in deployment.answer_log.read_text().splitlines()]
    return next(line for line in lines if line["x_request_id"] == request_id)


def test_a_call_reaches_the_backend_with_our_token_and_leaves_one_record(deployment: Deployment) -> None:
    reply = deployment.call("/v1/badges/?page=2", X_Request_Id="mine-7")
    assert reply.status == 200
    assert "results" in reply.json()
    assert answered(deployment, reply.request_id)["issuer"] == deployment.control_url
    trace = deployment.trace(reply.request_id)
    expected = {
        "status_sent": 200,
        "backend_status": 200,
        "delivery": "complete",
        "fault": None,
        "billable": True,
        "partner_name": "demo-partner",
        "route_name": "badges-list",
        "kid": deployment.key["kid"],
        "client_request_id": "mine-7",
        "attempts": 1,
    }
    assert {name: trace[name] for name in expected} == expected
    assert "page=2" not in json.dumps(trace)


def test_the_key_set_of_node_and_control_plane_verifies_the_token(deployment: Deployment) -> None:
    for base in (f"http://127.0.0.1:{deployment.gateway_port}", deployment.control_url):
        keys = jwt.PyJWKClient(f"{base}/.well-known/jwks.json").get_signing_keys()
        assert [key.algorithm_name for key in keys] == ["ES256"]


def test_a_key_knows_itself(deployment: Deployment) -> None:
    reply = deployment.call("/.well-known/portazgo/whoami")
    document = reply.json()
    assert (reply.status, document["kid"], document["environment"]) == (200, deployment.key["kid"], "live")
    assert document["limits"][0]["quota"] == 600


def test_bearer_is_as_good_and_two_different_keys_are_refused(deployment: Deployment, new_key: dict[str, str]) -> None:
    key = deployment.key["api_key"]
    assert deployment.call(X_Api_Key="", Authorization=f"Bearer {key}").status == 200
    assert deployment.call(Authorization="Basic c29tZTpib2R5").status == 200
    other = new_key["api_key"]
    assert deployment.call(Authorization=f"Bearer {other}").json()["code"] == "key_ambiguous"
    assert deployment.call(Authorization=f"Bearer {key}").status == 200


def face(reply: Reply) -> tuple[object, ...]:
    """What a caller sees of an answer, but for what names this very request."""
    body = reply.json()
    body.pop("instance")
    return reply.status, [item for item in reply.headers.items() if item[0] not in VOLATILE], body


def test_the_ways_in_which_a_key_is_invalid_look_alike_and_are_told_apart_in_the_records(
    deployment: Deployment, new_key: dict[str, str]
) -> None:
    good = new_key["api_key"]
    other_end = "".join(reversed(good[-6:]))
    deployment.admin.post(f"/keys/{new_key['kid']}/disable")
    deployment.wait_for(lambda: deployment.call(X_Api_Key=good).status == 401, "the disabled key's end", 5)
    disabled = deployment.call(X_Api_Key=good)
    malformed = deployment.call(X_Api_Key=good[:-6] + other_end)
    nonsense = deployment.call(X_Api_Key="nonsense")
    assert face(disabled) == face(malformed) == face(nonsense)
    assert deployment.trace(disabled.request_id)["fault"] == "key_disabled"
    assert deployment.trace(malformed.request_id)["fault"] == "key_malformed"
    assert deployment.trace(disabled.request_id)["kid"] == new_key["kid"]


def test_a_revoked_key_dies_on_every_node_and_the_proof_says_so(
    deployment: Deployment, new_key: dict[str, str]
) -> None:
    began = time.monotonic()
    deployment.admin.post(f"/keys/{new_key['kid']}/revoke")
    deployment.wait_for(lambda: deployment.call(X_Api_Key=new_key["api_key"]).status == 401, "the key's death", 2.5)
    assert time.monotonic() - began < 2.5
    deployment.wait_for(lambda: deployment.admin.get(f"/keys/{new_key['kid']}/propagation")["proven"], "the proof", 5)
    propagation = deployment.admin.get(f"/keys/{new_key['kid']}/propagation")
    assert [node["state"] for node in propagation["nodes"]] == ["confirmed"]


def test_a_suspended_partner_is_refused_and_resumed(deployment: Deployment) -> None:
    partner = next(deployment.admin.pages("/partners"))["id"]
    deployment.admin.post(f"/partners/{partner}/suspend")
    deployment.wait_for(lambda: deployment.call().status == 403, "the suspension", 5)
    assert deployment.call().json()["code"] == "partner_suspended"
    deployment.admin.post(f"/partners/{partner}/resume")
    deployment.wait_for(lambda: deployment.call().status == 200, "the resumption", 5)


def test_a_throttle_denies_names_itself_and_takes_nothing_for_it(
    deployment: Deployment, new_key: dict[str, str]
) -> None:
    admin = deployment.admin
    plan = next(admin.pages("/plans", {"name": "demo"}))
    tight = admin.post(
        "/plans",
        {"name": "tight", "apis": plan["apis"], "throttles": [{"name": "burst", "quota": 3, "window_seconds": 3600}]},
    )
    partner = next(admin.pages("/partners"))["id"]
    wanted = {"partner": partner, "plan": tight["id"], "name": "tight", "environment": "live"}
    key = admin.post(f"/applications/{admin.post('/applications', wanted)['id']}/keys")["api_key"]
    deployment.wait_for(lambda: deployment.call("/.well-known/portazgo/whoami", X_Api_Key=key).status == 200, "the key")
    replies = [deployment.call(X_Api_Key=key) for _ in range(5)]
    assert [reply.status for reply in replies] == [200, 200, 200, 429, 429]
    assert replies[0].headers["ratelimit-policy"] == '"burst";q=3;w=3600'
    assert replies[0].headers["ratelimit"].startswith('"burst";r=2;')
    assert replies[3].json()["violated-policies"] == ["burst"]
    assert int(replies[3].headers["retry-after"]) > 1000
    assert deployment.trace(replies[3].request_id)["billable"] is False


@pytest.mark.parametrize(
    ("fault", "status", "recorded", "blame"),
    [
        ("status=503", 503, "backend_5xx", "backend"),
        ("close", 502, "backend_reset_before_headers", "backend"),
        ("status=401", 502, "backend_4xx_ours", "gateway"),
    ],
)
def test_a_failing_backend_is_told_from_a_failing_gateway(
    deployment: Deployment, fault: str, status: int, recorded: str, blame: str
) -> None:
    deployment.fail(fault)
    try:
        reply = deployment.call()
    finally:
        deployment.fail(None)
    trace = deployment.trace(reply.request_id)
    assert (reply.status, trace["fault"], trace["blame"]) == (status, recorded, blame)
    assert trace["billable"] is False


def test_a_truncated_answer_is_cut_off_for_the_partner_too(deployment: Deployment) -> None:
    deployment.fail("truncate")
    try:
        with socket.create_connection(("127.0.0.1", deployment.gateway_port), timeout=10) as connection:
            head = f"GET /v1/badges/ HTTP/1.1\r\nHost: gateway\r\nX-Api-Key: {deployment.key['api_key']}\r\n\r\n"
            connection.sendall(head.encode())
            received = b""
            while piece := connection.recv(65536):
                received += piece
    finally:
        deployment.fail(None)
    head_text, _, body = received.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head_text.decode().lower().split("\r\n")[1:])
    assert len(body) < int(headers["content-length"])
    trace = deployment.trace(headers["x-request-id"])
    assert (trace["fault"], trace["delivery"], trace["billable"]) == ("backend_truncated", "aborted", False)


@pytest.mark.parametrize(
    ("head", "recorded"),
    [
        (b"GET /v1/badges/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", None),
        (b"GET /v1/../badges/ HTTP/1.1\r\nHost: a\r\n\r\n", "head_path_invalid"),
        (b"GET /v1/badges/ HTTP/1.1\nHost: a\r\n\r\n", None),
        (b"GET /v1/badges/ HTTP/1.1\r\n\r\n", "head_host_invalid"),
    ],
)
def test_a_head_that_breaks_framing_is_answered_400_closed_and_recorded(
    deployment: Deployment, head: bytes, recorded: str | None
) -> None:
    with socket.create_connection(("127.0.0.1", deployment.gateway_port), timeout=10) as connection:
        connection.sendall(head)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    assert received.startswith(b"HTTP/1.1 400 ")
    problem = json.loads(received.partition(b"\r\n\r\n")[2])
    trace = deployment.trace(problem["instance"])
    assert trace["status_sent"] == 400
    assert trace["kid"] is None
    if recorded is not None:
        assert trace["fault"] == recorded


def test_nothing_that_describes_the_inside_gets_through(deployment: Deployment) -> None:
    reply = deployment.call()
    assert set(reply.headers) <= {
        "allow",
        "content-type",
        "content-length",
        "date",
        "etag",
        "ratelimit",
        "ratelimit-policy",
        "vary",
        "x-request-id",
    }
