"""Use cases of admin tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q

from portazgo.accounts.domain import EVERYTHING, SYSTEM, Actor, Verb, can, check_life, narrower
from portazgo.accounts.models import AdminToken
from portazgo.accounts.tokens import ADMIN_PREFIX, digest_of, new_token
from portazgo.audit.service import record
from portazgo.kit.errors import Forbidden, NotFound, Unauthenticated
from portazgo.kit.files import write_private
from portazgo.kit.secret import Secret

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path
    from uuid import UUID

    from django.db.models import QuerySet

    from portazgo.kit.clock import Clock

BOOTSTRAP_NAME = "first-run"


def create_token(
    actor: Actor,
    name: str,
    scopes: frozenset[str],
    *,
    clock: Clock,
    expires_at: datetime | None = None,
    partner: UUID | None = None,
) -> tuple[AdminToken, Secret]:
    """Make a token with these scopes; the Secret is to be shown this once.

    Raises Forbidden for scopes that the actor lacks, Invalid (`expiry_too_late`) for a life longer than that of its own token.
    With a partner, it opens that partner's view and nothing else.
    """
    can(actor, Verb.CREATE, AdminToken.noun)
    if not narrower(scopes, actor.scopes):
        raise Forbidden(
            "a token can't hand out scopes that it lacks itself",
            code="scope_missing",
            remedy=f"ask for a subset of {', '.join(sorted(actor.scopes))}",
        )
    check_life(expires_at, actor)
    token = new_token(ADMIN_PREFIX)
    with transaction.atomic():
        row = AdminToken.objects.create(
            name=name,
            digest=digest_of(token),
            scopes=sorted(scopes),
            partner=partner,
            created_at=clock.now(),
            expires_at=expires_at,
        )
        of = {} if partner is None else {"partner": str(partner)}
        record(actor, "token.created", str(row.id), details={"name": name, "scopes": row.scopes, **of}, clock=clock)
    return row, token


def revoke_token(actor: Actor, identifier: UUID, *, clock: Clock) -> AdminToken:
    """End a token at once; ending it again changes nothing. Raises NotFound."""
    can(actor, Verb.REVOKE, AdminToken.noun)
    with transaction.atomic():
        row = AdminToken.objects.select_for_update().filter(id=identifier).first()
        if row is None:
            raise NotFound(f"there is no admin token {identifier}", code="token_unknown")
        if row.revoked_at is None:
            row.revoked_at = clock.now()
            row.save(update_fields=["revoked_at"])
            record(actor, "token.revoked", str(row.id), details={"name": row.name}, clock=clock)
    return row


def authenticate(token: Secret, *, clock: Clock, request_id: str | None = None, address: str | None = None) -> Actor:
    """Tell who presents this token. Raises Unauthenticated, without saying why."""
    row = _live(clock).filter(digest=digest_of(token)).first()
    if row is None:
        raise Unauthenticated(
            "the admin token is not valid",
            code="token_invalid",
            remedy="send `Authorization: Bearer <admin token>`; `portazgo migrate` writes the first one to the data folder",
        )
    partner = None if row.partner is None else str(row.partner)
    return Actor("token", str(row.id), row.name, frozenset(row.scopes), request_id, address, partner, row.expires_at)


def is_live(actor: Actor, *, clock: Clock) -> bool:
    """Tell whether the actor's token still opens anything: what lasts longer than a request asks again and again."""
    return actor.kind == "system" or _live(clock).filter(id=actor.id).exists()


def ensure_bootstrap_token(path: Path, *, clock: Clock) -> bool:
    """See that `path` holds a valid admin token with every scope, as the first run needs it. Returns whether one was made."""
    if path.exists() and _live(clock).filter(digest=digest_of(Secret(path.read_text("utf-8").strip()))).exists():
        return False
    _, token = create_token(SYSTEM, BOOTSTRAP_NAME, frozenset({EVERYTHING}), clock=clock)
    write_private(path, token.reveal() + "\n")
    return True


def _live(clock: Clock) -> QuerySet[AdminToken]:
    now = clock.now()
    return AdminToken.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None)
