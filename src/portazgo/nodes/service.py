"""Use cases: contact, receipts, retirement."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.audit.service import record
from portazgo.kit.errors import Forbidden, NotFound
from portazgo.nodes.epochs import Told, note_epoch
from portazgo.nodes.models import Node, NodeToken, Receipt
from portazgo.snapshot.feed import Position, is_point

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
    token: UUID | None = None
    told: Told | None = None
    """What the node says of its records; None: nothing."""


def admit(token: NodeToken, node: UUID) -> None:
    """Return when this token may speak for this node: from its first word on one does, until it is revoked.

    Raises Forbidden for a retired node, another token's, or another label's.
    """
    known = Node.objects.select_related("token").filter(id=node).first()
    if known is None:
        return
    if known.retired_at is not None:
        raise Forbidden(
            "this node was retired", code="node_retired", remedy="give it a new data folder, so that it gets a new id"
        )
    if known.token is not None and known.token != token and known.token.revoked_at is None:
        raise _of_another_token()
    # What a node said itself is no label that a token has to agree with, once it is known whose node it is.
    labelled = known.label_from_token or known.token is None
    if token.label and known.label != token.label and labelled:
        raise Forbidden(f"this token is for nodes labelled {token.label!r}", code="node_label")
    if known.token != token:
        _take_over(known, token)


def record_contacts(contacts: Iterable[Contact]) -> None:
    """Write down who polled, in one transaction. A poll is answered after this, so that a fence is never told too early."""
    with transaction.atomic():
        for contact in contacts:
            _record_contact(contact)


def store_receipt(token: NodeToken, node: UUID, receipt: dict[str, Any], *, clock: Clock) -> None:
    """Keep what a node says it has applied. `receipt` has been validated (schemas.ReceiptBody)."""
    now = clock.now()
    # After a restored backup, a node may be at a revision of that number with other content, and other security entries:
    # such a receipt proves nothing here, and is kept under no history. Nor does one that knows what was not made yet.
    ours = is_point(Position(receipt["history"], receipt["revision"], receipt["hash"], receipt["security"]))
    with transaction.atomic():
        _record_contact(Contact(node, receipt["epoch"], token.label, now, token.id))
        own = Node.objects.filter(id=node, token=token)
        if not own.update(version=receipt["version"], max_staleness_seconds=receipt["max_staleness_seconds"]):
            raise _of_another_token()
        own.filter(label_from_token=False).update(label=receipt["label"])
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


def _take_over(known: Node, token: NodeToken) -> None:
    """Bind a node to a token, when nobody else's was quicker; a token with a label gives it that. Raises Forbidden."""
    given = {"label": token.label, "label_from_token": True} if token.label else {}
    if Node.objects.filter(id=known.id, token=known.token).update(token=token, **given):
        return
    if not Node.objects.filter(id=known.id, token=token).exists():
        raise _of_another_token()


def _of_another_token() -> Forbidden:
    return Forbidden(
        "this node belongs to another node token",
        code="node_of_another_token",
        remedy="use the token that it came with, revoke that one so that this one takes over, "
        "or retire the node and give it a new data folder",
    )


def _record_contact(contact: Contact) -> None:
    _record_node(contact)
    note_epoch(contact.node, contact.epoch, contact.at, contact.told)


def _record_node(contact: Contact) -> None:
    known = Node.objects.filter(id=contact.node)
    if known.filter(epoch=contact.epoch).update(contact_at=contact.at):
        return
    # Another process may have been started with another lease: unknown until it says so itself.
    began = {
        "epoch": contact.epoch,
        "epoch_seen_at": contact.at,
        "max_staleness_seconds": None,
        "failing_logins": None,
        "logins_told_at": None,
    }
    if known.update(contact_at=contact.at, **began):
        return
    Node.objects.create(
        id=contact.node,
        label=contact.token_label,
        label_from_token=bool(contact.token_label),
        token_id=contact.token,
        epoch=contact.epoch,
        epoch_seen_at=contact.at,
        first_seen_at=contact.at,
        contact_at=contact.at,
    )
