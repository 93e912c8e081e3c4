"""Reports of any length: in pages, and whole as CSV and Parquet, in an order that new calls don't change.

PORTAZGO_TEST_SEED repeats a run; PORTAZGO_TEST_WALKS makes it longer (soak).
"""

from __future__ import annotations

import csv
import io
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from pyarrow import parquet
from support.admin import AdminAPI
from support.clock import FakeClock
from support.named_records import collect_named
from support.rollups import collect_calls, some_calls
from support.usage_ledger import fill_month
from support.world import World, pointers, refusal

from portazgo.kit.errors import Invalid, Unavailable
from portazgo.usage import parquet as writing
from portazgo.usage.collector import LEDGER
from portazgo.usage.folding import Folding
from portazgo.usage.models import FreshRollup
from portazgo.usage.paging import page
from portazgo.usage.periods import minute_of
from portazgo.usage.questions import GROUPS, Question, Row
from portazgo.usage.report import report
from portazgo.usage.rollups import SUMS
from portazgo.usage.schemas import UsageQuery
from portazgo.usage.walking import Place, walk

pytestmark = pytest.mark.usefixtures("database")

SEED = int(os.environ.get("PORTAZGO_TEST_SEED", random.SystemRandom().randrange(2**32)))
WALKS = int(os.environ.get("PORTAZGO_TEST_WALKS", "15"))
MONTH: dict[str, Any] = {"month": "2026-11", "interval": "day"}
GROUPED = [[], *[list(some) for size in (1, 2, 3) for some in combinations(GROUPS, size)]]


@pytest.fixture
def chance() -> random.Random:
    print(f"PORTAZGO_TEST_SEED={SEED}")  # noqa: T201 - to repeat a run that failed
    return random.Random(SEED)  # noqa: S311 - no secret


@pytest.fixture
def called(chance: random.Random, clock: FakeClock, world: World) -> random.Random:
    """Some calls of November, half of them folded; two of the applications exist, so that they have environments."""
    clock.wall = datetime(2026, 12, 3, tzinfo=UTC)
    november = minute_of(datetime(2026, 11, 1, tzinfo=UTC))
    first, second = world.application(name="one")["id"], world.application(name="two")["id"]
    calls = some_calls(chance, november, november + 30 * 1_440, 120)
    for call in calls:
        known = {"p1-a1": first, "p2-a1": second}
        call.row["application"] = known.get(call.row["application"], call.row["application"])
    collect_calls(calls[:60])
    folding = Folding(clock)
    while folding.batch():
        pass
    collect_calls(calls[60:])
    return chance


def asked(**query: Any) -> Question:
    from portazgo.usage.service import question

    return question(UsageQuery(**query), "UTC", datetime(2026, 12, 3, tzinfo=UTC))


def in_any_order(rows: Iterable[Row]) -> Counter[Row]:
    return Counter(Row(row.period, row.values, tuple(row.sums)) for row in rows)


def test_a_walk_gives_what_the_report_says_and_goes_on_from_any_row(called: random.Random) -> None:
    for _ in range(WALKS):
        groups = called.choice(GROUPED)
        further = called.choice([{}, {}, {"environment": "live"}, {"environment": ""}, {"blame": "backend"}])
        question = asked(**MONTH, group_by=groups, **further)
        whole = list(walk(question, at_once=called.choice([3, 7, 40, 10_000])))
        assert in_any_order(whole) == in_any_order(report(question).rows), (groups, further)
        assert [row.period for row in whole] == sorted(row.period for row in whole)
        if whole:
            number = called.randrange(len(whole))
            after = Place(whole[number].period, whole[number].values)
            rest = list(walk(question, after, at_once=called.choice([3, 50])))
            assert rest == whole[number + 1 :], (groups, further, number)


@pytest.mark.parametrize("sort", ["requests", "group", None])
def test_pages_are_the_report_in_pieces(api: AdminAPI, called: random.Random, sort: str | None) -> None:
    for groups in ([], ["partner", "billable"], ["environment", "blame"], ["kid", "route", "fault"]):
        query = {**MONTH, "group_by": groups}
        whole = api.get("/usage", query).body
        assert whole["next_cursor"] is None
        paged = {**query, "limit": called.choice([5, 20, 50])} | ({"sort": sort} if sort else {})
        pieces = api.every("/usage", paged)
        if sort == "group":
            assert sorted(pieces, key=repr) == sorted(whole["items"], key=repr)
        else:
            assert pieces == whole["items"]


