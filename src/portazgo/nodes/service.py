"""Use cases: contact, receipts, propagation, retirement."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.audit.service import record
from portazgo.kit.errors import Forbidden, NotFound
from portazgo.nodes.domain import Applied, Target, Verdict, Witness, judge
from portazgo.nodes.models import Node, NodeToken, Receipt
from portazgo.snapshot.feed import head_now, is_point
from portazgo.snapshot.models import ResourceRow, SecurityRow

if TYPE_CHECKING:
    from portazgo.kit.clock import Clock

RECEIPTS_KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Contact:
    """A poll that came in."""

    node: UUID
    epoch: UUID
    token_label: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Propagation:
    """How far a change of a key has come. `tokens_end_at`: when the last JWT minted before it ends at the latest."""

    target: Target
    changed_at: datetime | None
    tokens_end_at: datetime | None
    verdicts: list[Verdict]


def admit(token: NodeToken, node: UUID) -> None:
    """Return when this token may speak for this node. Raises Forbidden for another label's node, or a retired one."""
    known = Node.objects.filter(id=node).only("label", "retired_at").first()
    if known is None:
        return
    if known.retired_at is not None:
        raise Forbidden(
            "this node was retired", code="node_retired", remedy="give it a new data folder, so that it gets a new id"
        )
    if token.label and known.label != token.label:
        raise Forbidden(f"this token is for nodes labelled {token.label!r}", code="node_label")


def record_contacts(contacts: Iterable[Contact]) -> None:
    """Write down who polled, in one transaction. A poll is answered after this, so that a fence is never told too early."""
    with transaction.atomic():
        for contact in contacts:
            _record_contact(contact)


def store_receipt(token: NodeToken, node: UUID, receipt: dict[str, Any], *, clock: Clock) -> None:
    """Keep what a node says it has applied. `receipt` has been validated (schemas.ReceiptBody)."""
    now = clock.now()
    label = token.label or receipt["label"]
    # After a restored backup, a node may be at a revision of that number with other content, and other security entries:
    # such a receipt proves nothing here, and is kept under no history.
    ours = is_point(receipt["history"], receipt["revision"], receipt["hash"])
    with transaction.atomic():
        _record_contact(Contact(node, receipt["epoch"], token.label, now))
        Node.objects.filter(id=node).update(label=label, version=receipt["version"])
        Receipt.objects.create(
            node_id=node,
            epoch=receipt["epoch"],
            history=receipt["history"] if ours else "",
            revision=receipt["revision"],
            hash=receipt["hash"],
            security=receipt["security"],
            applied_at=receipt["applied_at"],
            received_at=now,
            threads=receipt["threads"],
            refused=receipt["refused"],
            clock_offset_us=receipt["clock_offset_us"],
            features=receipt["features"],
        )


def forget_old_receipts(now: datetime) -> int:
    """Drop receipts older than 30 days but each node's newest. Returns how many. For the worker."""
    newest = [node.receipts.latest("id").pk for node in Node.objects.filter(receipts__isnull=False).distinct()]
    return Receipt.objects.filter(received_at__lt=now - RECEIPTS_KEPT).exclude(id__in=newest).delete()[0]


def retire(actor: Actor, identifier: UUID, *, clock: Clock) -> Node:
    """Declare that a node is gone for good: it no longer counts, and is not let in again. Raises NotFound."""
    can(actor, Verb.DELETE, Node.noun)
    with transaction.atomic():
        node = Node.objects.select_for_update().filter(id=identifier).first()
        if node is None:
            raise NotFound(f"there is no node {identifier}", code="node_unknown")
        if node.retired_at is None:
            node.retired_at = clock.now()
            node.save(update_fields=["retired_at"])
            record(actor, "node.retired", str(node.id), details={"label": node.label}, clock=clock)
    return node


def key_propagation(actor: Actor, kid: str, *, max_staleness: timedelta | None, clock: Clock) -> Propagation:
    """Tell which nodes know the last change of a key. Raises NotFound."""
    can(actor, Verb.READ, "keys")
    entry = SecurityRow.objects.filter(identifier=kid).order_by("-sequence").first()
    resource = ResourceRow.objects.filter(kind="key", identifier=kid).first()
    if entry is None and resource is None:
        raise NotFound(f"there is no key {kid}", code="key_unknown")
    revision = max(entry.revision if entry else 0, resource.revision if resource else 0)
    # Through the lane only when the lane carried that very change: a later change of scopes is confirmed by revision.
    in_lane = entry is not None and entry.revision == revision
    target = Target(head_now().history, revision, entry.sequence if in_lane and entry else None)
    now = clock.now()
    verdicts = [judge(target, witness, now, max_staleness) for witness in _witnesses(target)]
    changed_at = entry.at if in_lane and entry else None
    return Propagation(target, changed_at, _tokens_end_at(changed_at), verdicts)


def _record_contact(contact: Contact) -> None:
    known = Node.objects.filter(id=contact.node)
    if known.filter(epoch=contact.epoch).update(contact_at=contact.at):
        return
    if known.update(contact_at=contact.at, epoch=contact.epoch, epoch_seen_at=contact.at):
        return
    Node.objects.create(
        id=contact.node,
        label=contact.token_label,
        epoch=contact.epoch,
        epoch_seen_at=contact.at,
        first_seen_at=contact.at,
        contact_at=contact.at,
    )


def _witnesses(target: Target) -> list[Witness]:
    witnesses = []
    for node in Node.objects.filter(retired_at=None).order_by("id"):
        # The earliest that covers by revision, and the earliest by the lane: one of them is when it was confirmed.
        receipts = node.receipts.filter(history=target.history)
        found = [receipts.filter(revision__gte=target.revision).order_by("id").first()]
        if target.security is not None:
            found.append(receipts.filter(security__gte=target.security).order_by("id").first())
        applied = sorted(
            (Applied(one.history, one.revision, one.security, one.applied_at) for one in found if one),
            key=lambda one: one.applied_at,
        )
        witnesses.append(Witness(str(node.id), node.label, node.contact_at, applied))
    return witnesses


def _tokens_end_at(changed_at: datetime | None) -> datetime | None:
    """Say when the last token minted before the change ends: backends accept it until then, whatever nodes do."""
    if changed_at is None:
        return None
    lives = [0]
    for line in ResourceRow.objects.filter(kind="backend").values_list("line", flat=True):
        environments = json.loads(line)["body"]["environments"]
        lives += [one["credential"].get("life_seconds", 0) for one in environments.values()]
    return changed_at + timedelta(seconds=max(lives)) if max(lives) else None
