"""A lake in a folder, a node that makes records for it, and a clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import numpy as np
from support.clock import FakeClock
from support.made_segments import Node

from portazgo import _native
from portazgo.kit.clock import microseconds
from portazgo.lake.models import LakeFile
from portazgo.lake.running import Children
from portazgo.lake.tasks import Lake
from portazgo.settings import Settings, load
from portazgo.usage.collector import LEDGER, collect

BEGAN = datetime(2026, 11, 24, 12, tzinfo=UTC)
ROWS = 40


@dataclass
class Deployed:
    """A lake in a folder, a node that makes records for it, and a clock."""

    settings: Settings
    clock: FakeClock
    node: Node

    @property
    def folder(self) -> Path:
        """Tell where the objects are."""
        return Path(str(self.settings.objects_url).removeprefix("file://"))

    def lake(self, **bounds: Any) -> Lake:
        """Make what the worker keeps the lake with."""
        return Lake(self.settings, self.clock, Children(self.settings, **bounds))

    def collect(self, began: datetime, segments: int = 1, every: timedelta = timedelta(seconds=20)) -> list[str]:
        """Collect segments of calls that began from then on. Returns the request ids."""
        ids: list[str] = []
        for number in range(segments):
            first, content = self.node.segment(microseconds(began + number * every), ROWS)
            assert collect(self.node.node, self.node.epoch, first, content).stored
            ids += [record["request_id"] for record in _native.decode_segment(content)]
        return ids

    def objects(self) -> set[str]:
        """List the files that lie in the store."""
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*.parquet")}


def deployed_lake(tmp_path: Path, clock: FakeClock) -> Deployed:
    """Deploy one, an hour after its first call."""
    settings = load({"data_dir": str(tmp_path)}, environment={}, file=tmp_path / "absent.yaml")
    clock.wall = BEGAN + timedelta(hours=1)
    return Deployed(settings, clock, Node(np.random.default_rng(1), uuid4(), uuid4()))


def listed() -> list[LakeFile]:
    """Give the files that are the lake now."""
    return list(LakeFile.objects.using(LEDGER).filter(replaced_at__isnull=True).order_by("min_started_at_us"))


def ids_in(folder: Path, files: Sequence[LakeFile]) -> list[str]:
    """Give the ids of the calls in files of the lake."""
    paths = [str(folder / file.path) for file in files]
    rows = duckdb.read_parquet(paths).select("request_id").fetchall() if paths else []
    return sorted(request_id for (request_id,) in rows)
