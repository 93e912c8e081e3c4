"""Use cases: what is sealed by what; the rotation of the master key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.audit.service import record
from portazgo.kit.errors import Refused
from portazgo.kit.wrapping import FEATURE, WrappingUnavailable, opener_of, sealed_by
from portazgo.nodes.models import Node
from portazgo.wrapping.holdings import Holding, holdings
from portazgo.wrapping.models import Rewrapping

if TYPE_CHECKING:
    from portazgo.kit.clock import Clock
    from portazgo.kit.wrapping import KeyWrapper

LIVE = timedelta(hours=1)
"""A node that was heard of within this time has to be able to open what it will be sent."""
_PROBE = "wrapping/probe"


@dataclass(frozen=True, slots=True)
class Standing:
    """Who seals now, what each has sealed, and how far the last rotation is. `sealing` None: `trouble` says why."""

    sealing: str | None
    trouble: str | None
    opens: list[str]
    holdings: list[Holding]
    rotation: Rewrapping | None

    @property
    def behind(self) -> int | None:
        """How many secrets another provider or key has sealed; None: nobody knows who seals now."""
        return None if self.sealing is None else _not_by(self.sealing, self.holdings)


def standing(actor: Actor, *, wrapper: KeyWrapper) -> Standing:
    """Tell what is sealed by what. Asks the provider, and tells what there is when it is away."""
    can(actor, Verb.READ, Rewrapping.noun)
    sealing, trouble = None, None
    try:
        sealing = sealing_name(wrapper)
    except WrappingUnavailable as problem:
        trouble = f"{problem}; {problem.remedy}"
    return Standing(sealing, trouble, list(wrapper.opens), holdings(), Rewrapping.objects.order_by("id").last())


def rotate(actor: Actor, *, anyway: bool, wrapper: KeyWrapper, clock: Clock) -> Rewrapping:
    """Have everything that others sealed sealed anew by the provider that seals now; the worker does it.

    One that is under way to the same provider goes on. Raises Refused (`nodes_cannot_unwrap`) when a node could not open
    it, unless `anyway`, and WrappingUnavailable.
    """
    can(actor, Verb.ROTATE, Rewrapping.noun)
    target = sealing_name(wrapper)
    under_way = Rewrapping.objects.filter(finished_at=None, target=target).first()
    if under_way is not None:
        return under_way
    if not anyway:
        _refuse_left_behind(target, clock.now())
    total = _not_by(target, holdings())
    with transaction.atomic():
        # What went to another provider is overtaken by this: it seals anew what that one did.
        Rewrapping.objects.filter(finished_at=None).update(finished_at=clock.now(), trouble="overtaken by another")
        run = Rewrapping.objects.create(
            target=target, started_by=actor.name, started_at=clock.now(), total=total, finished_at=None
        )
        details = {"to": target, "secrets": total, "anyway": anyway}
        record(actor, "wrapping.rotation_started", str(run.id), details=details, clock=clock)
    return run


def sealing_name(wrapper: KeyWrapper) -> str:
    """Name what seals now: `local:<key id>`, `aws-kms:<key id>`. Raises WrappingUnavailable."""
    return sealed_by(wrapper.wrap(_PROBE, b""))


def live_nodes(now: datetime) -> list[Node]:
    """Find the nodes that were heard of lately."""
    return list(Node.objects.filter(retired_at=None, contact_at__gte=now - LIVE).order_by("id"))


def _refuse_left_behind(target: str, now: datetime) -> None:
    wanted = FEATURE + opener_of(target)
    left = []
    for node in live_nodes(now):
        newest = node.receipts.order_by("id").last()
        if newest is None or wanted not in newest.features:
            left.append(node.label or str(node.id))
    if left:
        raise Refused(
            f"these nodes can't open what {target} seals: {', '.join(left)}",
            code="nodes_cannot_unwrap",
            remedy="start them with this provider in PORTAZGO_WRAPPING or PORTAZGO_WRAPPING_ALSO, retire those that are "
            "gone, or rotate anyway: nodes that can't open a secret keep what they serve and take nothing new",
            nodes=left,
        )


def _not_by(sealer: str, found: list[Holding]) -> int:
    return sum(one.count for one in found if one.sealed_by != sealer)
