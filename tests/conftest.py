"""What holds for every suite: programs under test take no terminal for theirs because a test runner has one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.deployment import Deployment
from support.migrated import Migrated

# pytest-xdist tells its processes how wide the terminal is, and the command line would fold its tables to that.
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)


@pytest.fixture(scope="session", autouse=True)
def migrated(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Deployments begin with empty databases that one of this run's processes has made."""
    base: Path = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    Deployment.migrated = Migrated(shared / "migrated")
