"""What holds for every suite: programs under test start as they do for users, whatever the test runner's environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from support.deployment import Deployment
from support.migrated import Migrated

# pytest-xdist tells its processes how wide the terminal is, and the command line would fold its tables to that. Where no
# bytecode may be kept, each of the thousand processes that tests start would compile Django and all the rest again.
for name in ("COLUMNS", "LINES", "PYTHONDONTWRITEBYTECODE"):
    os.environ.pop(name, None)


# An example that takes long says something of the machine: its 200 ms are over when something else has the core.
settings.register_profile("portazgo", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("portazgo")


@pytest.fixture(scope="session", autouse=True)
def migrated(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Deployments begin with empty databases that one of this run's processes has made."""
    base: Path = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    Deployment.migrated = Migrated(shared / "migrated")
