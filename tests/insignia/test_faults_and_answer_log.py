"""It fails in the ways it is told to, and writes down what it answered."""

from __future__ import annotations

import http.client
import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from insignia.conftest import Insignia, Reply

BADGE = "/api/badges/1/"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def by_header(_: Insignia, fault: str) -> dict[str, str]:
    return {"X-Insignia-Fault": fault}


def by_file(insignia: Insignia, fault: str) -> dict[str, str]:
    insignia.set_faults(fault)
    return {}


both_switches = pytest.mark.parametrize("switch", [by_header, by_file])


def get_badge(insignia: Insignia, token: str, headers: dict[str, str], timeout: float = 10) -> Reply:
    return insignia.call("GET", BADGE, token=token, headers=headers, timeout=timeout)


@both_switches
def test_delay(insignia: Insignia, token: str, switch: Callable[[Insignia, str], dict[str, str]]) -> None:
    started = time.monotonic()
    assert get_badge(insignia, token, switch(insignia, "delay=0.3")).status == 200
    assert time.monotonic() - started >= 0.3


@both_switches
def test_status(insignia: Insignia, token: str, switch: Callable[[Insignia, str], dict[str, str]]) -> None:
    reply = get_badge(insignia, token, switch(insignia, "status=503"))
    assert (reply.status, reply.json) == (503, {"detail": "Insignia was told to fail."})


@both_switches
def test_close(insignia: Insignia, token: str, switch: Callable[[Insignia, str], dict[str, str]]) -> None:
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        get_badge(insignia, token, switch(insignia, "close"))


@both_switches
def test_truncate(insignia: Insignia, token: str, switch: Callable[[Insignia, str], dict[str, str]]) -> None:
    whole = get_badge(insignia, token, {}).body
    with pytest.raises(http.client.IncompleteRead) as caught:
        get_badge(insignia, token, switch(insignia, "truncate"))
    assert caught.value.partial == whole[: len(whole) // 2]
    assert caught.value.expected == len(whole) - len(whole) // 2


@both_switches
def test_bad_json(insignia: Insignia, token: str, switch: Callable[[Insignia, str], dict[str, str]]) -> None:
    reply = get_badge(insignia, token, switch(insignia, "bad_json"))
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    with pytest.raises(json.JSONDecodeError):
        json.loads(reply.body)


@both_switches
def test_html(insignia: Insignia, token: str, switch: Callable[[Insignia, str], dict[str, str]]) -> None:
    reply = get_badge(insignia, token, switch(insignia, "status=502,html"))
    assert (reply.status, reply.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
    assert reply.body.startswith(b"<!doctype html>")


@both_switches
def test_drip(insignia: Insignia, token: str, switch: Callable[[Insignia, str], dict[str, str]]) -> None:
    started = time.monotonic()
    assert get_badge(insignia, token, switch(insignia, "drip=0.03")).json["id"] == 1
    assert time.monotonic() - started >= 0.3


@both_switches
def test_hang_and_it_gives_its_thread_back(
    insignia: Insignia, token: str, switch: Callable[[Insignia, str], dict[str, str]]
) -> None:
    headers = switch(insignia, "hang")
    # More than there are threads: none of them may stay behind when its client has gone.
    for _ in range(10):
        with pytest.raises(TimeoutError):
            get_badge(insignia, token, headers, timeout=0.05)
    insignia.set_faults()
    assert get_badge(insignia, token, {}).status == 200


def test_lines_of_the_file_are_for_paths(insignia: Insignia, token: str) -> None:
    insignia.set_faults("status=500 /api/awards/", "status=429 /api/badges/1")
    paths = ["/api/awards/1/", BADGE, "/api/badges/2/", "/api/health/"]
    assert [insignia.call("GET", path, token=token).status for path in paths] == [500, 429, 200, 200]


@pytest.mark.parametrize("fault", ["explode", "delay=soon", "close=1", ",", "delay=-1", "status=7"])
def test_an_unknown_fault_is_told(insignia: Insignia, token: str, fault: str) -> None:
    reply = get_badge(insignia, token, by_header(insignia, fault))
    assert (reply.status, set(reply.json)) == (500, {"detail"})


def test_an_answer_is_written_down_once(insignia: Insignia, token: str) -> None:
    reply, line = answered(insignia, token, {"traceparent": TRACEPARENT})
    assert line.pop("time").endswith("+00:00")
    assert line.pop("duration_ms") > 0
    assert line == {
        "method": "GET",
        "path": BADGE,
        "status": 200,
        "x_request_id": line["x_request_id"],
        "traceparent": TRACEPARENT,
        "issuer": "insignia",
        "subject": "1",
        "bytes": len(reply.body),
        "fault": None,
    }


def test_a_refusal_is_written_down_without_a_subject(insignia: Insignia) -> None:
    _, line = answered(insignia, "no-token", {})
    assert (line["status"], line["subject"]) == (401, None)


def answered(insignia: Insignia, token: str, headers: dict[str, str]) -> tuple[Reply, dict[str, Any]]:
    request_id = str(uuid.uuid4())
    reply = insignia.call("GET", f"{BADGE}?q=kept-out", token=token, headers={"X-Request-Id": request_id, **headers})
    (line,) = insignia.answers(request_id)
    return reply, line


def test_what_was_left_unanswered_is_written_down_as_such(insignia: Insignia, token: str) -> None:
    request_id = str(uuid.uuid4())
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        get_badge(insignia, token, {"X-Request-Id": request_id, "X-Insignia-Fault": "close"})
    (line,) = insignia.answers(request_id)
    assert (line["status"], line["bytes"], line["fault"]) == (None, 0, "close")


def test_a_truncated_answer_is_written_down_with_what_was_sent(insignia: Insignia, token: str) -> None:
    request_id = str(uuid.uuid4())
    with pytest.raises(http.client.IncompleteRead) as caught:
        get_badge(insignia, token, {"X-Request-Id": request_id, "X-Insignia-Fault": "truncate"})
    (line,) = insignia.answers(request_id)
    assert (line["status"], line["bytes"]) == (200, len(caught.value.partial))
