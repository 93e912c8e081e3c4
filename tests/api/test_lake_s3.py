"""The whole way of the lake against S3: written, read back, merged, listed as readers outside take it, deleted."""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import numpy as np
import pyarrow.parquet as pq
import pytest
from support.clock import FakeClock
from support.control import ControlProcess
from support.kms import CREDENTIALS
from support.made_segments import Node
from support.objects_server import BUCKET, PREFIX, ObjectsServer

from portazgo import _native
from portazgo.kit.clock import microseconds
from portazgo.kit.objects import open_store
from portazgo.lake.models import LakeFile
from portazgo.lake.service import files, location
from portazgo.lake.tasks import Lake
from portazgo.settings import Settings, load
from portazgo.traces.search.files import CACHE
from portazgo.usage.collector import LEDGER, collect

pytestmark = pytest.mark.usefixtures("database")

BEGAN = datetime(2026, 11, 20, 12, tzinfo=UTC)
REMOVED_SECONDS = 30.0


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


def test_a_control_plane_removes_copies_of_files_that_were_deleted(settings: Settings, state_url: str | None) -> None:
    rows = [_listed(number, deleted_at=BEGAN if number else None) for number in range(2)]
    folder = settings.data_dir / CACHE
    folder.mkdir(parents=True, exist_ok=True)
    there, deleted, unknown = (
        folder / f"{hashlib.sha256(name.encode()).hexdigest()}.parquet"
        for name in (rows[0].path, rows[1].path, "lake/nobody-knows.parquet")
    )
    for copy in (there, deleted, unknown):
        copy.write_bytes(b"some")
    control = ControlProcess(settings, state_url, PORTAZGO_OBJECTS_URL=f"s3://{BUCKET}/{PREFIX}", **CREDENTIALS).start()
    try:
        deadline = time.monotonic() + REMOVED_SECONDS
        while (deleted.exists() or unknown.exists()) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert list(folder.iterdir()) == [there]
    finally:
        control.stop()
        there.unlink()


def _listed(number: int, deleted_at: datetime | None) -> LakeFile:
    row: LakeFile = LakeFile.objects.using(LEDGER).create(
        path=f"lake/day=2026-11-20/{number}.parquet",
        day=BEGAN.date(),
        schema_version=1,
        level=0,
        segments=1,
        rows=1,
        requests=1,
        bytes=4,
        sha256="0" * 64,
        min_started_at_us=microseconds(BEGAN),
        max_started_at_us=microseconds(BEGAN),
        min_request_id=str(uuid4()),
        max_request_id=str(uuid4()),
        written_at=BEGAN,
        replaced_at=deleted_at,
        deleted_at=deleted_at,
    )
    return row
