"""Brings the lives of tokens within their bounds: versions before them allowed 10 s to an hour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from portazgo.backends.domain import CredentialKind
from portazgo.backends.models import Backend
from portazgo.signing.domain import TOKEN_LIFE_SECONDS
from portazgo.snapshot.log import change
from portazgo.snapshot.wire import ResourceRef

if TYPE_CHECKING:
    from uuid import UUID

    from portazgo.accounts.domain import Actor
    from portazgo.kit.clock import Clock


def bound_token_lives(actor: Actor, *, clock: Clock) -> list[str]:
    """Shorten what lives too long, lengthen what is too short; returns the names of the backends. An audit row says both.

    Without it such a backend could not be changed any more: the API refuses the life that it has. Partners notice nothing:
    nodes renew tokens by themselves.
    """
    found = [row for row in Backend.objects.order_by("id") if _out_of_bounds(row.environments)]
    for row in found:
        _bound(actor, row.id, clock)
    return [row.name for row in found]


def _bound(actor: Actor, identifier: UUID, clock: Clock) -> None:
    reason = {"reason": f"tokens live {TOKEN_LIFE_SECONDS.start} to {TOKEN_LIFE_SECONDS.stop - 1} s since this version"}
    with change(actor, "backend.token_life_bounded", str(identifier), details=reason, clock=clock) as recorded:
        backend = Backend.objects.select_for_update().get(id=identifier)
        for minted in _out_of_bounds(backend.environments):
            minted["life_seconds"] = bounded(minted["life_seconds"])
        backend.save(update_fields=["environments"])
        recorded.touches(ResourceRef("backend", str(identifier)))


def bounded(life_seconds: int) -> int:
    """Give the life that is nearest and allowed."""
    return min(max(life_seconds, TOKEN_LIFE_SECONDS.start), TOKEN_LIFE_SECONDS.stop - 1)


def _out_of_bounds(environments: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Find what says how long our own tokens live, and says too much or too little."""
    return [one for one in _minted(environments) if one["life_seconds"] != bounded(one["life_seconds"])]


def _minted(environments: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for environment in environments.values():
        credential = environment["credential"]
        if credential["kind"] == CredentialKind.MINT:
            yield credential
        elif credential.get("subject"):
            yield credential["subject"]
