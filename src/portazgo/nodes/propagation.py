"""How far a change has come: which nodes have proven that they no longer serve what was before."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.applications.models import Application
from portazgo.keys.domain import KeyStatus
from portazgo.keys.models import Key
from portazgo.kit.errors import NotFound
from portazgo.kit.web.rows import the_one
from portazgo.nodes.domain import CLOCKS_APART, Applied, Standing, Target, Verdict, Witness, judge
from portazgo.nodes.models import Node
from portazgo.partners.models import DataKey, Partner
from portazgo.signing.domain import Spread
from portazgo.snapshot.feed import head_now
from portazgo.snapshot.models import ChangeRow, ResourceRow, SecurityRow
from portazgo.snapshot.revocations import REVOKE

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models import QuerySet

    from portazgo.kit.clock import Clock
    from portazgo.snapshot.wire import Kind, SecurityOperation


@dataclass(frozen=True, slots=True)
class Provable:
    """A kind of thing whose changes go through the security lane."""

    kind: Kind
    noun: str
    """Whose `read` is needed."""
    operations: tuple[SecurityOperation, ...]


KEY = Provable("key", "keys", ("revoke_key", "disable_key", "enable_key", "narrow_networks"))
PARTNER = Provable("partner", "partners", ("suspend_partner", "resume_partner"))
APPLICATION = Provable("application", "applications", ("suspend_application", "resume_application"))
SIGNING_KEY = Provable("signing_key", "issuers", ("withdraw_signing_key",))


@dataclass(frozen=True, slots=True)
class Propagation:
    """How far a change has come. `tokens_end_at`: when the last token of before ends at the latest, as far as it is known.

    `tokens_unbounded`: names of the backends whose own answers say how long fetched tokens live; here nobody knows.
    """

    kind: str
    id: str
    target: Target
    changed_at: datetime | None
    tokens_end_at: datetime | None
    tokens_unbounded: list[str]
    verdicts: list[Verdict]


def propagation(actor: Actor, thing: Provable, identifier: str, *, clock: Clock) -> Propagation:
    """Tell which nodes know the last change of a thing. Raises NotFound."""
    can(actor, Verb.READ, thing.noun)
    entries = SecurityRow.objects.filter(identifier=identifier, operation__in=thing.operations)
    entry = entries.order_by("-sequence").first()
    resource = ResourceRow.objects.filter(kind=thing.kind, identifier=identifier).first()
    if entry is None and resource is None:
        raise NotFound(f"there is no {thing.kind} {identifier}", code=f"{thing.kind}_unknown")
    revision = max(entry.revision if entry else 0, resource.revision if resource else 0)
    # Through the lane only when the lane carried that very change: a later change of scopes is confirmed by revision.
    in_lane = entry if entry is not None and entry.revision == revision else None
    return _judged(thing.kind, identifier, revision, in_lane, clock)


def partner_keys_propagation(actor: Actor, identifier: UUID, *, clock: Clock) -> Propagation:
    """Tell which nodes know that every revoked key of a partner is dead. Raises NotFound."""
    can(actor, Verb.READ, Key.noun)
    the_one(Partner.objects.all(), "partner", id=identifier)
    return _of_keys("partner", identifier, Key.objects.filter(application__partner=identifier), clock)


def erasure_propagation(actor: Actor, identifier: UUID, *, clock: Clock) -> Propagation:
    """Tell which nodes have proven that no destroyed data key of a partner is left with them. Raises NotFound."""
    can(actor, Verb.READ, Partner.noun)
    erased = (
        DataKey.objects.filter(partner=identifier, erased_revision__isnull=False).order_by("-erased_revision").first()
    )
    if erased is None or erased.erased_revision is None:
        raise NotFound("nothing of this partner was erased", code="nothing_erased")
    return _judged("partner", str(identifier), erased.erased_revision, None, clock)


def application_keys_propagation(actor: Actor, identifier: UUID, *, clock: Clock) -> Propagation:
    """Tell which nodes know that every revoked key of an application is dead. Raises NotFound."""
    can(actor, Verb.READ, Key.noun)
    the_one(Application.objects.all(), "application", id=identifier)
    return _of_keys("application", identifier, Key.objects.filter(application=identifier), clock)


def spread(revision: int, made_at: datetime, *, clock: Clock) -> Spread:
    """Tell how far a change of that time, or later, has come: who may still serve what was before, or since when none."""
    logged_at = ChangeRow.objects.filter(revision=revision).values_list("made_at", flat=True).first()
    made_at = max(made_at, logged_at or made_at)
    target = Target(head_now().history, revision, None, made_at)
    now = clock.now()
    verdicts = [judge(target, witness, now) for witness in _witnesses(target)]
    silent = tuple(verdict.label or verdict.node for verdict in verdicts if verdict.standing is Standing.UNPROVEN)
    if silent:
        return Spread(silent, None)
    return Spread((), max([made_at, *(verdict.at for verdict in verdicts if verdict.at is not None)]))


def _of_keys(kind: str, identifier: UUID, keys: QuerySet[Key], clock: Clock) -> Propagation:
    dead = keys.filter(status=KeyStatus.REVOKED).values("kid")
    # The lane is taken in order: who has the newest of these entries has all of them.
    newest = SecurityRow.objects.filter(operation=REVOKE, identifier__in=dead).order_by("-sequence").first()
    if newest is None:
        raise NotFound(f"no key of this {kind} was revoked", code="nothing_revoked")
    return _judged(kind, str(identifier), newest.revision, newest, clock)


def _judged(kind: str, identifier: str, revision: int, entry: SecurityRow | None, clock: Clock) -> Propagation:
    changed_at = entry.at if entry else None
    made_at = changed_at or ChangeRow.objects.filter(revision=revision).values_list("made_at", flat=True).first()
    target = Target(head_now().history, revision, entry.sequence if entry else None, made_at)
    now = clock.now()
    verdicts = [judge(target, witness, now) for witness in _witnesses(target)]
    return Propagation(kind, identifier, target, changed_at, *_tokens_of_before(changed_at), verdicts)


def _witnesses(target: Target) -> list[Witness]:
    witnesses = []
    for node in Node.objects.filter(retired_at=None).order_by("id"):
        # The earliest that covers by revision, and the earliest by the lane: one of them is when it was confirmed.
        receipts = node.receipts.filter(history=target.history)
        if target.made_at is not None:
            receipts = receipts.filter(received_at__gte=target.made_at - CLOCKS_APART)
        found = [receipts.filter(revision__gte=target.revision).order_by("id").first()]
        if target.security is not None:
            found.append(receipts.filter(security__gte=target.security).order_by("id").first())
        applied = sorted(
            (Applied(one.history, one.revision, one.security, one.received_at) for one in found if one),
            key=lambda one: one.received_at,
        )
        seconds = node.max_staleness_seconds
        lease = None if seconds is None else timedelta(seconds=seconds)
        witnesses.append(Witness(str(node.id), node.label, node.contact_at, lease, applied))
    return witnesses


def _tokens_of_before(changed_at: datetime | None) -> tuple[datetime | None, list[str]]:
    """Say when the last token of before the change ends: backends accept it until then, whatever nodes do.

    A fetched token's life is known where the login's settings fix it; else the backend is named.
    """
    if changed_at is None:
        return None, []
    lives: list[float] = [0]
    unbounded = set()
    for line in ResourceRow.objects.filter(kind="backend").values_list("line", flat=True):
        body = json.loads(line)["body"]
        for environment in body["environments"].values():
            credential = environment["credential"]
            life = credential.get("login", credential).get("life_seconds")
            if life is not None:
                lives.append(life)
            elif "login" in credential:
                unbounded.add(body["name"])
    ends_at = changed_at + timedelta(seconds=max(lives)) if max(lives) else None
    return ends_at, sorted(unbounded)
