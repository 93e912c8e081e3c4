"""Use cases of records that won't come: a node that is declared lost, a gap that a person accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.audit.models import AuditRow
from portazgo.audit.service import record
from portazgo.kit.clock import nearest_time, rfc3339
from portazgo.kit.errors import Conflict, NotFound
from portazgo.nodes.epochs import Latest, latest_processes
from portazgo.nodes.models import Node
from portazgo.usage.balance import balance_of, balances, with_gaps
from portazgo.usage.collector import LEDGER
from portazgo.usage.domain import HOST_LOST, Balance, Living, Verdict
from portazgo.usage.models import AcceptedGap, EpochAccount, EpochEnd, Manifest

if TYPE_CHECKING:
    from datetime import datetime

    from portazgo.kit.clock import Clock


def declare_lost(actor: Actor, node: UUID, died_at: datetime | None, *, clock: Clock) -> list[Balance]:
    """Declare that a node and its disk are gone: what of it never ended has ended `host_lost`. Returns those epochs.

    `died_at`: when it was seen alive last; None: until its lease ended, or now where it served without one. Should it come
    back after all, its own reports and segments take the place of this. A node may be known by its records only, where the
    state is from before it joined. Raises NotFound, Conflict (`node_alive`, `epochs_ended`).
    """
    can(actor, Verb.DELETE, Node.noun)
    now = clock.now()
    latest = latest_processes(node).get(node)
    known = balances(now, node)
    if latest is None and not known:
        raise NotFound(f"there is no node {node}", code="node_unknown")
    open_ones = [one for one in known if one.ended is None]
    lost = [one for one in open_ones if one.living is Living.SILENT]
    untold = _untold(node, known)
    if not lost and not untold:
        raise _nothing_lost(latest, open_ones, now)
    with transaction.atomic():
        # The ledger's first: should the audit row fail, the same command writes it.
        with transaction.atomic(using=LEDGER):
            for one in lost:
                _end_by_word(one, latest, died_at, now)
        told = {one.epoch for one in lost} | untold
        found = [with_gaps(one, now) for one in balances(now, node) if one.epoch in told]
        details = {
            "epochs": [str(one.epoch) for one in found],
            "missing": sum(one.missing_records for one in found),
            "died_at": None if died_at is None else rfc3339(died_at),
        }
        record(actor, "node.lost", str(node), details=details, clock=clock)
    return found


def _untold(node: UUID, known: list[Balance]) -> set[UUID]:
    """Name the epochs that were declared lost, and whose row is not in the audit: the process died in between."""
    declared = {one.epoch for one in known if one.ended is not None and one.ended.declared}
    if not declared:
        return declared
    rows = AuditRow.objects.filter(action="node.lost", subject=str(node)).values_list("details", flat=True)
    return declared - {UUID(epoch) for details in rows for epoch in details.get("epochs", ())}


def accept_gap(actor: Actor, epoch: UUID, reason: str, *, clock: Clock) -> Balance:
    """Accept that records of an epoch that has ended are missing, or may be: it counts as settled.

    Of one that goes on, other records may come late than those that are lost. What is missing later is not covered.
    Raises NotFound (`epoch_unknown`), Conflict (`epoch_goes_on`, `epoch_whole`).
    """
    can(actor, Verb.CHANGE, Manifest.noun)
    found = balance_of(epoch, clock.now())
    if found is None:
        raise NotFound(f"nothing is known of an epoch {epoch}", code="epoch_unknown")
    if found.ended is None:
        raise Conflict(
            "the epoch has not ended: what is not here yet may still come",
            code="epoch_goes_on",
            remedy="accept it when it has ended, as with its node's next start; "
            "where node and disk are gone, declare it with `portazgo node lost`",
        )
    if found.verdict in {Verdict.WHOLE, Verdict.SPILLED}:
        raise Conflict("no record of this epoch is missing", code="epoch_whole")
    with transaction.atomic():
        with transaction.atomic(using=LEDGER):
            AcceptedGap.objects.using(LEDGER).update_or_create(
                epoch=epoch,
                defaults={
                    "node": found.node,
                    "missing": found.missing_records,
                    "seconds_at_risk": found.seconds_at_risk,
                    "unexplained": found.unexplained,
                    "reason": reason,
                    "accepted_by": actor.name,
                    "accepted_at": clock.now(),
                },
            )
        details = {
            "node": str(found.node),
            "reason": reason,
            "missing": found.missing_records,
            "seconds_at_risk": found.seconds_at_risk,
            "unexplained": found.unexplained,
        }
        record(actor, "usage.gap_accepted", str(epoch), details=details, clock=clock)
    settled = balance_of(epoch, clock.now())
    assert settled is not None  # noqa: S101 - epochs are never forgotten
    return settled


def _nothing_lost(latest: Latest | None, open_ones: list[Balance], now: datetime) -> Conflict:
    if latest is None or not open_ones:
        return Conflict(
            "every epoch of this node has ended", code="epochs_ended", remedy="see `portazgo usage balance`"
        )
    seconds = int((now - latest.contact_at).total_seconds())
    return Conflict(
        f"the node was heard of {seconds} s ago",
        code="node_alive",
        remedy="a node that lives ships what it has; wait until it has been silent for a minute",
    )


def _end_by_word(one: Balance, latest: Latest | None, died_at: datetime | None, now: datetime) -> None:
    account = EpochAccount.objects.using(LEDGER).filter(epoch=one.epoch, node=one.node).first()
    collected_until = None if account is None or not account.collected else nearest_time(account.ended_at_us)
    lease_ended = now if latest is None or latest.max_staleness is None else latest.contact_at + latest.max_staleness
    until = min(now, died_at or lease_ended)
    since = min(until, collected_until or one.first_seen_at or until)
    EpochEnd.objects.using(LEDGER).get_or_create(
        epoch=one.epoch,
        defaults={
            "node": one.node,
            "end": HOST_LOST,
            "last_sequence": one.latest_sequence,
            "accepted": None,
            "declared": True,
            "started_at": since if one.first_seen_at is None else one.first_seen_at,
            "ended_at": until,
            "seconds_at_risk": (until - since).total_seconds(),
        },
    )
