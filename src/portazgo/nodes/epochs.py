"""What the processes of nodes tell of their records with each poll: the balance compares it with what came."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from portazgo.kit.errors import Forbidden
from portazgo.nodes.models import Node, NodeEpoch

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

MOST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Told:
    """A process's counts since it began, by its own word (docs/wire.md, section 3).

    `at_risk`: records that lie on its host only, its predecessors' included; `at_risk_since`: the oldest of them.
    """

    accepted: int
    journaled: int
    synced: int
    at_risk: int
    at_risk_since: datetime | None


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of one process of a node by its polls."""

    node: UUID
    epoch: UUID
    first_seen_at: datetime
    contact_at: datetime
    told_at: datetime | None
    told: Told | None


@dataclass(frozen=True, slots=True)
class Latest:
    """The process of a node that polled last, and when."""

    label: str
    epoch: UUID
    epoch_seen_at: datetime
    contact_at: datetime
    max_staleness: timedelta | None


def note_epoch(node: UUID, epoch: UUID, at: datetime, told: Told | None) -> None:
    """Write down a poll of a process, and what it told. Within the transaction of the contact.

    An epoch is of the node that polled with it first: nobody knows of it before, so whoever does it later has learnt of it.
    """
    members = {"contact_at": at}
    if told is not None:
        members |= {**asdict(told), "told_at": at}
    if NodeEpoch.objects.filter(node_id=node, epoch=epoch).update(**members):
        return
    if not NodeEpoch.objects.filter(epoch=epoch).exists():
        NodeEpoch.objects.create(node_id=node, epoch=epoch, first_seen_at=at, **members)


def require_own_epoch(node: UUID, epoch: UUID) -> None:
    """Return when no other node has polled with this epoch. Raises Forbidden.

    A process that runs on another's data folder is the same node, and reports for its predecessors under the same id.
    """
    mine = NodeEpoch.objects.filter(node_id=node, epoch=epoch).exists()
    if not mine and NodeEpoch.objects.filter(epoch=epoch).exists():
        raise of_another_node(epoch)


def of_another_node(epoch: UUID) -> Forbidden:
    """Say that an epoch is not that node's."""
    return Forbidden(
        f"epoch {epoch} is another node's",
        code="epoch_of_another_node",
        remedy="each data folder has its own node id: don't copy `node.json` or `segments/` from one to another",
    )


def heard_of(node: UUID | None = None, epochs: Collection[UUID] | None = None) -> list[Heard]:
    """Give all processes that ever polled, or those of one node, or of these epochs."""
    rows = NodeEpoch.objects.all() if node is None else NodeEpoch.objects.filter(node_id=node)
    rows = rows if epochs is None else rows.filter(epoch__in=epochs)
    return [_heard(row) for row in rows.iterator()]


def numbered() -> dict[UUID, int]:
    """Give how many records each process has numbered by its own word, 0 where it says nothing: two columns of each."""
    return {epoch: journaled or 0 for epoch, journaled in NodeEpoch.objects.values_list("epoch", "journaled")}


def latest_processes(node: UUID | None = None) -> Mapping[UUID, Latest]:
    """Give the process of each node that polled last."""
    rows = Node.objects.all() if node is None else Node.objects.filter(id=node)
    return {row.id: _latest(row) for row in rows}


def forget_epochs(before: datetime, ended: set[UUID]) -> int:
    """Drop what was heard of processes that have ended, and that polled before this time last. Returns how many."""
    old = NodeEpoch.objects.filter(contact_at__lt=before).values_list("id", "epoch")
    gone = [identifier for identifier, epoch in old.iterator() if epoch in ended]
    for begin in range(0, len(gone), 500):
        NodeEpoch.objects.filter(id__in=gone[begin : begin + 500]).delete()
    return len(gone)


def _heard(row: NodeEpoch) -> Heard:
    told = None
    if row.accepted is not None and row.journaled is not None:
        told = Told(row.accepted, row.journaled, row.synced or 0, row.at_risk or 0, row.at_risk_since)
    return Heard(row.node_id, row.epoch, row.first_seen_at, row.contact_at, row.told_at, told)


def _latest(row: Node) -> Latest:
    lease = None if row.max_staleness_seconds is None else timedelta(seconds=row.max_staleness_seconds)
    return Latest(row.label, row.epoch, row.epoch_seen_at, row.contact_at, lease)
