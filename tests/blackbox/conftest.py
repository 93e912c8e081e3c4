"""One deployment for all black-box tests that leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.bare_gateway import BareGateway, Origin, backend_to
from support.deployment import Deployment
from support.postgresql import PostgreSQLServer


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A running deployment with a partner, an application and a key."""
    with Deployment(tmp_path_factory.mktemp("deployment")) as running:
        yield running


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    """A strict backend that notes what it got."""
    with Origin() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, origin: Origin) -> Iterator[BareGateway]:
    """A node over a snapshot, before that backend."""
    with BareGateway(tmp_path_factory.mktemp("gateway"), backend_to(origin.url)) as running:
        yield running


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQLServer]:
    """A server that tests may take away, with a database for each."""
    server = PostgreSQLServer()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def new_key(deployment: Deployment) -> dict[str, str]:
    """A key of the demo's application, for a test of its own."""
    application = deployment.admin.get(f"/keys/{deployment.key['kid']}")["application"]
    key = deployment.admin.post(f"/applications/{application}/keys", {"name": "of one test"})
    deployment.wait_for(lambda: deployment.call(X_Api_Key=key["api_key"]).status == 200, "the new key")
    return {"kid": key["kid"], "api_key": key["api_key"], "application": application}
