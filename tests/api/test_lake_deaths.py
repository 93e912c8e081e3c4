"""Killed at any step (`kill -9`), a worker or its child loses no record, doubles none, and leaves nothing behind for long."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import duckdb
import numpy as np
import pytest
from support.clock import FakeClock
from support.made_segments import Node

from portazgo import _native
from portazgo.kit.clock import microseconds
from portazgo.lake.models import LakeFile, LakeWrite
from portazgo.lake.registering import GIVEN_UP_AFTER
from portazgo.lake.running import Children, LakeFailed
from portazgo.lake.tasks import Lake
from portazgo.settings import Settings, load
from portazgo.usage.collector import LEDGER, collect
from portazgo.usage.models import Manifest

pytestmark = pytest.mark.usefixtures("database")

ROWS = 30
BEGAN = datetime(2026, 11, 20, 12, tzinfo=UTC)

# The worker's work, by a process that kills itself where it is told: before or after a function of a module.
WORKER = """
import importlib, os, signal, sys
from pathlib import Path
from portazgo.settings import load
from portazgo.control.boot import boot
folder, url, objects, module, name, when = sys.argv[1:]
given = {"data_dir": folder, "state_url": url or None, "objects_url": objects}
settings = load(given, environment={}, file=Path("absent.yaml"))
boot(settings)
from portazgo.kit.clock import SYSTEM_CLOCK
from portazgo.lake.tasks import Lake
owner = importlib.import_module(module)
*path, last = name.split(".")
for one in path:
    owner = getattr(owner, one)
whole = getattr(owner, last)
def dies(*arguments, **named):
    if when == "after":
        whole(*arguments, **named)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(owner, last, dies)
Lake(settings, SYSTEM_CLOCK).work()
"""
# The child's, which kills itself before or after a function of the store.
CHILD = """
import os, signal, sys
from portazgo.kit.objects import local
from portazgo.lake.child import main
name, when = sys.argv[1:]
whole = getattr(local.LocalStore, name)
def dies(*arguments, **named):
    if when == "after":
        whole(*arguments, **named)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(local.LocalStore, name, dies)
sys.exit(main())
"""


@pytest.fixture
def lake_settings(settings: Settings, tmp_path: Path) -> Settings:
    url = None if settings.state_url.is_sqlite else str(settings.state_url)
    return load(
        {"data_dir": str(settings.data_dir), "state_url": url, "objects_url": f"file://{tmp_path}/objects"},
        environment={},
        file=tmp_path / "absent.yaml",
    )


def collected(segments: int) -> list[str]:
    node = Node(np.random.default_rng(3), uuid4(), uuid4())
    ids: list[str] = []
    for number in range(segments):
        first, content = node.segment(microseconds(BEGAN + timedelta(minutes=number)), ROWS)
        assert collect(node.node, node.epoch, first, content).stored
        ids += [record["request_id"] for record in _native.decode_segment(content)]
    return sorted(ids)


def dies(settings: Settings, state_url: str | None, module: str, name: str, when: str) -> None:
    """Let a worker of its own work until it kills itself there."""
    words = [str(settings.data_dir), state_url or "", str(settings.objects_url), module, name, when]
    done = subprocess.run([sys.executable, "-c", WORKER, *words], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


def whole_after(settings: Settings, folder: Path, ids: list[str]) -> None:
    """Work on; every record is there once, and after a while only the files of the lake are."""
    clock = FakeClock()
    clock.wall = datetime.now(UTC)
    lake = Lake(settings, clock)
    lake.work()
    files = [str(folder / file.path) for file in LakeFile.objects.using(LEDGER).filter(replaced_at__isnull=True)]
    assert sorted(one for (one,) in duckdb.read_parquet(files).select("request_id").fetchall()) == ids
    assert not Manifest.objects.using(LEDGER).filter(lake_file__isnull=True).exists()
    for _ in range(2):
        clock.move(max(GIVEN_UP_AFTER, settings.lake_replaced_kept) + timedelta(minutes=1))
        lake.work()
    left = {str(path) for path in folder.rglob("*.parquet")}
    assert left == {str(folder / file.path) for file in LakeFile.objects.using(LEDGER).filter(replaced_at__isnull=True)}
    assert not LakeWrite.objects.using(LEDGER).exists()


@pytest.mark.parametrize(
    ("module", "name", "when"),
    [
        ("portazgo.lake.writing", "note_write", "after"),
        ("portazgo.lake.running", "Children.carry_out", "after"),  # between the file and the list
        ("portazgo.lake.registering", "_file", "after"),  # within the transaction
        ("portazgo.lake.writing", "register_written", "after"),
        ("portazgo.lake.cleaning", "forget_contents", "after"),
    ],
)
def test_a_worker_that_is_killed_while_it_writes(
    lake_settings: Settings, state_url: str | None, tmp_path: Path, module: str, name: str, when: str
) -> None:
    ids = collected(2)
    dies(lake_settings, state_url, module, name, when)
    whole_after(lake_settings, tmp_path / "objects", ids)


@pytest.mark.parametrize(
    ("name", "when"), [("note_write", "after"), ("register_merged", "before"), ("register_merged", "after")]
)
def test_a_worker_that_is_killed_while_it_merges(
    lake_settings: Settings, state_url: str | None, tmp_path: Path, name: str, when: str
) -> None:
    ids = collected(1)
    clock = FakeClock()
    clock.wall = datetime.now(UTC) - timedelta(hours=2)
    lake = Lake(lake_settings, clock)
    lake.work()
    ids = sorted(ids + collected(1))
    lake.work()
    assert LakeFile.objects.using(LEDGER).count() == 2
    dies(lake_settings, state_url, "portazgo.lake.compacting", name, when)
    whole_after(lake_settings, tmp_path / "objects", ids)


@pytest.mark.parametrize(("name", "when"), [("put_file", "before"), ("_name", "before"), ("put_file", "after")])
def test_a_child_that_is_killed(lake_settings: Settings, tmp_path: Path, name: str, when: str) -> None:
    ids = collected(1)
    clock = FakeClock()
    clock.wall = datetime.now(UTC)
    children = Children(lake_settings, command=[sys.executable, "-I", "-c", CHILD, name, when])
    with pytest.raises(LakeFailed, match="ended with -9"):
        Lake(lake_settings, clock, children).work()
    assert not LakeFile.objects.using(LEDGER).exists()
    whole_after(lake_settings, tmp_path / "objects", ids)