def test_new_calls_move_no_row_of_pages_by_group(api: AdminAPI, called: random.Random) -> None:
    query = {**MONTH, "group_by": ["partner", "fault"], "sort": "group", "limit": 5}
    before = api.every("/usage", query)
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        got = api.get("/usage", query | ({"cursor": cursor} if cursor else {})).body
        found += got["items"]
        if (cursor := got["next_cursor"]) is None:
            break
        row = FreshRollup.objects.using(LEDGER).order_by("?").first()
        assert row is not None
        row.requests += 1_000
        row.save(using=LEDGER)
    names = [(row["period"], row["partner"], row["fault"]) for row in found]
    assert names == [(row["period"], row["partner"], row["fault"]) for row in before]


@pytest.mark.parametrize("other", [{"group_by": ["route"]}, {"sort": "group"}, {"partner": "p1"}, {"month": "2026-10"}])
def test_a_cursor_of_another_question_is_refused(api: AdminAPI, called: random.Random, other: dict[str, Any]) -> None:
    query = {**MONTH, "group_by": ["partner"], "limit": 3}
    cursor = api.get("/usage", query).body["next_cursor"]
    assert api.get("/usage", {**query, "cursor": cursor}).status == 200
    assert refusal(api.get("/usage", {**query, **other, "cursor": cursor})) == (422, "cursor_invalid")


def test_what_is_too_long_for_one_answer_comes_in_pages_and_files(api: AdminAPI) -> None:
    fill_month(300)
    query: dict[str, Any] = {"month": "2026-10", "interval": "day", "group_by": ["partner", "route"]}
    refused = api.get("/usage", query)
    assert refusal(refused) == (422, "usage_too_many_rows")
    assert "format=csv" in refused.body["remedy"]
    first = api.get("/usage", {**query, "sort": "group", "limit": 1_000}).body
    assert (len(first["items"]), first["next_cursor"] is None) == (1_000, False)
    question = asked(**query)
    count = 31 * 300 * 3
    assert sum(1 for _ in walk(question)) == count
    total = asked(month="2026-10")
    assert sum(row.sums[0] for row in walk(question)) == report(total).rows[0].sums[0]
    last = Place(30, first_values := tuple(first["items"][0][name] for name in query["group_by"]))
    assert next(walk(question, last)).values > first_values


def file_of(api: AdminAPI, kind: str, query: dict[str, Any], headers: dict[str, str]) -> bytes:
    answer = api._client.get(
        "/api/v1/usage", headers={**headers, "Authorization": f"Bearer {api._token}"}, query_params=query
    )
    assert answer.status_code == 200, answer.content
    assert answer.headers["Content-Type"].startswith({"csv": "text/csv"}.get(kind, "application/vnd.apache.parquet"))
    assert f'filename="usage.{kind}"' in answer.headers["Content-Disposition"]
    content = answer.getvalue()
    answer.close()
    return content


