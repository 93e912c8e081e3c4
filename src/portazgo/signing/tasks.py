"""What the worker does for signing keys: the next one when it is due, and each key on in its life as soon as it may."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from portazgo.accounts.domain import SYSTEM
from portazgo.kit.errors import Problem
from portazgo.signing import service
from portazgo.signing.algorithms import Algorithm
from portazgo.signing.domain import TOKEN_LIFE_SECONDS, NotYet, SigningState, Spread, due_at, may_go, may_sign
from portazgo.signing.models import SigningKey
from portazgo.snapshot.models import ResourceRow

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from portazgo.kit.clock import Clock
    from portazgo.kit.wrapping import KeyWrapper

logger = logging.getLogger(__name__)


class Nodes(Protocol):
    """What is known of the nodes; their part of the control plane lies above this one."""

    def __call__(self, revision: int, made_at: datetime) -> Spread:
        """Tell how far a change has come that was made at that time, or later."""


def tend(nodes: Nodes, *, wrapper: KeyWrapper, clock: Clock) -> None:
    """Do what is due. A key that can't go on says in its row what it waits for. For the worker."""
    for key in SigningKey.objects.filter(state=SigningState.SIGNING).select_related("issuer"):
        _rotate_if_due(key, wrapper, clock)
    for key in (
        SigningKey.objects.filter(state=SigningState.PUBLISHED).select_related("issuer").order_by("published_at")
    ):
        if not Algorithm(key.algorithm).is_shared:
            _go_on(
                key,
                may_sign(nodes(_revision(key), key.published_at), clock.now(), first_of_issuer=False),
                service.promote,
                clock,
            )
    for key in SigningKey.objects.filter(state=SigningState.RETIRED):
        _go_on(
            key,
            may_go(nodes(_revision(key), key.retired_at or key.published_at), _longest_life(key), clock.now()),
            service.let_go,
            clock,
        )


def _rotate_if_due(key: SigningKey, wrapper: KeyWrapper, clock: Clock) -> None:
    every = key.issuer.rotate_every_seconds
    if every is None or key.signing_since is None or Algorithm(key.algorithm).is_shared:
        return
    if clock.now() < due_at(key.signing_since, timedelta(seconds=every)):
        return
    waiting = SigningKey.objects.filter(issuer=key.issuer, algorithm=key.algorithm, state=SigningState.PUBLISHED)
    if not waiting.exists():
        service.rotate(SYSTEM, key.issuer_id, Algorithm(key.algorithm), wrapper=wrapper, clock=clock)


def _go_on(key: SigningKey, not_yet: NotYet | None, step: Callable[..., SigningKey], clock: Clock) -> None:
    if not_yet is None:
        try:
            step(SYSTEM, key.kid, clock=clock)
        except Problem as problem:
            # Somebody withdrew it meanwhile, or another worker was quicker.
            logger.info("signing key did not go on", extra={"kid": key.kid, "why": problem.detail})
        return
    said = {"waits_for": not_yet.reason, "not_before": not_yet.not_before}
    if (key.waits_for, key.not_before) != (not_yet.reason, not_yet.not_before):
        SigningKey.objects.filter(kid=key.kid, state=key.state).update(**said)


def _revision(key: SigningKey) -> int:
    """Tell the revision by which nodes learned of the state that the key is in."""
    return ResourceRow.objects.get(kind="signing_key", identifier=key.kid).revision


def _longest_life(key: SigningKey) -> timedelta:
    """Tell how long a token that the key signed may live; backends from before the bounds may say more than they allow."""
    lives = [TOKEN_LIFE_SECONDS.stop - 1]
    for line in ResourceRow.objects.filter(kind="backend").values_list("line", flat=True):
        credentials = [one["credential"] for one in json.loads(line)["body"]["environments"].values()]
        lives += [one["life_seconds"] for one in credentials if one.get("issuer") == str(key.issuer_id)]
    return timedelta(seconds=max(lives))
