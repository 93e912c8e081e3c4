"""Makes routes of an OpenAPI document: all of them in one change, or none."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.apis.models import Api
from portazgo.backends.models import Backend
from portazgo.kit.errors import FieldError, Invalid
from portazgo.kit.names import TAGS_AT_MOST
from portazgo.kit.outbound import FetchFailed, fetch
from portazgo.kit.private_address import AddressRefused
from portazgo.kit.web.rows import the_one
from portazgo.routes.domain import DEFAULT_MAX_REQUEST_BYTES
from portazgo.routes.models import Route
from portazgo.routes.openapi.drafts import PASSTHROUGH_WARNING, Draft, Pick, Skipped, draft_routes
from portazgo.routes.openapi.idle import Idle, idle_parts
from portazgo.routes.openapi.operations import operations
from portazgo.routes.openapi.reading import read_text
from portazgo.routes.openapi.refused import DocumentRefused
from portazgo.routes.service import RouteTerms, put, terms_of
from portazgo.snapshot.log import change

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

    from portazgo.kit.clock import Clock
    from portazgo.snapshot.log import Change

LARGEST_DOCUMENT_BYTES = 5 * 1024 * 1024
ENVIRONMENTS = ("live", "test")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be imported."""

    api: UUID
    backend: UUID
    pick: Pick
    prefixes: Mapping[str, str]
    dry_run: bool
    source: str = "/document"
    """Where the request has the document: that member is blamed for what is wrong with it."""


@dataclass(slots=True)
class Report:
    """What became of the operations; each route that was made passes bodies through, which is a warning."""

    created: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class _NothingToKeep(Exception):
    """Undoes the change: it was a dry run, or nothing is different."""


def _keep_unless(nothing: bool) -> None:  # noqa: FBT001 - reads as a sentence where it is called
    if nothing:
        raise _NothingToKeep


def fetch_document(url: str, *, allow_private: bool) -> str:
    """Fetch a document of at most 5 MiB. Raises Invalid with what keeps it from being fetched."""
    try:
        fetched = fetch(url, limit_bytes=LARGEST_DOCUMENT_BYTES, allow_private=allow_private)
        return fetched.body.decode("utf-8")
    except (FetchFailed, AddressRefused) as problem:
        raise Invalid.at("/url", str(problem), code="document_unreachable") from None
    except UnicodeDecodeError:
        raise Invalid.at("/url", "the document is not UTF-8", code="document_invalid") from None


def import_routes(actor: Actor, order: Order, document: str, *, clock: Clock) -> Report:
    """Make or update the routes of the operations that are picked.

    Raises NotFound, Invalid (`document_invalid`, `nothing_picked`).
    """
    can(actor, Verb.CREATE, Route.noun)
    api = the_one(Api.objects.all(), "api", id=order.api)
    if not Backend.objects.filter(id=order.backend).exists():
        raise Invalid.at("/backend", f"there is no backend {order.backend}", code="backend_unknown")
    try:
        found = list(operations(read_text(document)))
        drafted = draft_routes(found, order.pick, order.prefixes)
    except DocumentRefused as problem:
        raise Invalid.at(order.source, str(problem), code="document_invalid") from None
    _refuse_idle(idle_parts(found, order.pick, order.prefixes))
    report = Report(skipped=drafted.skipped)
    details = {"api": api.name, "operations": len(drafted.drafts)}
    # A dry run does all of it and undoes it: what it reports is what would happen.
    with (
        suppress(_NothingToKeep),
        change(actor, "routes.imported", str(api.id), details=details, clock=clock) as recorded,
    ):
        _write(api, order, drafted.drafts, report, recorded, clock)
        _keep_unless(order.dry_run or not (report.created or report.changed))
    if report.created or report.changed:
        report.warnings.append(PASSTHROUGH_WARNING)
    return report


def _refuse_idle(idle: list[Idle]) -> None:
    if idle:
        errors: list[FieldError] = [{"pointer": one.pointer, "message": one.sentence} for one in idle]
        raise Invalid(idle[0].sentence, errors, code="nothing_picked")


def _write(api: Api, order: Order, drafts: Iterable[Draft], report: Report, recorded: Change, clock: Clock) -> None:
    known = {route.name: route for route in Route.objects.filter(api=api)}
    for draft in drafts:
        route = known.get(draft.name)
        if route is None:
            put(Route(api=api, created_at=clock.now()), _fresh(draft, order.backend), recorded)
            report.created.append(draft.name)
            continue
        before = terms_of(route)
        after = _updated(before, draft, order.backend)
        if after == before:
            report.unchanged.append(draft.name)
        else:
            put(route, after, recorded)
            report.changed.append(draft.name)


def _fresh(draft: Draft, backend: UUID) -> RouteTerms:
    return RouteTerms(
        name=draft.name,
        backend=backend,
        hosts=None,
        method=draft.method,
        path=draft.path,
        backend_method=draft.method,
        backend_path=draft.backend_path,
        environments=list(ENVIRONMENTS),
        scopes=[],
        max_request_bytes=DEFAULT_MAX_REQUEST_BYTES,
        max_response_bytes=None,
        query="all",
        request_headers=list(draft.request_headers),
        response_headers=[],
        tags=list(draft.tags),
    )


def _updated(before: RouteTerms, draft: Draft, backend: UUID) -> RouteTerms:
    """What the document says anew; what an operator added (hosts, scopes, limits, answer headers) stays.

    A tag that the document no longer has stays too: keys may be restricted to it.
    """
    return replace(
        before,
        backend=backend,
        method=draft.method,
        path=draft.path,
        backend_method=draft.method,
        backend_path=draft.backend_path,
        request_headers=list(draft.request_headers),
        tags=list(dict.fromkeys([*before.tags, *draft.tags]))[:TAGS_AT_MOST],
    )
