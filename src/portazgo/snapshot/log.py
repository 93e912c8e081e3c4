"""The change log: `change` makes one transaction one revision (docs/wire.md, section 3; docs/decisions/0006).

    with change(actor, "key.revoked", kid, clock=clock) as recorded:
        key = store.lock(kid)
        …
        recorded.touches(ResourceRef("key", kid))
        recorded.security("revoke_key", kid)

On leaving, the head row is locked, *then* what was touched is read again and compiled (what was compiled before the
lock may predate another commit), validated with the nodes' own code, and written with the audit row.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection, transaction

from portazgo.audit.service import record
from portazgo.kit.clock import SYSTEM_CLOCK, Clock, rfc3339
from portazgo.kit.ids import uuid7
from portazgo.snapshot import revocations
from portazgo.snapshot.compile import (
    Revision,
    SecurityEntry,
    canonical,
    chain,
    changes_head,
    page_of_changes,
    with_hash,
)
from portazgo.snapshot.compilers import compile_resource
from portazgo.snapshot.models import THE_HEAD, ChangeRow, Head, ResourceRow, SecurityRow
from portazgo.snapshot.validate import validate_changes
from portazgo.snapshot.wake import CHANNEL, wake
from portazgo.snapshot.wire import Resource, ResourceRef, SecurityOperation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from portazgo.accounts.domain import Actor

_LOCK_HEAD = (
    "UPDATE head SET revision = revision + 1 WHERE id = %s RETURNING history, revision, hash, security_sequence"
)


class NoHead(RuntimeError):
    """The database was never begun: `portazgo migrate` does it."""


@dataclass(slots=True)
class _Outcome:
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class _Audit:
    actor: Actor
    action: str
    subject: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Position:
    history: str
    revision: int
    previous_hash: str
    security_sequence: int


@dataclass(slots=True)
class Change:
    """What a transaction has done so far that nodes must learn."""

    _outcome: _Outcome
    _touched: dict[ResourceRef, None] = field(default_factory=dict)
    _deleted: dict[ResourceRef, None] = field(default_factory=dict)
    _security: list[tuple[SecurityOperation, str, dict[str, Any]]] = field(default_factory=list)
    _audits: list[_Audit] = field(default_factory=list)

    def touches(self, *resources: ResourceRef) -> None:
        """Have these compiled anew, after the head lock, before the commit."""
        self._touched.update(dict.fromkeys(resources))

    def deletes(self, *resources: ResourceRef) -> None:
        """Tell nodes that these are gone."""
        self._deleted.update(dict.fromkeys(resources))

    def security(self, operation: SecurityOperation, identifier: str, **members: Any) -> None:
        """Say it in the security lane too, which nodes apply even while they refuse a revision."""
        self._security.append((operation, identifier, members))

    def note(self, **details: Any) -> None:
        """Add these details to the audit row of this change, and of every change that has joined it so far."""
        self._audits = [replace(audit, details={**audit.details, **details}) for audit in self._audits]

    @property
    def revision(self) -> int:
        """The revision that this became; known after leaving the outermost `change`. Raises RuntimeError before."""
        if self._outcome.revision is None:
            raise RuntimeError("the revision is known when the change has been committed")
        return self._outcome.revision

    def _absorb(self, inner: Change) -> None:
        for ref in inner._touched:
            self._deleted.pop(ref, None)
        for ref in inner._deleted:
            self._touched.pop(ref, None)
        self._touched.update(inner._touched)
        self._deleted.update(inner._deleted)
        self._security += inner._security
        self._audits += inner._audits


_active: ContextVar[Change | None] = ContextVar("portazgo_change", default=None)


@contextmanager
def change(
    actor: Actor, action: str, subject: str, *, details: Mapping[str, Any] | None = None, clock: Clock = SYSTEM_CLOCK
) -> Iterator[Change]:
    """Open a transaction that becomes one revision and one audit row when it is left without an exception.

    A `change` inside another joins it: one transaction, one revision, an audit row each; an exception that leaves the
    inner one undoes the inner one alone. Raises Invalid (`snapshot_refused`) when nodes would refuse the outcome.
    """
    outer = _active.get()
    inner = Change(outer._outcome if outer else _Outcome())  # noqa: SLF001 - a class of this module
    inner._audits.append(_Audit(actor, action, subject, details or {}))  # noqa: SLF001 - likewise
    with transaction.atomic():
        token = _active.set(inner)
        try:
            yield inner
        finally:
            _active.reset(token)
        if outer is None:
            _commit(inner, clock)
    if outer is not None:
        outer._absorb(inner)  # noqa: SLF001 - likewise


def begin_history() -> bool:
    """Make the head row of an empty database. Returns whether it was made."""
    _, made = Head.objects.get_or_create(id=THE_HEAD, defaults={"history": str(uuid7())})
    return made


def _commit(pending: Change, clock: Clock) -> None:
    position = _lock_head()
    revision = _compile(pending, position)
    entries = _security_entries(pending, position, clock)
    line = canonical(revision.document())
    digest = chain(position.previous_hash, line)
    validate_changes(_page(position, line, digest, entries))
    _write(revision, line, digest, entries, clock)
    for audit in pending._audits:  # noqa: SLF001 - a class of this module
        record(audit.actor, audit.action, audit.subject, details=audit.details, revision=revision.revision, clock=clock)
    _announce(entries)
    outcome = pending._outcome  # noqa: SLF001 - likewise
    outcome.revision = revision.revision


def _lock_head() -> _Position:
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_HEAD, [THE_HEAD])
        row = cursor.fetchone()
    if row is None:
        raise NoHead
    return _Position(*row)


def _compile(pending: Change, position: _Position) -> Revision:
    stored = _stored([*pending._touched, *pending._deleted])  # noqa: SLF001 - a class of this module
    put: list[Resource] = []
    delete = [ref for ref in pending._deleted if ref in stored]  # noqa: SLF001 - likewise
    for ref in pending._touched:  # noqa: SLF001 - likewise
        resource = compile_resource(ref)
        if resource is None:
            delete += [ref] if ref in stored else []
        elif stored.get(ref) != canonical(resource.document()):
            # What came out the same as before is no news to nodes.
            put.append(resource)
    return Revision(position.revision, put, delete)


def _stored(refs: list[ResourceRef]) -> dict[ResourceRef, str]:
    stored: dict[ResourceRef, str] = {}
    by_kind: dict[str, list[str]] = {}
    for ref in refs:
        by_kind.setdefault(ref.kind, []).append(ref.id)
    for kind, identifiers in by_kind.items():
        for start in range(0, len(identifiers), 500):
            some = identifiers[start : start + 500]
            rows = ResourceRow.objects.filter(kind=kind, identifier__in=some)
            stored |= {ResourceRef(kind, row.identifier): row.line for row in rows}  # type: ignore[arg-type]
    return stored


def _security_entries(pending: Change, position: _Position, clock: Clock) -> list[SecurityEntry]:
    at = rfc3339(clock.now())
    return [
        SecurityEntry(position.security_sequence + number, position.revision, operation, identifier, at, members)
        for number, (operation, identifier, members) in enumerate(pending._security, start=1)  # noqa: SLF001 - likewise
    ]


def _page(position: _Position, line: str, digest: str, entries: list[SecurityEntry]) -> bytes:
    head = changes_head(position.history, position.revision - 1, position.revision, digest)
    return page_of_changes(head, [with_hash(line, digest), *(canonical(entry.document()) for entry in entries)])


def _write(revision: Revision, line: str, digest: str, entries: list[SecurityEntry], clock: Clock) -> None:
    now = clock.now()
    number = revision.revision
    ChangeRow.objects.create(revision=number, hash=digest, line=line, made_at=now)
    ResourceRow.objects.bulk_create(
        [
            ResourceRow(kind=one.kind, identifier=one.id, revision=number, line=canonical(one.document()))
            for one in revision.put
        ],
        batch_size=500,
        update_conflicts=True,
        unique_fields=["kind", "identifier"],
        update_fields=["revision", "line"],
    )
    for ref in revision.delete:
        ResourceRow.objects.filter(kind=ref.kind, identifier=ref.id).delete()
    SecurityRow.objects.bulk_create(
        SecurityRow(
            sequence=entry.sequence,
            revision=number,
            operation=entry.operation,
            identifier=entry.id,
            at=now,
            line=canonical(entry.document()),
        )
        for entry in entries
    )
    news: dict[str, Any] = {"hash": digest}
    if entries:
        news["security_sequence"] = entries[-1].sequence
    Head.objects.filter(id=THE_HEAD).update(**news)


def _announce(entries: list[SecurityEntry]) -> None:
    revoked = [canonical(entry.document()) for entry in entries if entry.operation == revocations.REVOKE]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}")  # delivered by the commit itself
    transaction.on_commit(wake)
    if revoked:
        # Robust: the key is dead already; a full disk is logged, and `catch_up` writes what is missing later.
        transaction.on_commit(lambda: revocations.append(settings.PORTAZGO.data_dir, revoked), robust=True)
