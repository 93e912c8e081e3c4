"""Whatever a backend answers under a contract, the partner gets what is shown, a problem, or an answer that is cut off.

Never the backend's own bytes. Each condition comes before anything was sent and, where it can, after the first bytes went out.
What the partner gets in each case is written to docs/what-partners-receive.md, which a test compares with what happened here:
PORTAZGO_TEST_WRITE=1 writes it anew.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from support import served_contracts as contracts
from support.answer_cases import CASES, LONG_SHOWN, SHOWN, Case
from support.bare_gateway import BareGateway
from support.hostile_backend import HostileBackend, Script
from support.received_page import AFTER, BEFORE, PAGE, lines, page, said
from support.served_contracts import HEAD, HOLD, NEEDLE, SHOW, Got, ask

GZIP = "Accept-Encoding: gzip"


class Stage:
    """A node before a hostile backend; the records are compared when it has ended, the page when all cases were played."""

    def __init__(self, folder: Path) -> None:
        self.backend = HostileBackend()
        self.folder = folder
        self.rows: dict[str, dict[str, str]] = {}
        self.records: dict[str, tuple[str, int, str | None, str, bool]] = {}

    def __enter__(self) -> Self:
        self.backend.__enter__()
        inside = f"http://127.0.0.1:{self.backend.port}"
        views = {SHOW: contracts.shown(inside, compress=True), HEAD: contracts.shown(inside, compress=True)}
        resources = [
            contracts.version(views),
            contracts.route(SHOW, "GET", "/v1/items/{id}", "/api/items/{id}"),
            contracts.route(HEAD, "HEAD", "/v1/items/{id}", "/api/items/{id}"),
        ]
        self.node: BareGateway = contracts.node(self.folder, self.backend.port, resources).__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.node.__exit__()
        self.backend.__exit__()

    def play(self, name: str, script: Script, case: Case, *more: str, version: str = "1.1") -> Got:
        """Ask once; `more`: further lines of the request's head."""
        self.backend.scripts[name] = script
        got = ask(self.node.port, f"/v1/items/{name}", *case.lines, *more, method=case.method, version=version)
        assert got.header("content-encoding") in ({None, "gzip"} if GZIP in more else {None})
        self.hides(got)
        return got

    def hides(self, got: Got) -> None:
        """Nothing of the backend's own is in it."""
        seen = repr(got.headers) + got.body.decode("utf-8", "replace")
        for inside in (NEEDLE, f"127.0.0.1:{self.backend.port}", "inside", "ssn"):
            assert inside not in seen, (inside, seen[:500])
        names = {name for name, _ in got.headers}
        assert not names & {
            "server",
            "x-debug",
            "set-cookie",
            "content-range",
            "accept-ranges",
            "trailer",
        }

    def expect(self, got: Got, name: str, fault: str | None, delivery: str) -> None:
        """Note what the record must say."""
        self.records[got.request_id] = (name, got.status, fault, delivery, fault is None)

    def used_again(self, name: str) -> bool:
        """Whether the connection that carried this script carried anything after it."""
        place = next(index for index, (_, known) in enumerate(self.backend.carried) if known == name)
        connection = self.backend.carried[place][0]
        return any(other == connection for other, _ in self.backend.carried[place + 1 :])


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One node for all cases."""
    with Stage(tmp_path_factory.mktemp("contract")) as running:
        yield running
        wanted = running.records
        found = running.node.wait_for_records(len(wanted), lambda one: one["request_id"] in wanted)
    told = {one["request_id"]: one for one in found}
    for request_id, (name, status, fault, delivery, billable) in wanted.items():
        record = told[request_id]
        got = (record["status_sent"], record["fault"], record["delivery"], record["billable"])
        assert got == (status, fault, delivery, billable), (name, record)


@pytest.mark.parametrize("name", CASES)
def test_before_the_head_is_sent_an_answer_becomes_what_is_shown_or_a_problem(stage: Stage, name: str) -> None:
    case = CASES[name]
    got = stage.play(name, case.before, case)
    assert (got.status, got.code if case.method != "HEAD" else None, got.whole) == (*case.gets, True), got
    if case.shows is not None:
        assert got.body == case.shows
    stage.expect(got, name, case.fault, "complete")
    after = stage.play("good", CASES["good"].before, CASES["good"])
    assert after.body == SHOWN
    assert stage.used_again(name) == case.sound
    stage.rows.setdefault(name, {})[BEFORE] = said(got)


def read_gzip(got: Got) -> tuple[bytes, bool]:
    """What a client reads of the body, and whether it ended as it said."""
    if got.header("content-encoding") is None:
        return got.body, got.whole
    reader = zlib.decompressobj(16 + zlib.MAX_WBITS)
    return reader.decompress(got.body), reader.eof and got.whole


@pytest.mark.parametrize("name", CASES)
def test_a_partner_that_accepts_gzip_gets_the_same(stage: Stage, name: str) -> None:
    case = CASES[name]
    got = stage.play(f"{name}-gzip", case.before, case, GZIP)
    assert (got.status, got.code if case.method != "HEAD" else None, got.whole) == (*case.gets, True), got
    if case.shows is not None:
        assert read_gzip(got) == (case.shows, True)
    stage.expect(got, name, case.fault, "complete")
    if case.after is None:
        return
    got = stage.play(f"{name}-after-gzip", case.after, case, GZIP)
    assert (got.status, got.header("content-encoding")) == (200, "gzip")
    if case.after_fault is None:
        assert read_gzip(got) == (case.after_shows, True)
    else:
        read, is_whole = read_gzip(got)
        assert not is_whole
        assert LONG_SHOWN.startswith(read[: len(LONG_SHOWN)])
        assert len(read) <= len(LONG_SHOWN) + len(b',{"id":1,"title":')
    stage.expect(got, name, case.after_fault, "complete" if case.after_fault is None else "aborted")


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.after is not None])
def test_after_the_head_was_sent_an_answer_goes_on_or_is_cut_off(stage: Stage, name: str) -> None:
    case = CASES[name]
    assert case.after is not None
    got = stage.play(f"{name}-after", case.after, case)
    assert got.status == 200
    if case.after_fault is None:
        assert (got.body, got.whole) == (case.after_shows, True)
        row = said(got)
    else:
        # What was shown before stays shown; not one byte of what does not fit.
        assert not got.whole
        assert len(got.body) >= HOLD
        assert LONG_SHOWN.startswith(got.body[: len(LONG_SHOWN)])
        assert len(got.body) <= len(LONG_SHOWN) + len(b',{"id":1,"title":')
        row = f"{got.status}, cut off"
    stage.expect(got, name, case.after_fault, "complete" if case.after_fault is None else "aborted")
    stage.play("good", CASES["good"].before, CASES["good"])
    assert stage.used_again(f"{name}-after") == (case.after_fault is None)
    stage.rows.setdefault(name, {})[AFTER] = row


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.after is not None])
def test_a_client_of_http_1_0_gets_a_whole_answer_or_a_problem(stage: Stage, name: str) -> None:
    """It could not tell an answer that was cut off from one that is whole."""
    case = CASES[name]
    assert case.after is not None
    got = stage.play(f"{name}-old", case.after, case, version="1.0")
    if case.after_fault is None:
        assert (got.status, got.body, got.whole) == (200, case.after_shows, True)
    else:
        assert (got.status, got.code, got.whole) == (502, "backend_failed", True)
    stage.expect(got, name, case.after_fault, "complete")


def test_the_page_says_what_happened(stage: Stage) -> None:
    if os.environ.get("PORTAZGO_TEST_WRITE"):
        PAGE.write_text(page(stage.rows), encoding="utf-8")
    stale = "docs/what-partners-receive.md is stale: run this file with PORTAZGO_TEST_WRITE=1"
    told = PAGE.read_text("utf-8")
    # Where only some cases were played, those rows can be compared.
    assert [line for line in lines(stage.rows) if line not in told.splitlines()] == [], stale
    assert set(stage.rows) != set(CASES) or told == page(stage.rows), stale
