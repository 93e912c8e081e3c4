"""One transaction is one revision: what `change` promises to nodes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.clock import FakeClock

from portazgo.accounts.domain import SYSTEM
from portazgo.audit.models import AuditRow
from portazgo.kit.errors import Invalid
from portazgo.settings import Settings
from portazgo.snapshot import compilers, revocations
from portazgo.snapshot.compile import chain
from portazgo.snapshot.compilers import NoCompiler, register_compiler
from portazgo.snapshot.log import change
from portazgo.snapshot.models import ChangeRow, Head, ResourceRow, SecurityRow
from portazgo.snapshot.wire import NO_HASH, Resource, ResourceRef

pytestmark = pytest.mark.usefixtures("database")

ISSUER = ResourceRef("issuer", "01a20e60-e200-7018-af02-628cc3d9f17f")
OTHER = ResourceRef("issuer", "01a20e60-e200-7018-af02-628cc3d9f180")


@pytest.fixture
def issuers() -> Iterator[dict[str, str]]:
    """Issuers by id, as their noun would have them in a table: id to name."""
    names: dict[str, str] = {}

    def one(identifier: str) -> Resource | None:
        if identifier not in names:
            return None
        return Resource("issuer", identifier, (), {"url": "https://issuer.example", "name": names[identifier]})

    before = dict(compilers._compilers)
    register_compiler("issuer", one, every=lambda: list(names))
    yield names
    compilers._compilers.clear()
    compilers._compilers.update(before)


def line_of(revision: int) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(ChangeRow.objects.get(revision=revision).line)
    return document


def test_a_change_is_a_revision_a_resource_and_an_audit_row(issuers: dict[str, str], clock: FakeClock) -> None:
    with change(SYSTEM, "issuer.created", ISSUER.id, details={"name": "main"}, clock=clock) as recorded:
        issuers[ISSUER.id] = "main"
        recorded.touches(ISSUER)
    assert recorded.revision == 1
    assert line_of(1) == {
        "revision": 1,
        "put": [
            {
                "kind": "issuer",
                "id": ISSUER.id,
                "requires": [],
                "body": {"url": "https://issuer.example", "name": "main"},
            }
        ],
        "delete": [],
    }
    assert ResourceRow.objects.get().revision == 1
    audit = AuditRow.objects.get(action="issuer.created")
    assert (audit.subject, audit.revision, audit.details, audit.at) == (ISSUER.id, 1, {"name": "main"}, clock.now())


def test_what_is_compiled_is_what_stands_at_the_end(issuers: dict[str, str]) -> None:
    with change(SYSTEM, "issuer.created", ISSUER.id) as recorded:
        recorded.touches(ISSUER)
        issuers[ISSUER.id] = "first"
        issuers[ISSUER.id] = "last"
    assert line_of(1)["put"][0]["body"]["name"] == "last"


def test_the_hash_chain_runs_through_every_revision(issuers: dict[str, str]) -> None:
    for name in ("a", "b", "c"):
        with change(SYSTEM, "issuer.changed", ISSUER.id) as recorded:
            issuers[ISSUER.id] = name
            recorded.touches(ISSUER)
    previous = NO_HASH
    for row in ChangeRow.objects.order_by("revision"):
        previous = chain(previous, row.line)
        assert row.hash == previous
    head = Head.objects.get()
    assert (head.revision, head.hash) == (3, previous)


def test_an_exception_leaves_nothing_behind(issuers: dict[str, str]) -> None:
    with pytest.raises(ZeroDivisionError), change(SYSTEM, "issuer.created", ISSUER.id) as recorded:
        recorded.touches(ISSUER)
        raise ZeroDivisionError
    assert Head.objects.get().revision == 0
    assert not ChangeRow.objects.exists()
    assert not AuditRow.objects.filter(action="issuer.created").exists()


def test_what_nodes_would_refuse_is_refused_before_the_commit(issuers: dict[str, str]) -> None:
    with pytest.raises(Invalid) as refusal, change(SYSTEM, "issuer.created", ISSUER.id) as recorded:
        register_compiler("issuer", lambda one: Resource("issuer", one, (), {"address": "?"}), every=list)
        recorded.touches(ISSUER)
    assert refusal.value.code == "snapshot_refused"
    assert "address" in refusal.value.detail
    assert Head.objects.get().revision == 0


def test_what_is_gone_is_told_as_a_deletion_once(issuers: dict[str, str]) -> None:
    issuers |= {ISSUER.id: "main", OTHER.id: "other"}
    with change(SYSTEM, "issuer.created", ISSUER.id) as recorded:
        recorded.touches(ISSUER, OTHER)
    with change(SYSTEM, "issuer.deleted", ISSUER.id) as recorded:
        del issuers[ISSUER.id]
        recorded.touches(ISSUER)
        recorded.deletes(OTHER)
    assert {one["id"] for one in line_of(2)["delete"]} == {ISSUER.id, OTHER.id}
    assert not ResourceRow.objects.exists()
    with change(SYSTEM, "issuer.deleted", ISSUER.id) as recorded:
        recorded.deletes(ISSUER)
    assert line_of(3)["delete"] == []


def test_what_came_out_the_same_is_no_news(issuers: dict[str, str]) -> None:
    issuers[ISSUER.id] = "main"
    for _ in range(2):
        with change(SYSTEM, "issuer.changed", ISSUER.id) as recorded:
            recorded.touches(ISSUER)
    assert line_of(2)["put"] == []
    assert ResourceRow.objects.get().revision == 1


def test_changes_inside_a_change_are_one_revision_and_an_audit_row_each(issuers: dict[str, str]) -> None:
    issuers |= {ISSUER.id: "main", OTHER.id: "other"}
    with change(SYSTEM, "file.applied", "portazgo.yaml") as whole:
        with change(SYSTEM, "issuer.created", ISSUER.id) as first:
            first.touches(ISSUER)
        with pytest.raises(ZeroDivisionError), change(SYSTEM, "issuer.failed", OTHER.id) as second:
            second.touches(OTHER)
            raise ZeroDivisionError
        with pytest.raises(RuntimeError):
            _ = first.revision
    assert (whole.revision, first.revision) == (1, 1)
    assert [one["id"] for one in line_of(1)["put"]] == [ISSUER.id]
    actions = list(AuditRow.objects.filter(revision=1).order_by("id").values_list("action", flat=True))
    assert actions == ["file.applied", "issuer.created"]


def test_a_revocation_goes_through_the_lane_and_into_the_file(settings: Settings, clock: FakeClock) -> None:
    with change(SYSTEM, "key.revoked", "aaaaaaaaaa", clock=clock) as recorded:
        recorded.security("revoke_key", "aaaaaaaaaa")
        recorded.security("narrow_networks", "bbbbbbbbbb", networks=["10.0.0.0/8"])
    assert [json.loads(row.line) for row in SecurityRow.objects.order_by("sequence")] == [
        {
            "security": {
                "sequence": 1,
                "revision": 1,
                "operation": "revoke_key",
                "id": "aaaaaaaaaa",
                "at": "2026-11-24T12:00:00.000000Z",
            }
        },
        {
            "security": {
                "sequence": 2,
                "revision": 1,
                "operation": "narrow_networks",
                "id": "bbbbbbbbbb",
                "at": "2026-11-24T12:00:00.000000Z",
                "networks": ["10.0.0.0/8"],
            }
        },
    ]
    assert Head.objects.get().security_sequence == 2
    assert revocations.revoked_kids(settings.data_dir) == {"aaaaaaaaaa"}


def test_a_revocation_that_a_crash_kept_from_the_file_is_caught_up(settings: Settings) -> None:
    for kid in ("aaaaaaaaaa", "bbbbbbbbbb"):
        with change(SYSTEM, "key.revoked", kid) as recorded:
            recorded.security("revoke_key", kid)
    file = settings.data_dir / revocations.FILE_NAME
    file.write_text(file.read_text().splitlines(keepends=True)[0] + '{"torn')
    assert revocations.catch_up(settings.data_dir) == 1
    assert revocations.revoked_kids(settings.data_dir) == {"aaaaaaaaaa", "bbbbbbbbbb"}


def test_a_kind_that_nobody_compiles_is_a_mistake_not_an_omission() -> None:
    with pytest.raises(NoCompiler), change(SYSTEM, "thing.created", "x") as recorded:
        recorded.touches(ResourceRef("unheard-of", "x"))  # type: ignore[arg-type]
