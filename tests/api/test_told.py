"""What contracts told whom: sums of projected answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from support.made_segments import Node

from portazgo._native import decode_segment, summarize_segment
from portazgo.kit.clock import microseconds
from portazgo.kit.errors import Invalid
from portazgo.kit.ids import uuid7
from portazgo.usage.collector import LEDGER, collect
from portazgo.usage.models import Manifest, ToldAnswers
from portazgo.usage.rollups import LARGEST_SUM
from portazgo.usage.told import add_told, told_in

pytestmark = pytest.mark.usefixtures("database")

AT_NIGHT = microseconds(datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC))


def node(contract_version: int) -> Node:
    return Node(np.random.default_rng(7), uuid7(), uuid7(), partners=5, contract_version=contract_version)


def collected(made: Node, begins_us: int, count: int) -> list[dict[str, Any]]:
    first, content = made.segment(begins_us, count)
    assert collect(made.node, made.epoch, first, content).stored
    return decode_segment(content)


def key_of(record: dict[str, Any]) -> tuple[Any, ...]:
    month = datetime.fromtimestamp(record["started_at_us"] / 1e6, UTC).strftime("%Y-%m")
    return month, record["partner"], record["application"], record["route"], record["backend_status"] or 0


def test_projected_answers_are_counted_by_month_caller_route_and_status() -> None:
    made = node(7)
    records = collected(made, AT_NIGHT, 3_000) + collected(made, AT_NIGHT, 500)
    expected: dict[tuple[Any, ...], int] = {}
    for record in records:
        expected[key_of(record)] = expected.get(key_of(record), 0) + 1
    rows = told_in(["2026-11", "2026-12"])
    found = {(row.month, row.partner, row.application, row.route, row.backend_status): row.answers for row in rows}
    assert found == expected
    assert {row.month for row in rows} == {"2026-11", "2026-12"}
    assert {row.contract_version for row in rows} == {7}
    partner = records[0]["partner"]
    assert {row.partner for row in told_in(["2026-11"], partner)} == {partner}


def test_versions_are_told_apart_and_calls_without_one_are_not_counted() -> None:
    for number in (0, 7, 2**32 - 1):
        collected(node(number), AT_NIGHT, 20)
    assert {row.contract_version for row in told_in(["2026-11"])} == {7, 2**32 - 1}
    assert sum(row.answers for row in told_in(["2026-11"])) == 40


def test_sending_a_segment_again_counts_nothing_twice() -> None:
    made = node(7)
    first, content = made.segment(AT_NIGHT, 50)
    assert [collect(made.node, made.epoch, first, content).stored for _ in range(2)] == [True, False]
    assert sum(row.answers for row in told_in(["2026-11"])) == 50


def test_a_sum_that_is_full_stops_no_segment() -> None:
    made = node(7)
    first, content = made.segment(AT_NIGHT, 50)
    collect(made.node, made.epoch, first, content)
    ToldAnswers.objects.using(LEDGER).update(answers=2**63 - 1)
    Manifest.objects.using(LEDGER).all().delete()
    assert collect(made.node, made.epoch, first, content).stored
    assert {row.answers for row in told_in(["2026-11"])} == {LARGEST_SUM}


def test_answers_of_some_fields_only_are_counted_with_all_and_apart() -> None:
    row = {
        "day_us": AT_NIGHT,
        "partner": "p",
        "application": None,
        "route": "r",
        "contract_version": 7,
        "backend_status": 200,
    }
    add_told(
        [{**row, "fields_selected": selected, "answers": answers} for selected, answers in ((False, 3), (True, 2))]
    )
    add_told([{**row, "fields_selected": True, "answers": 4}])
    (found,) = told_in(["2026-11"])
    assert (found.answers, found.selected) == (9, 6)
    add_told([{**row, "fields_selected": True, "answers": 2**63 - 1}])
    (found,) = told_in(["2026-11"])
    assert (found.answers, found.selected) == (LARGEST_SUM, LARGEST_SUM)


@pytest.mark.parametrize("day_us", [-1, 2**62])
def test_a_day_that_no_calendar_has_is_refused(monkeypatch: pytest.MonkeyPatch, day_us: int) -> None:
    made = node(7)
    first, content = made.segment(AT_NIGHT, 5)
    summary = summarize_segment(content)
    told = [{**summary["told"][0], "day_us": day_us}]
    monkeypatch.setattr("portazgo._native.summarize_segment", lambda _: {**summary, "told": told})
    with pytest.raises(Invalid):
        collect(made.node, made.epoch, first, content)
