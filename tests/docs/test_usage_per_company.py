"""docs/usage-per-company.md, command by command, on the demo."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pyarrow import parquet
from support.documents import PROJECT, fenced_lines
from support.ports import free_port
from support.reader import Reader

PAGE = PROJECT / "docs" / "usage-per-company.md"
CALLS = 3
BOGOTA = ZoneInfo("America/Bogota")


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with Reader.at(tmp_path) as reader:
        reader.environment["PORTAZGO_BACKEND_PORT"] = str(free_port())
        yield reader


def test_the_commands_of_the_page_tell_what_was_called(reader: Reader) -> None:
    reader.starts("portazgo demo", "/health", "8081")
    shown = reader.demo()
    for _ in range(CALLS):
        reader.types(f"curl --silent --fail --header 'X-Api-Key: {shown['api_key']}' {shown['try_url']}")
    _until_it_is_recorded(reader)
    now = datetime.now(UTC)
    today = now.strftime("%Y-%m-%d")
    commands = [line.text.removeprefix("$ ") for line in fenced_lines(PAGE) if line.language == "console"]
    told = [reader.types(_of_now(one, now)) for one in commands]
    by_partner, by_route, by_blame, by_day, by_month, _, as_json, as_csv, balance, fields = told
    assert "demo-partner" in by_partner
    assert "demo-partner" in by_route
    assert "live" in by_blame
    assert today in by_day
    for table in (by_month, as_csv):
        calls = {row["partner_name"]: int(row["requests"]) for row in csv.DictReader(table.splitlines())}
        assert calls["demo-partner"] >= CALLS
    rows = parquet.read_table(reader.folder / "usage.parquet").to_pylist()
    assert sum(row["requests"] for row in rows if row["partner_name"] == "demo-partner") >= CALLS
    (mine,) = [row for row in json.loads(as_json)["items"] if row["partner_name"] == "demo-partner"]
    records = json.loads(reader.types(_listed(mine["traces"])))["items"]
    assert sum(record["count"] for record in records) == mine["requests"]
    assert balance.splitlines()[1].split()[0] in {"whole", "open"}
    assert "demo-partner" in fields.splitlines()[0]
    assert fields.splitlines()[1].split()[-1] == "answers"


def _of_now(command: str, now: datetime) -> str:
    """Ask for this day and month, where the command says whose they are: a month begins in Bogotá 5 h after UTC's."""
    month = (now.astimezone(BOGOTA) if BOGOTA.key in command else now).strftime("%Y-%m")
    return command.replace("2026-11-26", now.strftime("%Y-%m-%d")).replace("2026-11 ", f"{month} ")


def test_each_command_asks_for_the_month_of_its_own_zone() -> None:
    early = datetime(2026, 12, 1, 2, tzinfo=UTC)
    assert _of_now("--month 2026-11 --time-zone America/Bogota", early) == "--month 2026-11 --time-zone America/Bogota"
    assert _of_now("--month 2026-11 --interval day", early) == "--month 2026-12 --interval day"


def _until_it_is_recorded(reader: Reader) -> None:
    deadline = time.monotonic() + 60
    while True:
        sums = json.loads(reader.types("portazgo usage report --partner demo-partner --json"))
        if sum(one["requests"] for one in sums) >= CALLS:
            return
        assert time.monotonic() < deadline, sums
        time.sleep(0.5)


def _listed(path: str) -> str:
    token = '"Authorization: Bearer $(cat .portazgo/admin-token)"'
    return f"curl --silent --header {token} 'http://127.0.0.1:8081{path}'"
