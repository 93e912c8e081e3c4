"""Use cases of node tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from portazgo.accounts.domain import SYSTEM, Actor, Verb, can
from portazgo.accounts.tokens import NODE_PREFIX, digest_of, new_token
from portazgo.audit.service import record
from portazgo.kit.errors import NotFound, Unauthenticated
from portazgo.kit.files import write_private
from portazgo.kit.secret import Secret
from portazgo.nodes.models import NodeToken

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from portazgo.kit.clock import Clock

BOOTSTRAP_NAME = "first-run"


def create_node_token(actor: Actor, name: str, label: str, *, clock: Clock) -> tuple[NodeToken, Secret]:
    """Make a token for nodes with this label, or for any with an empty one; the Secret is to be shown this once."""
    can(actor, Verb.CREATE, NodeToken.noun)
    token = new_token(NODE_PREFIX)
    with transaction.atomic():
        row = NodeToken.objects.create(name=name, label=label, digest=digest_of(token), created_at=clock.now())
        record(actor, "node_token.created", str(row.id), details={"name": name, "label": label}, clock=clock)
    return row, token


def revoke_node_token(actor: Actor, identifier: UUID, *, clock: Clock) -> NodeToken:
    """End a token: nodes that use it keep serving what they have and hear nothing new. Raises NotFound."""
    can(actor, Verb.REVOKE, NodeToken.noun)
    with transaction.atomic():
        row = NodeToken.objects.select_for_update().filter(id=identifier).first()
        if row is None:
            raise NotFound(f"there is no node token {identifier}", code="node_token_unknown")
        if row.revoked_at is None:
            row.revoked_at = clock.now()
            row.save(update_fields=["revoked_at"])
            record(actor, "node_token.revoked", str(row.id), details={"name": row.name}, clock=clock)
    return row


def node_token(token: Secret) -> NodeToken:
    """Find the live token that is presented. Raises Unauthenticated, without saying why."""
    row = NodeToken.objects.filter(digest=digest_of(token), revoked_at=None).first()
    if row is None:
        raise Unauthenticated("the node token is not valid", code="node_token_invalid")
    return row


def ensure_node_token(path: Path, *, clock: Clock) -> bool:
    """See that `path` holds a valid node token of the deployment, as the first run needs it. Returns whether one was made."""
    if path.exists():
        presented = Secret(path.read_text("utf-8").strip())
        if NodeToken.objects.filter(digest=digest_of(presented), revoked_at=None).exists():
            return False
    _, token = create_node_token(SYSTEM, BOOTSTRAP_NAME, "", clock=clock)
    write_private(path, token.reveal() + "\n")
    return True
