"""What is asked of the database for contracts and schemas: as often for many as for one, and no more than is shown."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from support.admin import AdminAPI
from support.contracts import Contracts
from support.small_document import SMALL_DOCUMENT
from support.world import World

from portazgo.backends.contracts import versions_over
from portazgo.backends.models import Backend
from portazgo.contracts.domain import age_of
from portazgo.contracts.models import Contract, ContractVersion
from portazgo.contracts.publishing import newest, served
from portazgo.declarative.state import read_state
from portazgo.snapshot.wire import ResourceRef

pytestmark = pytest.mark.usefixtures("database")
NAMES = ["2001-11-25.12", "2001-11-26", "2001-11-26.2", "2001-11-26.9", "2001-11-26.10", "2001-12-01"]


@pytest.fixture
def contracts(world: World) -> Contracts:
    return Contracts(world)


def asked(call: Callable[[], object]) -> list[str]:
    """Give the statements that a call made."""
    with CaptureQueriesContext(connection) as captured:
        call()
    return [one["sql"] for one in captured]


def make_more(contracts: Contracts) -> None:
    """Make two contracts of two versions each, and give each of two schemas another version."""
    for name in ("second", "third"):
        made, _ = contracts.published(name=name, default=name == "third")
        contracts.world.api.patch(
            f"/contracts/{made['id']}", {"routes": {"show": {"answers": {"200": [{"select": ["id"]}]}}}}
        )
        assert contracts.world.api.post(f"/contracts/{made['id']}/publish", {}).status == 201
    contracts.world.schema(contracts.backend, name="another")
    contracts.import_again({**SMALL_DOCUMENT, "info": {"title": "newer", "version": "2"}})


@pytest.mark.parametrize("path", ["/contracts", "/schemas"])
def test_a_list_asks_as_often_for_many_as_for_one(api: AdminAPI, contracts: Contracts, path: str) -> None:
    contracts.published()
    for_one = asked(lambda: api.get(path))
    make_more(contracts)
    for_many = asked(lambda: api.get(path))
    assert len(api.every(path)) > 1
    assert len(for_many) == len(for_one), for_many
    assert not [sql for sql in for_many if '"document"' in sql or '"compiled"' in sql]


def test_what_files_are_compared_with_is_read_in_as_many_queries_for_many_as_for_one(contracts: Contracts) -> None:
    contracts.published()
    for_one = asked(read_state)
    make_more(contracts)
    for_many = asked(read_state)
    assert len(for_many) == len(for_one), for_many
    assert not [sql for sql in for_many if '"document"' in sql or '"compiled"' in sql]


def test_the_newest_version_is_the_last_by_its_name_and_asked_for_alone(contracts: Contracts) -> None:
    made, version = contracts.published()
    first = ContractVersion.objects.get(id=version["id"])
    order = random.sample(NAMES, len(NAMES))
    for name in order:
        first.pk, first.name = None, name
        first.save(force_insert=True)
    ContractVersion.objects.filter(id=version["id"]).delete()
    contract = Contract.objects.get(id=made["id"])
    found = [one.name for one in contract.versions.newest_first()]
    assert found == sorted(NAMES, key=age_of, reverse=True) == NAMES[::-1]
    last = newest(contract)
    assert last is not None
    assert last.name == served(contract.id, None).name == NAMES[-1]
    assert len(asked(lambda: newest(contract))) == 1


def test_the_versions_over_a_backend_are_found_by_one_query(api: AdminAPI, contracts: Contracts) -> None:
    made, first = contracts.published()
    make_more(contracts)
    api.post(f"/contracts/{made['id']}/versions/{first['name']}/retire")
    found: list[ResourceRef] = []
    backend = Backend.objects.get(id=contracts.backend["id"])
    assert len(asked(lambda: found.extend(versions_over(backend)))) == 1
    served = ContractVersion.objects.filter(contract__schema__backend=backend, retired_at=None)
    expected = {ResourceRef("contract", str(version.id)) for version in served}
    assert (len(found), set(found)) == (len(expected), expected)
    assert len(expected) == 4
    assert list(versions_over(Backend.objects.get(id=contracts.world.backend()["id"]))) == []
