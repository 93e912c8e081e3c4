"""The control plane under test: real Django, a real database, the real native module.

PORTAZGO_TEST_DATABASE is `sqlite` (default) or `postgresql`; `make test` runs the folder with both. Django is set up
when this file is imported, since test modules import models; the database is made by the first test that needs it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.control import ControlProcess, environment_of
from support.postgresql import PostgreSQLServer
from support.prepared import Prepared

from portazgo.settings import load, use

ON_POSTGRESQL = os.environ.get("PORTAZGO_TEST_DATABASE", "sqlite") == "postgresql"
FOLDER = Path(tempfile.mkdtemp(prefix="portazgo-api-"))
SERVER = PostgreSQLServer() if ON_POSTGRESQL else None
SETTINGS = load(
    {"data_dir": str(FOLDER), "state_url": SERVER.url if SERVER else None}, environment={}, file=Path("absent.yaml")
)

from portazgo.control.boot import boot  # noqa: E402 - after the settings are known

boot(SETTINGS)

from django.db import connections  # noqa: E402 - after Django is set up
from django.db.backends.postgresql.base import DatabaseWrapper as PostgreSQLConnection  # noqa: E402
from support import sealed, segments  # noqa: E402
from support.admin import AdminAPI  # noqa: E402
from support.clock import FakeClock  # noqa: E402
from support.emptying import empty  # noqa: E402
from support.named_records import collect_all  # noqa: E402
from support.webhook_receiver import WebhookReceiver  # noqa: E402
from support.webhooks import RULES  # noqa: E402
from support.world import World  # noqa: E402

from portazgo.accounts.domain import SYSTEM, Actor  # noqa: E402
from portazgo.accounts.service import create_token  # noqa: E402
from portazgo.control.databases import migrate  # noqa: E402
from portazgo.control.provider import wrapper as process_wrapper  # noqa: E402
from portazgo.declarative.writing import Hand  # noqa: E402
from portazgo.kit.clock import SYSTEM_CLOCK  # noqa: E402
from portazgo.kit.wrapping import KeyWrapper  # noqa: E402
from portazgo.notifications.delivering import Deliverer  # noqa: E402
from portazgo.partners.models import DataKey  # noqa: E402
from portazgo.settings import Settings  # noqa: E402
from portazgo.snapshot.log import begin_history  # noqa: E402
from portazgo.traces.segments import decoded  # noqa: E402


@pytest.fixture(scope="session")
def settings() -> Settings:
    """The settings of the process under test."""
    return SETTINGS


@pytest.fixture(scope="session")
def state_url() -> str | None:
    """The state's URL when it is not the default, for processes that tests start."""
    return SERVER.url if SERVER else None


@pytest.fixture(scope="session")
def _databases() -> Iterator[None]:
    if SERVER is not None:
        SERVER.start()
    try:
        migrate()
        yield
    finally:
        connections.close_all()
        for connection in connections.all():
            if isinstance(connection, PostgreSQLConnection):
                connection.close_pool()
        if SERVER is not None:
            SERVER.stop()
        shutil.rmtree(FOLDER, ignore_errors=True)


@pytest.fixture
def database(_databases: None) -> Iterator[None]:
    """Both databases, migrated, empty but for the head; what a test wrote is gone after it."""
    # Where other suites run in the same process, a command line may have left its own.
    use(SETTINGS)
    yield
    for alias in ("default", "ledger"):
        empty(alias)
    begin_history()
    # The numbers of segments begin anew.
    decoded._segments.clear()
    for left in ("revocations.log",):
        (FOLDER / left).unlink(missing_ok=True)


@pytest.fixture
def collected(database: None) -> segments.Recorded:
    """Four calls of a real node, collected."""
    records = segments.recorded()
    collect_all(records)
    return records


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands until it is moved; services take it, the API under test has the machine's."""
    return FakeClock()


@pytest.fixture
def wrapper(_databases: None) -> KeyWrapper:
    """The key-wrapping provider of the process under test."""
    return process_wrapper()


@pytest.fixture
def data_keys(database: None, wrapper: KeyWrapper) -> dict[str, str]:
    """Have the data keys that recorded calls (support.segments) were sealed under. Returns their ids, by whose they are."""
    for identifier, partner in ((sealed.OF_PARTNER, segments.PARTNER), (sealed.OF_NOBODY, None)):
        DataKey.objects.create(
            id=identifier,
            partner=partner,
            period="" if partner else "2000-01",
            wrapped=wrapper.wrap(f"data_key/{identifier}", sealed.KEYS[identifier]),
            created_at=SYSTEM_CLOCK.now(),
        )
    return {"partner": sealed.OF_PARTNER, "nobody": sealed.OF_NOBODY}


@pytest.fixture
def actor() -> Actor:
    """Portazgo itself, which may do everything."""
    return SYSTEM


@pytest.fixture
def admin_token(database: None) -> str:
    """An admin token with every scope."""
    return token_with("*")


@pytest.fixture
def api(admin_token: str) -> AdminAPI:
    """The admin API, called with every scope."""
    return AdminAPI(admin_token)


@pytest.fixture
def world(api: AdminAPI) -> World:
    """Makes things through the admin API, with every scope."""
    return World(api)


@pytest.fixture
def api_with(database: None) -> Callable[..., AdminAPI]:
    """Make an AdminAPI with the given scopes: `api_with("keys:read")`; without any it sends no token."""

    def make(*scopes: str) -> AdminAPI:
        return AdminAPI(token_with(*scopes) if scopes else None)

    return make


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    """A receiver of webhooks."""
    with WebhookReceiver() as running:
        yield running


@pytest.fixture
def deliverer(wrapper: KeyWrapper, clock: FakeClock) -> Deliverer:
    """What the worker sends webhooks with, by the test's clock, which begins now."""
    clock.wall = SYSTEM_CLOCK.now()
    return Deliverer(lambda: wrapper, RULES, clock=clock)


def token_with(*scopes: str) -> str:
    _, token = create_token(SYSTEM, "test", frozenset(scopes), clock=SYSTEM_CLOCK)
    return token.reveal()


@pytest.fixture
def hand(actor: Actor, clock: FakeClock, wrapper: KeyWrapper) -> Hand:
    """What an apply is carried out with."""
    return Hand(actor, clock, wrapper)


@pytest.fixture(scope="session")
def prepared(settings: Settings, state_url: str | None) -> Iterator[Prepared]:
    """What control planes come from that need not be started anew from the first import on."""
    waiting = Prepared(environment_of(settings, state_url))
    yield waiting
    waiting.close()


@pytest.fixture
def control(database: None, settings: Settings, state_url: str | None, prepared: Prepared) -> Iterator[ControlProcess]:
    """A control plane as a process of its own, on the test's database."""
    process = ControlProcess(settings, state_url).start(prepared)
    yield process
    process.stop()
