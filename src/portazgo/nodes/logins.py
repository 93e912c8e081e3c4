"""Use cases: what nodes say of logins at backends that fail, and what is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.backends.models import Backend
from portazgo.kit.clock import parse_rfc3339
from portazgo.kit.errors import Conflict
from portazgo.kit.web.rows import the_one
from portazgo.nodes.models import Node

if TYPE_CHECKING:
    from portazgo.kit.clock import Clock

FORGOTTEN_AFTER = timedelta(minutes=5)
"""Nodes say it every minute. What is older is of one that is gone, or of a database that was restored."""


@dataclass(frozen=True, slots=True)
class FailingLogin:
    """A login at a backend that fails on a node."""

    node: str
    backend: str
    environment: str
    whose: str
    since: datetime
    last_at: datetime
    next_at: datetime | None
    why: str


def store_failing(node: UUID, epoch: UUID, failing: list[dict[str, Any]], *, clock: Clock) -> None:
    """Keep what a node says. `failing` has been validated (schemas.LoginsBody), times as text.

    Raises Conflict for a process whose poll was not the last: its successor speaks now, or it has not polled yet.
    """
    told = {"failing_logins": failing, "logins_told_at": clock.now()}
    if not Node.objects.filter(id=node, epoch=epoch).update(**told):
        raise Conflict("another process of this node polled last", code="node_epoch_differs")


def failing_on(node: Node, now: datetime) -> list[FailingLogin]:
    """Give what fails on a node, the longest first."""
    return sorted(_known(node, now), key=lambda one: one.since)


def failing_at(actor: Actor, backend_id: UUID, *, clock: Clock) -> list[FailingLogin]:
    """Give what fails at a backend, on any node, the longest first. Raises NotFound."""
    can(actor, Verb.READ, Backend.noun)
    backend = the_one(Backend.objects.all(), "backend", id=backend_id)
    now = clock.now()
    told: Iterable[Node] = Node.objects.filter(logins_told_at__gt=now - FORGOTTEN_AFTER)
    found = [one for node in told for one in _known(node, now) if one.backend == backend.name]
    return sorted(found, key=lambda one: one.since)


def _known(node: Node, now: datetime) -> Iterator[FailingLogin]:
    if node.retired_at is not None or node.logins_told_at is None or node.logins_told_at < now - FORGOTTEN_AFTER:
        return
    for one in node.failing_logins or ():
        yield FailingLogin(
            node=node.label or str(node.id),
            backend=one["backend"],
            environment=one["environment"],
            whose=one["whose"],
            since=parse_rfc3339(one["since"]),
            last_at=parse_rfc3339(one["at"]),
            next_at=None if one["next_at"] is None else parse_rfc3339(one["next_at"]),
            why=one["why"],
        )
