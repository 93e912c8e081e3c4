"""Webhooks, canaries and leaks with every part running: what happens at the gateway is told to a receiver within seconds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import standardwebhooks
from support.deployment import Deployment, Reply
from support.webhook_receiver import Message, WebhookReceiver

NOT_COMPARED = {"x-request-id", "date"}


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment with a worker, which may send webhooks to loopback."""
    folder = tmp_path_factory.mktemp("webhooks")
    with Deployment(folder, PORTAZGO_WEBHOOK_NETWORKS="127.0.0.0/8") as running:
        running.start_worker()
        yield running


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as running:
        yield running


def endpoint(deployment: Deployment, receiver: WebhookReceiver, name: str, *events: str) -> str:
    """Make an endpoint. Returns its secret."""
    new = {"name": name, "url": receiver.url, "events": list(events)}
    secret: str = deployment.admin.post("/webhooks/endpoints", new)["secret"]
    return secret


def new_key(deployment: Deployment, **members: Any) -> dict[str, Any]:
    application = deployment.admin.get(f"/keys/{deployment.key['kid']}")["application"]
    return deployment.admin.post(f"/applications/{application}/keys", members)


def event_of(message: Message, secret: str) -> dict[str, Any]:
    document: dict[str, Any] = standardwebhooks.Webhook(secret).verify(message.body, message.headers)
    return document


def told(reply: Reply) -> tuple[int, dict[str, str], dict[str, Any]]:
    """What a caller can tell answers apart by."""
    headers = {name: value for name, value in reply.headers.items() if name not in NOT_COMPARED}
    return reply.status, headers, {name: value for name, value in reply.json().items() if name != "instance"}


def test_a_call_with_a_canary_looks_like_any_wrong_key_and_is_told(
    deployment: Deployment, receiver: WebhookReceiver
) -> None:
    secret = endpoint(deployment, receiver, "canaries", "key.canary_used")
    canary, dead = new_key(deployment, canary=True), new_key(deployment)
    deployment.admin.post(f"/keys/{dead['kid']}/revoke")
    # A node that has not heard of a key refuses it too.
    deployment.wait_for(lambda: deployment.admin.get(f"/keys/{dead['kid']}/propagation")["proven"], "the proof")
    unknown = deployment.call(X_Api_Key=dead["api_key"][:-6] + "000000")
    replies = [deployment.call(X_Api_Key=key["api_key"]) for key in (canary, canary, dead)]
    assert told(replies[0]) == told(replies[1]) == told(replies[2]) == told(unknown)
    message = receiver.wait_for(1)[0]
    data = event_of(message, secret)["data"]
    assert (data["kid"], data["client_address"]) == (canary["kid"], "127.0.0.1")
    assert data["request_id"] in {reply.request_id for reply in replies[:2]}


def test_a_leaked_key_is_told_of_and_dies(deployment: Deployment, receiver: WebhookReceiver) -> None:
    secret = endpoint(deployment, receiver, "leaks", "key.leaked", "key.revoked")
    key = new_key(deployment)
    deployment.wait_for(lambda: deployment.call(X_Api_Key=key["api_key"]).status == 200, "the key")
    deployment.admin.post("/security/leak-reports", {"api_key": key["api_key"], "response": "revoke"})
    deployment.wait_for(lambda: deployment.call(X_Api_Key=key["api_key"]).status == 401, "its end")
    events = [event_of(message, secret) for message in receiver.wait_for(2)]
    assert {(event["type"], event["data"]["kid"]) for event in events} == {
        ("key.leaked", key["kid"]),
        ("key.revoked", key["kid"]),
    }


def test_a_worker_ends_at_once_though_an_endpoint_hangs_and_the_next_one_goes_on(
    deployment: Deployment, receiver: WebhookReceiver
) -> None:
    with WebhookReceiver() as other:
        endpoint(deployment, receiver, "hangs", "key.created")
        endpoint(deployment, other, "answers", "key.created")
        receiver.hang = threading.Event()
        key = new_key(deployment)
        assert receiver.began.wait(30)
        # What the worker has in hand when it ends waits for the end of its lease, which is longer than this test is patient.
        other.wait_for(1)
        assert deployment.stop("worker") == 0
        deployment.start_worker()
        second = new_key(deployment)
        messages = other.wait_for(2)
        assert {message.event["data"]["kid"] for message in messages} == {key["kid"], second["kid"]}
