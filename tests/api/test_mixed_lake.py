"""Files of the lake's first version lack what later ones appended: one question reads both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from support.segments import KEY, PATH, record

from portazgo.lake.arrow import table_of
from portazgo.lake.columns import COLUMNS
from portazgo.traces.search import child
from portazgo.traces.search.question import Condition, Kinds, Question

OF_VERSION_1 = COLUMNS[: [column.name for column in COLUMNS].index("secret_tag")]
CALLS = [(PATH, {"X-Api-Key": KEY[:-1] + "x"}), (PATH, {})]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The same two refused calls in a file of each version: a key that is none, and no key."""
    folder: Path = tmp_path_factory.mktemp("lake")
    (_, content), *_ = record(CALLS).segments
    table = table_of(content)
    pq.write_table(table.select([column.name for column in OF_VERSION_1]), folder / "1.parquet")
    pq.write_table(table, folder / "2.parquet")
    return [str(folder / "1.parquet"), str(folder / "2.parquet")]


def answer(kind: Kinds, files: list[str], *conditions: Condition) -> dict[str, Any]:
    return child._answer(Question(kind, files, conditions, 10, mixed=True), child._opened())


def test_a_tag_is_found_where_there_are_tags(files: list[str]) -> None:
    shown = [row[[column.name for column in COLUMNS].index("secret_tag")] for row in answer("newest", files)["rows"]]
    (tag,) = (one for one in shown if one is not None)
    assert len(shown) == 4
    for some, found in ((files, 1), (files[1:], 1), (files[:1], 0)):
        assert answer("count", some, Condition("secret_tag", "in", [tag, "0" * 16])) == {"count": found}
    assert answer("count", files, Condition("secret_tag", "is", None)) == {"count": 3}


def test_callers_are_found_in_both(files: list[str]) -> None:
    (caller,) = answer("callers", files)["callers"]
    assert answer("count", files, Condition("personal", "sealed", [caller[3]])) == {"count": 4}
    assert answer("count", files, Condition("personal", "sealed", ["AAAA"])) == {"count": 0}
