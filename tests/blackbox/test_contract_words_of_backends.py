"""Where a backend could say where it is, or what it is made of, beside the body: heads of answers, and errors that are told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support import served_contracts as contracts
from support.answer_cases import whole
from support.bare_gateway import BareGateway
from support.hostile_backend import HostileBackend, bytes_then
from support.served_contracts import CREATE, HEAD, SHOW, UPLOAD, Got, ask

THING = b'{"id": 1, "name": "one"}'
JSON = "Content-Type: application/json"
CREATED = "items?page_size=20&tenant=northwind"


@dataclass(frozen=True, slots=True)
class Stage:
    """A node before a backend that says what it is told to."""

    backend: HostileBackend
    node: BareGateway

    @property
    def inside(self) -> str:
        """Where the backend is."""
        return f"127.0.0.1:{self.backend.port}"

    def shows(self, *lines: str, status: str = "200 OK", kind: str = "application/json", body: bytes = THING) -> Got:
        """What a partner gets of an answer with these lines."""
        self.backend.scripts["7"] = whole(body, *lines, status=status, kind=kind)
        return ask(self.node.port, "/v1/items/7")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("words")
    with HostileBackend() as backend:
        url = f"http://127.0.0.1:{backend.port}"
        created = contracts.created(url)
        note = created["request"]["program"]["nodes"][0]["object"]["members"][2]
        note |= {"out": "hidden_note", "wrap": ["inner"]}
        created["request"]["untold"] = ["risk_score"]
        problem = {"kind": "problem", "detail": None, "errors": "drf"}
        created["answers"].append({"status": "400", "send": None, "body": problem, "headers": [], "content_types": []})
        shown = contracts.shown(url)
        views = {SHOW: shown, HEAD: shown, CREATE: created, UPLOAD: contracts.uploaded(url)}
        resources = [
            contracts.version(views),
            contracts.route(SHOW, "GET", "/v1/items/{id}", "/api/items/{id}"),
            contracts.route(HEAD, "HEAD", "/v1/items/{id}", "/api/items/{id}", backend_method="GET"),
            contracts.route(CREATE, "POST", "/v1/items", "/api/items"),
            contracts.route(UPLOAD, "POST", "/v1/files", "/api/files"),
        ]
        with contracts.node(folder, backend.port, resources) as node:
            yield Stage(backend, node)


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "500 Failed"])
def test_headers_that_pass_unasked_say_when_and_nothing_else(stage: Stage, status: str) -> None:
    url = f"http://{stage.inside}/"
    lines = (
        f'Cache-Control: max-age=5, private="X-Inside", upstream="{url}"',
        f"Expires: {url}",
        f"Retry-After: {stage.inside}",
        f"Content-Language: {url}",
        f'Link: </api/items/8>; rel="host-{stage.inside.partition(":")[0]}"',
    )
    got = stage.shows(*lines, status=status)
    assert stage.inside.partition(":")[0] not in str(got.headers)
    assert "X-Inside" not in str(got.headers)
    if status == "200 OK":
        assert got.header("cache-control") == "max-age=5, private"
    when = "Sun, 06 Nov 1994 08:49:37 GMT"
    got = stage.shows(
        "Cache-Control: no-cache, max-age=60", f"Expires: {when}", "Retry-After: 120", "Content-Language: es-MX, en"
    )
    assert [got.header(name) for name in ("cache-control", "expires", "retry-after", "content-language")] == [
        "no-cache, max-age=60",
        when,
        "120",
        "es-MX, en",
    ]


def test_how_long_an_answer_is_that_is_not_shown_whole_is_not_told(stage: Stage) -> None:
    """A HEAD of the partner's may be a GET for the backend: its length is that of what is hidden, too."""
    for kind, body, status, told in (
        ("application/json", b'{"id": 1, "ssn": "' + b"s" * 3000 + b'"}', "200 OK", None),
        ("image/png", b"x" * 70, "203 Other", "70"),
    ):
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        stage.backend.scripts["7"] = bytes_then(head.encode() + body)
        got = ask(stage.node.port, "/v1/items/7", method="HEAD")
        assert (got.status, got.header("content-length"), got.body) == (int(status[:3]), told, b"")


LISTS = ["image/png, text/html", "image/png;a=, text/html", "image/png;a=b, text/html", "image/png text/html", "image/"]


@pytest.mark.parametrize("kind", LISTS)
def test_a_list_of_types_is_none_that_a_contract_has(stage: Stage, kind: str) -> None:
    """Browsers take the last of them: a page of the backend's in the partner's name."""
    got = stage.shows(status="203 Other", kind=kind, body=b"<script>")
    assert (got.status, got.code) == (502, "backend_failed")
    good = stage.shows(status="203 Other", kind="image/png; charset=utf-8; name=orders-of-inside", body=b"x")
    assert (good.status, good.header("content-type")) == (203, "image/png; charset=utf-8")
    stage.backend.scripts["files"] = whole(THING)
    got = ask(stage.node.port, "/v1/files", f"Content-Type: {kind}", method="POST", body=b"x")
    assert (got.status, got.code) == (415, "body_type_unsupported")
    assert ask(stage.node.port, "/v1/files", "Content-Type: image/png", method="POST", body=b"x").status == 200


def test_names_that_are_hidden_are_in_no_message(stage: Stage) -> None:
    errors = {
        "name": ["Needs hidden_note.", "Hidden note already exists.", "Is short.", "Above its risk_score."],
        "inner": {"hidden_note": ["Is long."]},
    }
    stage.backend.scripts[CREATED] = whole(json.dumps(errors).encode(), status="400 Bad Request")
    got = ask(stage.node.port, "/v1/items", JSON, method="POST", body=b'{"title": "a"}')
    assert [(one["pointer"], one["detail"]) for one in got.document["errors"]] == [
        ("/title", "Was refused."),
        ("/title", "Was refused."),
        ("/title", "Is short."),
        ("/title", "Was refused."),
        ("/note", "Is long."),
    ]


def test_no_message_says_where_something_is(stage: Stage) -> None:
    """Validators that ask another service, or a file, say so: no word of it is the partner's affair."""
    places = [
        "Could not reach 10.0.0.5.", f"Refused by {stage.inside}.", "Host db-7.internal:5432 said no.", "[fd00::7]:80 is away.",
        "See /srv/app/orders/models.py.", "Asked localhost:8000", "\\\\files\\share is full.", "No answer of db-7.internal",
    ]  # fmt: skip
    told = [
        "Must be at least 3.5 or 10%.",
        "Not after 12:30.",
        "Use letters/digits only.",
        "E.g. 2024-01-31T10:00:00Z.",
    ]
    stage.backend.scripts[CREATED] = whole(json.dumps({"name": places + told}).encode(), status="400 Bad Request")
    got = ask(stage.node.port, "/v1/items", JSON, method="POST", body=b'{"title": "a"}')
    assert [one["detail"] for one in got.document["errors"]] == ["Was refused."] * len(places) + told


@pytest.mark.parametrize("value", ['"http://127.0.0.1:8000/"', "10.0.0.5", '"srv 7"', "db.internal"])
def test_a_parameter_of_a_type_says_how_a_body_is_read_and_nothing_else(stage: Stage, value: str) -> None:
    got = stage.shows(status="203 Other", kind=f"image/png; charset={value}", body=b"x")
    assert (got.status, got.header("content-type")) == (203, "image/png")
