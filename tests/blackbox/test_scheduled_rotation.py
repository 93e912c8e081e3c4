"""A plan's schedule through every part: notices at a receiver, an end that the gateway keeps, a rotation that meets it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.command import portazgo
from support.deployment import Deployment
from support.key import own_key
from support.webhook_receiver import Message, WebhookReceiver

WHOAMI = "/.well-known/portazgo/whoami"


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as running:
        yield running


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    """A deployment for this test alone: its time is moved."""
    with Deployment(tmp_path / "deployment", PORTAZGO_WEBHOOK_NETWORKS="127.0.0.0/8") as running:
        yield running


@pytest.fixture
def move_clock(deployment: Deployment, tmp_path: Path) -> Callable[[str], None]:
    """Give control plane and worker a clock that can be moved; the node, whose own stays, goes by the control plane's."""
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    offset = tmp_path / "offset"

    def move(days: str) -> None:
        offset.write_text(f"+{days}\n")

    move("0d")
    deployment.stop("control")
    deployment.environment |= {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    deployment.start_control()
    return move


def cli(deployment: Deployment, *words: str) -> Any:
    done = portazgo(deployment.environment, deployment.folder, *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def status(deployment: Deployment, api_key: str) -> int:
    return deployment.call(WHOAMI, X_Api_Key=api_key).status


def told(messages: list[Message]) -> set[tuple[str, str, str]]:
    events = [json.loads(message.body) for message in messages]
    return {(event["type"], event["data"]["kid"], event["data"]["notice"]) for event in events}


def test_a_secret_that_is_overdue_ends_at_the_gateway_and_one_that_was_rotated_does_not(
    deployment: Deployment, receiver: WebhookReceiver, move_clock: Callable[[str], None]
) -> None:
    ignored, rotated = own_key(deployment, "ignored"), own_key(deployment, "rotated")
    events = ["key.rotation_due", "key.secret_ending"]
    deployment.admin.post("/webhooks/endpoints", {"name": "schedule", "url": receiver.url, "events": events})
    cli(deployment, "plan", "change", "open", "--rotate-every", "90d", "--end-overdue-after", "2d")
    move_clock("91d")
    deployment.start_worker()
    due = {("key.rotation_due", kid, "0s") for kid in (ignored.kid, rotated.kid)}
    deployment.wait_for(lambda: due <= told(receiver.messages), "the notices", 60)
    listed = cli(deployment, "key", "list", "--rotation-due-before", "0s")
    assert {row["kid"]: row["rotation_state"] for row in listed} == {ignored.kid: "ending", rotated.kid: "ending"}
    # Nobody is cut off before: neither by being due, nor by a rotation, whose grace is whole however near the end was.
    new = cli(deployment, "key", "rotate", rotated.kid, "--grace", "7d")["api_key"]
    cli(deployment, "key", "propagation", rotated.kid, "--wait")
    assert [status(deployment, key) for key in (ignored.whole, rotated.whole, new)] == [200, 200, 200]
    move_clock("94d")
    deployment.wait_for(lambda: status(deployment, ignored.whole) == 401, "the end of the secret", 60)
    assert [status(deployment, key) for key in (rotated.whole, new)] == [200, 200]
    assert cli(deployment, "key", "show", ignored.kid)["rotation_state"] == "ended"
    # What has ended is replaced, not revived.
    whole = cli(deployment, "key", "rotate", ignored.kid, "--grace", "7d")["api_key"]
    deployment.wait_for(lambda: status(deployment, whole) == 200, "the new secret")
    assert status(deployment, ignored.whole) == 401
    for message in receiver.messages:
        for api_key in (ignored.whole, rotated.whole, new, whole):
            assert api_key.split("_")[3].encode() not in message.body
