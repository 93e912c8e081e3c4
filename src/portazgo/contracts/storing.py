"""Use cases of schemas: a backend's OpenAPI documents, kept as they were imported."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.backends.models import Backend
from portazgo.contracts.comparing import meaning
from portazgo.contracts.drifting import settle
from portazgo.contracts.models import BackendSchema, SchemaVersion
from portazgo.contracts.schema_versions import version_of
from portazgo.kit.errors import Conflict, Invalid
from portazgo.kit.web.rows import refuse_in_use, the_one
from portazgo.routes.openapi.operations import Operation, operations
from portazgo.routes.openapi.reading import read_text
from portazgo.routes.openapi.refused import DocumentRefused
from portazgo.snapshot.log import change

if TYPE_CHECKING:
    from uuid import UUID

    from portazgo.contracts.differences.effects import Effect
    from portazgo.contracts.differences.schemas import SchemaChange
    from portazgo.kit.clock import Clock

VERSIONS_KEPT = 10
"""So many imports of a schema are kept; older ones go, but for those that published contracts rest upon."""

Outcome = Literal["created", "changed", "unchanged"]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be imported, under which name."""

    name: str
    backend: UUID
    document: str
    url: str | None = None
    """Where it came from; None: it was handed in."""
    dry_run: bool = False

    @property
    def source(self) -> str | None:
        """Where it came from, as it is kept and shown: what stands in a query may be a secret."""
        if self.url is None:
            return None
        address, mark, _ = self.url.partition("#")[0].partition("?")
        return f"{address}?…" if mark else address

    @property
    def blamed(self) -> str:
        """Where the request has the document: that member is blamed for what is wrong with it."""
        return "/document" if self.url is None else "/url"


@dataclass(slots=True)
class Report:
    """What became of an import."""

    name: str
    outcome: Outcome
    version: int
    """The number that the document has, or would have."""
    operations: int
    id: UUID | None = None
    """Of the schema; None: a dry run of a first import."""
    changes: list[SchemaChange] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    """On versions of contracts that are served."""
    warnings: list[str] = field(default_factory=list)


def import_schema(actor: Actor, order: Order, *, clock: Clock) -> Report:
    """Keep a document as the newest version of a schema; the same document again changes nothing.

    What was published stays as it is: a version was compiled from the document that was there then.
    Raises Invalid (`document_invalid`, `backend_unknown`), Conflict (`name_taken`: the schema is of another backend).
    """
    can(actor, Verb.CREATE, BackendSchema.noun)
    if not Backend.objects.filter(id=order.backend).exists():
        raise Invalid.at("/backend", f"there is no backend {order.backend}", code="backend_unknown")
    found = len(operations_of(order.document, order.blamed))
    digest = hashlib.sha256(order.document.encode()).hexdigest()
    known = BackendSchema.objects.filter(name=order.name).first()
    report = _judge(known, order, digest, found)
    if known is not None and report.outcome == "changed":
        told = meaning(known, version_of(known).document, order.document)
        report.changes, report.effects, report.warnings = told.changes, told.effects, told.warnings
    if order.dry_run or report.outcome == "unchanged":
        return report
    details = {"name": order.name, "sha256": digest, "version": report.version, "url": order.source}
    schema = known or BackendSchema(name=order.name, backend_id=order.backend, created_at=clock.now())
    with change(actor, "schema.imported", str(schema.id), details=details, clock=clock):
        if known is None:
            schema.save(force_insert=True)
        imported = SchemaVersion.objects.create(
            schema=schema,
            number=report.version,
            document=order.document,
            sha256=digest,
            size_bytes=len(order.document.encode()),
            operations=found,
            source=order.source or "",
            imported_at=clock.now(),
        )
        _forget_old(schema)
        settle(schema, imported)
    report.id = schema.id
    return report


def delete(actor: Actor, identifier: UUID, *, clock: Clock) -> None:
    """Remove a schema that no contract is over. Raises NotFound, Conflict (`in_use`)."""
    can(actor, Verb.DELETE, BackendSchema.noun)
    with change(actor, "schema.deleted", str(identifier), clock=clock):
        schema = the_one(BackendSchema.objects.select_for_update(), "schema", id=identifier)
        refuse_in_use(schema.contracts.all(), "schema", "contracts")
        schema.delete()


def operations_of(document: str, blamed: str = "/document") -> list[Operation]:
    """List a document's operations, in its order. Raises Invalid (`document_invalid`), which blames that member."""
    try:
        return list(operations(read_text(document)))
    except DocumentRefused as problem:
        raise Invalid.at(blamed, str(problem), code="document_invalid") from None


def _judge(known: BackendSchema | None, order: Order, digest: str, found: int) -> Report:
    if known is None:
        return Report(order.name, "created", 1, found)
    if known.backend_id != order.backend:
        raise Conflict(
            f"the schema {order.name!r} is of another backend", code="name_taken", remedy="choose another name"
        )
    newest = version_of(known)
    if newest.sha256 == digest:
        return Report(order.name, "unchanged", newest.number, found, known.id)
    return Report(order.name, "changed", newest.number + 1, found, known.id)


def _forget_old(schema: BackendSchema) -> None:
    newest = list(schema.versions.order_by("-number").values_list("number", flat=True)[:VERSIONS_KEPT])
    schema.versions.exclude(number__in=newest).filter(contracts__isnull=True).delete()
