"""The edge of the admin API: whatever arrives, the answer is a problem document that tells no more than it must."""

from __future__ import annotations

import json
import logging
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.http import HttpResponse, HttpResponseBase
from django.test import Client
from support.admin import AdminAPI
from support.control import ControlProcess
from support.world import World, refusal

from portazgo.control import last_known, wellknown
from portazgo.control.middleware import LARGEST_BODY_BYTES
from portazgo.control.models import IdempotentRequest
from portazgo.keys.models import Pepper
from portazgo.partners.models import Partner
from portazgo.snapshot.models import ResourceRow

pytestmark = pytest.mark.usefixtures("database")

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
# What would tell of the inside.
TELLTALES = (
    "Traceback",
    'File "',
    "django",
    "Django",
    "portazgo/",
    "sqlite",
    "psycopg",
    "waitress",
    "<html",
    "<!DOCTYPE",
)


def send(method: str, path: str, body: bytes = b"", /, **headers: Any) -> HttpResponseBase:
    """Send a request that AdminAPI would not."""
    kind = headers.pop("content_type", "application/json")
    answer: HttpResponseBase = Client(raise_request_exception=False).generic(
        method, path, body, content_type=kind, headers=headers
    )
    return answer


def problem(answer: Any) -> tuple[int, str]:
    """Give status and code, once the answer has been seen to be a problem document that tells nothing of the inside."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    text = answer.content.decode()
    assert not [telltale for telltale in TELLTALES if telltale in text], text
    document = json.loads(text)
    assert document["status"] == answer.status_code
    assert document["instance"] == answer.headers["X-Request-Id"]
    assert document["title"]
    return answer.status_code, document["code"]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nothing",
        "/api",
        "/api/v1",
        "/api/v1/nothing",
        "/api/v1/partners/",
        "/api/v1/partners/not-an-id",
        "/api/v1/../partners",
        "/api/v1/partners%00",
        "/api/v1/%ff%fe",
        "/admin/",
        "/static/x.js",
        "/api/v1/docs",
        "/internal/v1/snapshot",
    ],
)
def test_what_is_not_there_is_told_in_a_problem_document(path: str) -> None:
    assert problem(send("GET", path)) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/v1/partners", {"GET", "POST"}),
        ("OPTIONS", "/api/v1/partners", {"GET", "POST"}),
        ("TRACE", "/api/v1/partners", {"GET", "POST"}),
        ("POST", "/health", {"GET", "HEAD"}),
        ("DELETE", "/.well-known/jwks.json", {"GET", "HEAD"}),
    ],
)
def test_a_method_that_a_path_does_not_take_is_told_with_those_that_it_does(
    method: str, path: str, allowed: set[str]
) -> None:
    answer = send(method, path)
    assert problem(answer) == (405, "method_not_allowed")
    assert {name.strip() for name in answer.headers["Allow"].split(",")} == allowed


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", ""],
)
def test_a_body_that_does_not_say_it_is_json_is_not_read(admin_token: str, content_type: str) -> None:
    body = b'{"name": "acme"}'
    headers = {"Authorization": f"Bearer {admin_token}"}
    answer = send("POST", "/api/v1/partners", body, content_type=content_type, **headers)
    assert problem(answer) == (415, "body_type_unsupported")
    assert answer.headers["Accept"] == "application/json"
    assert not Partner.objects.exists()


def test_json_with_a_charset_is_json(admin_token: str) -> None:
    headers = {"Authorization": f"Bearer {admin_token}"}
    kind = "application/json; charset=utf-8"
    answer = send("POST", "/api/v1/partners", b'{"name": "acme"}', content_type=kind, **headers)
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff\xfe",
        b'{"name": "a", "name": "b"}',
        b'{"name": "acme", "metadata": {"n": NaN}}',
        b'{"name": "acme", "metadata": {"n": -Infinity}}',
        b'{"name":' * 50_000,
        b"[" * 50_000,
        b'{"name": ' + b"9" * 10_000 + b"}",
    ],
)
def test_a_body_that_cannot_be_read_is_told_so(api: AdminAPI, body: bytes) -> None:
    assert refusal(api.post("/partners", body)) == (400, "bad_request")


def test_a_repetition_behind_very_many_members_is_found_in_one_pass(api_with: Callable[..., AdminAPI]) -> None:
    body = b"{" + b",".join(b'"m%d": 1' % number for number in range(30_000)) + b', "m29999": 1}'
    # A token without any right to what it asks for: its body is read all the same.
    poor = api_with("usage:read")
    started = time.process_time()
    answer = poor.post("/partners", body)
    assert refusal(answer) == (400, "bad_request")
    assert "'m29999' stands twice" in answer.body["detail"]
    # Comparing each with each takes ten seconds and more.
    assert time.process_time() - started < 3.0


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "\\ud800"}',
        b'{"\\ud800": 1}',
        b'{"name": "acme", "metadata": {"\\ud800": 1}}',
        b'"text"',
        b"null",
        b"5",
    ],
)
def test_a_body_that_is_json_and_nothing_else_is_told_so(api: AdminAPI, body: bytes) -> None:
    assert refusal(api.post("/partners", body)) == (422, "invalid")


def test_a_body_that_is_too_large_is_not_read() -> None:
    answer = send("POST", "/api/v1/partners", b" " * (LARGEST_BODY_BYTES + 1))
    assert problem(answer) == (413, "body_too_large")


def test_what_fails_inside_of_an_operation_is_told_by_its_id_only(
    api: AdminAPI, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    application = world.application()
    world.key(application)
    # As a database looks whose master key was lost.
    Pepper.objects.update(wrapped="local:broken")
    answer = send("POST", f"/api/v1/applications/{application['id']}/keys", b"{}", **_as(api))
    assert problem(answer) == (500, "internal_error")
    assert "broken" not in answer.content.decode()  # type: ignore[attr-defined]
    assert any(answer.headers["X-Request-Id"] == getattr(entry, "request_id", None) for entry in caplog.records)


def test_what_fails_outside_of_every_operation_is_told_by_its_id_only(api: AdminAPI) -> None:
    assert api.post("/partners", {"name": "acme"}, Idempotency_Key="one").status == 201
    IdempotentRequest.objects.update(answer="local:broken")
    answer = send("POST", "/api/v1/partners", b'{"name": "acme"}', **_as(api), **{"Idempotency-Key": "one"})
    assert problem(answer) == (500, "internal_server_error")


def test_a_secret_in_a_path_is_in_no_log_line_and_no_answer(
    api: AdminAPI, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    made = world.key(world.application())
    key = made["api_key"]
    for path, status in ((f"/api/v1/keys/{key}?key={key}", 422), (f"/{key}", 404)):
        answer = send("GET", path, **_as(api))
        assert answer.status_code == status
        assert key not in answer.content.decode()  # type: ignore[attr-defined]
    assert api.get(f"/keys/{made['kid']}").status == 200
    told = [entry.getMessage() for entry in caplog.records if entry.name == "portazgo.control.middleware"]
    assert told[-3:] == ["GET /api/v1/keys/…", "GET …", f"GET /api/v1/keys/{made['kid']}"]


@pytest.mark.parametrize("path", ["/api/v1/partners", "/api/v1/openapi.json", "/health", "/nothing"])
def test_every_answer_keeps_browsers_at_a_distance(api: AdminAPI, path: str) -> None:
    answer = send("GET", path, **_as(api), Origin="https://evil.example")
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    assert "Set-Cookie" not in answer.headers
    assert "Server" not in answer.headers


def test_key_sets_may_be_cached_and_nothing_else(world: World) -> None:
    world.issuer()
    for path in ("/.well-known/jwks.json", "/.well-known/openid-configuration"):
        assert send("GET", path).headers["Cache-Control"] == "public, max-age=300"


@pytest.mark.parametrize("path", ["/.well-known/jwks.json", "/.well-known/openid-configuration"])
def test_what_backends_verify_with_is_served_while_the_database_is_away(
    path: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.issuer()
    before = send("GET", path)
    _take_database_away(monkeypatch)

    answer = send("GET", path)

    assert isinstance(answer, HttpResponse)
    assert isinstance(before, HttpResponse)
    assert (answer.status_code, answer.content) == (200, before.content)
    assert answer.headers["ETag"] == before.headers["ETag"]
    # But not what was read long ago.
    monkeypatch.setattr(last_known, "KEPT_FOR", timedelta(0))
    assert problem(send("GET", path)) == (503, "database_unavailable")


@pytest.mark.parametrize("path", ["/.well-known/jwks.json", "/.well-known/openid-configuration"])
def test_a_database_that_is_away_is_no_error_of_ours(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wellknown, "_last_known", last_known.LastKnown())
    _take_database_away(monkeypatch)
    answer = send("GET", path)
    assert problem(answer) == (503, "database_unavailable")
    assert answer.headers["Retry-After"] == "1"


def _take_database_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(ResourceRow.objects, "filter", refuses)


def test_no_browser_is_told_that_it_may(api: AdminAPI) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = send("OPTIONS", "/api/v1/partners", **asked)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic YTpi", "bearer  x", f"Bearer {'x' * 60_000}", "Bearer ñ", "Token x"]
)
def test_what_is_no_token_is_nobody(header: str) -> None:
    answer = send("GET", "/api/v1/partners", Authorization=header)
    status, code = problem(answer)
    assert (status, code in {"token_missing", "token_invalid"}) == (401, True)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_an_id_of_the_callers_own_is_not_taken_over() -> None:
    answer = send("GET", "/api/v1/partners", **{"X-Request-Id": "mine"})
    assert answer.headers["X-Request-Id"] != "mine"


@pytest.mark.parametrize("host", ["evil.example/path", "a b", "[", "evil.example:port"])
def test_a_host_that_is_none_is_refused_where_it_would_be_used(world: World, host: str) -> None:
    world.issuer()
    assert problem(send("GET", "/.well-known/openid-configuration", Host=host))[0] == 400


def test_a_host_that_is_not_ours_gets_into_no_answer(world: World) -> None:
    issuer = world.issuer()
    answer: Any = send("GET", "/.well-known/openid-configuration", Host="evil.example")
    assert json.loads(answer.content)["issuer"] == issuer["url"]
    assert b"evil" not in answer.content


_WRITE = b"POST /api/v1/partners HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
RAW: dict[str, tuple[bytes, int]] = {
    # Between the two the encoding counts (RFC 9112, section 6.3), so that nothing is left over for a second request.
    "a length beside an encoding": (
        b"POST /api/v1/partners HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        401,
    ),
    "an encoding that nobody knows": (
        b"POST /api/v1/partners HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        501,
    ),
    "two lengths": (b"POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    "no length at all": (b"POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n", 400),
    "a negative length": (b"POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
    "a head without end": (b"GET /health HTTP/1.1\r\nX: " + b"x" * 300_000 + b"\r\n\r\n", 431),
    "a body beyond all measure": (
        b"POST /api/v1/partners HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
        413,
    ),
    "a body a little too large": (_WRITE + b"Content-Length: 16777217\r\n\r\n" + b" " * 16_777_217, 413),
    "a chunked body": (_WRITE + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 401),
}


def test_the_wire_is_kept_clean(control: ControlProcess) -> None:
    """What waitress answers by itself, and what comes through it: the right status, nothing of the inside, never a hang."""
    found = {what: _raw(control, sent) for what, (sent, _) in RAW.items()}
    assert {what: status for what, (status, _) in found.items()} == {what: status for what, (_, status) in RAW.items()}
    for what, (_, text) in found.items():
        assert "Traceback" not in text, what
        assert "\r\nServer:" not in text, what
    for what in ("a body a little too large", "a chunked body"):
        assert "application/problem+json" in found[what][1]
    assert [entry for entry in control.log if "Traceback" in str(entry)] == []


def _as(api: AdminAPI) -> dict[str, str]:
    return {"Authorization": f"Bearer {api._token}"}


def _raw(control: ControlProcess, sent: bytes) -> tuple[int, str]:
    port = int(control.control_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        with suppress(OSError):  # it need not take all of what it refuses
            connection.sendall(sent)
        received = connection.recv(65_536).decode("latin-1")
    return int(received.split(" ", 2)[1]), received
