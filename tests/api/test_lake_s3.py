"""The whole way of the lake against S3: written, read back, merged, listed as readers outside take it, deleted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import numpy as np
import pyarrow.parquet as pq
import pytest
from support.clock import FakeClock
from support.kms import CREDENTIALS
from support.made_segments import Node
from support.objects_server import BUCKET, PREFIX, ObjectsServer

from portazgo import _native
from portazgo.kit.clock import microseconds
from portazgo.kit.objects import open_store
from portazgo.lake.service import files, location
from portazgo.lake.tasks import Lake
from portazgo.settings import load
from portazgo.usage.collector import collect

pytestmark = pytest.mark.usefixtures("database")

BEGAN = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_the_lake_is_written_to_s3_and_merged_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    clock = FakeClock()
    clock.wall = BEGAN + timedelta(hours=1)
    node = Node(np.random.default_rng(5), uuid4(), uuid4())
    ids: list[str] = []
    with ObjectsServer(tmp_path) as server:
        settings = load(
            {"data_dir": str(tmp_path / "data"), "objects_url": server.objects_url()},
            environment={},
            file=tmp_path / "absent.yaml",
        )
        lake = Lake(settings, clock)
        for number in range(2):
            first, content = node.segment(microseconds(BEGAN) + number, 50)
            assert collect(node.node, node.epoch, first, content).stored
            ids += [record["request_id"] for record in _native.decode_segment(content)]
            lake.work()
        assert files().count() == 2
        clock.move(timedelta(days=2))
        lake.work()
        (file,) = files()
        store = open_store(settings.objects_url)
        store.get_file(file.path, tmp_path / "read.parquet")
        assert sorted(pq.read_table(tmp_path / "read.parquet")["request_id"].to_pylist()) == sorted(ids)
        assert location(settings.objects_url, file.path) == f"s3://{BUCKET}/{PREFIX}/{file.path}"
        clock.move(settings.lake_replaced_kept + timedelta(minutes=1))
        lake.work()
        assert list(store.names("lake/")) == [file.path]