def test_parquet_says_what_json_says_with_exact_types(api: AdminAPI, tmp_path: Path) -> None:
    collect_named()
    since = (datetime.now(UTC) - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:00Z")
    until = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:00Z")
    query = {"group_by": ["partner", "fault", "billable"], "interval": "hour", "since": since, "until": until}
    for how, headers in (({"format": "parquet"}, {}), ({}, {"Accept": "application/vnd.apache.parquet"})):
        file = tmp_path / "usage.parquet"
        file.write_bytes(file_of(api, "parquet", {**query, **how}, headers))
        table = parquet.read_table(file)
        told = api.get("/usage", {**query, "sort": "group"}).body["items"]
        assert table.num_rows == len(told) > 1
        for row, same in zip(table.to_pylist(), told, strict=True):
            for name in ("since", "until"):
                assert row.pop(name) == datetime.fromisoformat(same[name])
            assert row == {name: same[name] for name in row}
        kinds = {field.name: field.type for field in table.schema}
        assert {kinds[name] for name in SUMS} == {pa.int64()}
        assert (kinds["billable"], kinds["partner_name"]) == (pa.bool_(), pa.string())
        assert kinds["since"] == pa.timestamp("us", tz="UTC")
        (read,) = duckdb.connect().execute(f"SELECT sum(requests)::BIGINT AS n FROM read_parquet('{file}')").fetchall()  # noqa: S608
        assert read == (sum(row["requests"] for row in told),)


def test_parquet_keeps_numbers_that_a_float_would_not(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"kid": None, "requests": 2**53 + 1},
        {"kid": "=a", "requests": -(2**62) - 1},
    ] * 40_000
    with writing.parquet_file(["kid", "requests"], rows, tmp_path) as file:
        assert parquet.read_table(file).to_pylist() == rows
    assert list(tmp_path.iterdir()) == []


def test_a_report_of_nothing_is_a_file_with_columns(api: AdminAPI) -> None:
    table = parquet.read_table(io.BytesIO(file_of(api, "parquet", {"format": "parquet", "group_by": ["kid"]}, {})))
    assert (table.num_rows, table.column_names) == (0, ["kid", *SUMS])
    text = file_of(api, "csv", {"format": "csv", "group_by": ["kid"]}, {}).decode()
    assert list(csv.reader(text.splitlines())) == [["kid", *SUMS]]


def test_a_child_that_fails_is_an_answer_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writing, "PROGRAM", "portazgo.usage.there_is_no_such_program")
    with pytest.raises(Unavailable) as failed:
        writing.parquet_file(["requests"], [{"requests": 1}] * 200_000, tmp_path)
    assert failed.value.code == "usage_file_failed"
    assert "there_is_no_such_program" in str(caplog.records[-1].told)  # type: ignore[attr-defined]
    monkeypatch.undo()
    monkeypatch.setattr(writing, "MOST_ROWS", 5)
    with pytest.raises(Invalid) as refused:
        writing.parquet_file(["requests"], [{"requests": 1}] * 6, tmp_path)
    assert refused.value.code == "usage_too_many_rows"
    monkeypatch.undo()
    monkeypatch.setattr(writing, "LONGEST_SECONDS", 0.01)
    with pytest.raises(Unavailable):
        writing.parquet_file(["requests"], [{"requests": 1}], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_writer_has_its_limits_and_no_secrets(tmp_path: Path) -> None:
    # A line of more than it may have of memory.
    program = [sys.executable, "-m", "portazgo.usage.parquet_writer"]
    with (tmp_path / "file").open("wb") as file:
        child = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=file, stderr=subprocess.PIPE, env={})
        assert child.stdin is not None
        child.stdin.write(b'[["requests", "int64"]]\n')
        child.stdin.flush()
        environment = Path(f"/proc/{child.pid}/environ").read_bytes()
        limits = Path(f"/proc/{child.pid}/limits")
        while "2147483648" not in limits.read_text():
            assert child.poll() is None
        assert b"PORTAZGO" not in environment
        child.communicate(b"not a line of rows\n", timeout=60)
        assert child.returncode != 0


def test_files_do_not_come_in_pages(api: AdminAPI) -> None:
    for kind in ("csv", "parquet"):
        assert pointers(api.get("/usage", {"format": kind, "limit": 3})) == {"/format"}
    for query in ({"limit": 0}, {"limit": 1_001}, {"sort": "name"}, {"cursor": "x"}):
        assert api.get("/usage", query).status == 422


def test_a_page_by_group_reads_a_page_and_not_the_report(called: random.Random) -> None:
    query = UsageQuery(**MONTH, group_by=["partner"], sort="group", limit=2)
    from django.db import connections

    read: list[int] = []

    def count(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if "ORDER BY period" in sql:
            read.append(int(sql.rpartition("LIMIT ")[2]))
        return execute(sql, parameters, many, context)

    with connections[LEDGER].execute_wrapper(count):
        assert len(page(asked(**MONTH, group_by=["partner"]), query).rows) == 2
    assert set(read) == {3}
