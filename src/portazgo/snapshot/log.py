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
from portazgo.snapshot.compilers import READ_AT_ONCE, compile_resources
from portazgo.snapshot.differences import difference
from portazgo.snapshot.models import THE_HEAD, ChangeRow, Head, ResourceRow, SecurityRow
from portazgo.snapshot.validate import validate_changes
from portazgo.snapshot.wake import CHANNEL, wake
from portazgo.snapshot.wire import Resource, ResourceRef, SecurityOperation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from portazgo.accounts.domain import Actor

_LOCK_HEAD = (
    "UPDATE head SET revision = revision + 1 WHERE id = %s RETURNING history, revision, hash, security_sequence"
)


MOST_TOLD = 200
"""So many things of one change are told before and after in its audit row; the log has them all."""


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
    refs: frozenset[ResourceRef] = frozenset()
    """What this part of the change touched; empty until it is left."""
    changes: Sequence[Mapping[str, Any]] = ()
    """What it changed besides, that nodes are not told of."""


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
    _changed: list[dict[str, Any]] = field(default_factory=list)

    def touches(self, *resources: ResourceRef) -> None:
        """Have these compiled anew, after the head lock, before the commit."""
        self._touched.update(dict.fromkeys(resources))

    def deletes(self, *resources: ResourceRef) -> None:
        """Tell nodes that these are gone."""
        self._deleted.update(dict.fromkeys(resources))

    def security(self, operation: SecurityOperation, identifier: str, **members: Any) -> None:
        """Say it in the security lane too, which nodes apply even while they refuse a revision."""
        self._security.append((operation, identifier, members))

    def changed(self, kind: str, identifier: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Tell the audit of members that nodes are not told of, as they were and as they are. Never a secret.

        What nodes are told of is told by itself (`snapshot.differences`).
        """
        names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
        if names:
            told = [{name: values[name] for name in names if name in values} for values in (before, after)]
            self._changed.append({"kind": kind, "id": identifier, "before": told[0], "after": told[1]})

    def note(self, **details: Any) -> None:
        """Add these details to the audit row of this change, and of every change that has joined it so far."""
        self._audits = [replace(audit, details={**audit.details, **details}) for audit in self._audits]

    @property
    def revision(self) -> int:
        """The revision that this became; known after leaving the outermost `change`. Raises RuntimeError before."""
        if self._outcome.revision is None:
            raise RuntimeError("the revision is known when the change has been committed")
        return self._outcome.revision

    def _close(self) -> None:
        """Let the audit row of this part say what this part touched, and not the others of its transaction."""
        refs = frozenset([*self._touched, *self._deleted])
        of_others = frozenset().union(*(audit.refs for audit in self._audits[1:]))
        self._audits[0] = replace(self._audits[0], refs=refs - of_others, changes=tuple(self._changed))

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
        inner._close()  # noqa: SLF001 - a class of this module
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
    revision, differences = _compile(pending, position)
    entries = _security_entries(pending, position, clock)
    line = canonical(revision.document())
    digest = chain(position.previous_hash, line)
    validate_changes(_page(position, line, digest, entries))
    _write(revision, line, digest, entries, clock)
    _announce(entries)
    # Last: the end of the audit's chain is locked from here to the commit.
    for audit in pending._audits:  # noqa: SLF001 - a class of this module
        changes = [*(differences[ref] for ref in sorted(audit.refs & differences.keys())), *audit.changes]
        left_out = {"changes_left_out": len(changes) - MOST_TOLD} if len(changes) > MOST_TOLD else {}
        record(
            audit.actor,
            audit.action,
            audit.subject,
            details={**audit.details, **left_out},
            revision=revision.revision,
            changes=changes[:MOST_TOLD],
            clock=clock,
        )
    outcome = pending._outcome  # noqa: SLF001 - likewise
    outcome.revision = revision.revision


def _lock_head() -> _Position:
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_HEAD, [THE_HEAD])
        row = cursor.fetchone()
    if row is None:
        raise NoHead
    return _Position(*row)


def _compile(pending: Change, position: _Position) -> tuple[Revision, dict[ResourceRef, dict[str, Any]]]:
    stored = _stored([*pending._touched, *pending._deleted])  # noqa: SLF001 - a class of this module
    put: list[Resource] = []
    delete = [ref for ref in pending._deleted if ref in stored]  # noqa: SLF001 - likewise
    for ref, resource in compile_resources(pending._touched):  # noqa: SLF001 - likewise
        if resource is None:
            delete += [ref] if ref in stored else []
        elif stored.get(ref) != canonical(resource.document()):
            # What came out the same as before is no news to nodes.
            put.append(resource)
    now = {resource.ref: resource for resource in put}
    differences = {ref: difference(ref, stored.get(ref), now.get(ref)) for ref in [*now, *delete]}
    return Revision(position.revision, put, delete), differences


def _stored(refs: list[ResourceRef]) -> dict[ResourceRef, str]:
    stored: dict[ResourceRef, str] = {}
    by_kind: dict[str, list[str]] = {}
    for ref in refs:
        by_kind.setdefault(ref.kind, []).append(ref.id)
    for kind, identifiers in by_kind.items():
        for start in range(0, len(identifiers), READ_AT_ONCE):
            some = identifiers[start : start + READ_AT_ONCE]
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
