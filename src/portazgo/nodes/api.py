"""`/api/v1/nodes`, `/api/v1/node-tokens`, `…/propagation` of what can be proven to every node, and failing logins."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from ninja import Path, Query, Router, Status

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.keys.schemas import KidText
from portazgo.kit.errors import NotFound
from portazgo.kit.paging import Page
from portazgo.kit.web.lists import page_of
from portazgo.kit.web.schemas import PageOf, PageQuery
from portazgo.nodes import propagation as of_keys
from portazgo.nodes import service, tokens
from portazgo.nodes.domain import proven
from portazgo.nodes.logins import FailingLogin, failing_at, failing_on
from portazgo.nodes.models import Node, NodeToken
from portazgo.nodes.propagation import APPLICATION, KEY, PARTNER, SIGNING_KEY, Propagation, propagation
from portazgo.nodes.schemas import (
    CreateNodeToken,
    FailingLoginsView,
    FailingLoginView,
    KeyPropagationView,
    NodeTokenShownOnce,
    NodeTokenView,
    NodeView,
    PropagationView,
    ReceiptView,
    VerdictView,
)
from portazgo.signing.schemas import JwkKidText
from portazgo.snapshot.feed import HeadNow, head_now

router = Router(tags=["nodes"])


@router.get("/nodes", response=PageOf[NodeView])
def list_nodes(request: AdminRequest, page: Query[PageQuery]) -> Page[NodeView]:
    """List the gateway nodes that ever polled."""
    can(request.actor, Verb.READ, Node.noun)
    head, now = head_now(), request.clock.now()
    return page_of(Node.objects.select_related("token"), page, lambda node: _view(node, head, now))


@router.get("/nodes/{uuid:node_id}", response=NodeView)
def show_node(request: AdminRequest, node_id: UUID) -> NodeView:
    """Show a gateway node."""
    can(request.actor, Verb.READ, Node.noun)
    node = Node.objects.select_related("token").filter(id=node_id).first()
    if node is None:
        raise NotFound(f"there is no node {node_id}", code="node_unknown")
    return _view(node, head_now(), request.clock.now())


@router.get("/backends/{uuid:backend_id}/logins", response=FailingLoginsView)
def failing_logins(request: AdminRequest, backend_id: UUID) -> dict[str, list[FailingLogin]]:
    """Tell which logins at a backend fail now, on which nodes, since when and why."""
    return {"failing": failing_at(request.actor, backend_id, clock=request.clock)}


@router.post("/nodes/{uuid:node_id}/retire", response=NodeView)
def retire_node(request: AdminRequest, node_id: UUID) -> NodeView:
    """Declare that a node is gone for good: it no longer counts in propagation and is not let in again."""
    return _view(service.retire(request.actor, node_id, clock=request.clock), head_now(), request.clock.now())


@router.get("/keys/{kid}/propagation", response=KeyPropagationView)
def key_propagation(request: AdminRequest, kid: Path[KidText]) -> KeyPropagationView:
    """Tell whether every node knows the last change of a key: is it dead everywhere?"""
    told = _told(propagation(request.actor, KEY, kid, clock=request.clock))
    return KeyPropagationView(**told.model_dump(), kid=kid)


@router.get("/partners/{uuid:partner_id}/propagation", response=PropagationView)
def partner_propagation(request: AdminRequest, partner_id: UUID) -> PropagationView:
    """Tell whether every node knows the last change of a partner: is it suspended everywhere?"""
    return _told(propagation(request.actor, PARTNER, str(partner_id), clock=request.clock))


@router.get("/applications/{uuid:application_id}/propagation", response=PropagationView)
def application_propagation(request: AdminRequest, application_id: UUID) -> PropagationView:
    """Tell whether every node knows the last change of an application: is it suspended everywhere?"""
    return _told(propagation(request.actor, APPLICATION, str(application_id), clock=request.clock))


@router.get("/signing-keys/{kid}/propagation", response=PropagationView)
def signing_key_propagation(request: AdminRequest, kid: Path[JwkKidText]) -> PropagationView:
    """Tell whether every node knows the last change of a signing key: does none sign with it any more?"""
    return _told(propagation(request.actor, SIGNING_KEY, kid, clock=request.clock))


@router.get("/partners/{uuid:partner_id}/keys/propagation", response=PropagationView)
def partner_keys_propagation(request: AdminRequest, partner_id: UUID) -> PropagationView:
    """Tell whether every revoked key of a partner is dead on every node."""
    return _told(of_keys.partner_keys_propagation(request.actor, partner_id, clock=request.clock))


@router.get("/partners/{uuid:partner_id}/erasure/propagation", response=PropagationView)
def partner_erasure_propagation(request: AdminRequest, partner_id: UUID) -> PropagationView:
    """Tell which nodes have proven that what was erased of a partner is left neither in their memory nor in their files."""
    return _told(of_keys.erasure_propagation(request.actor, partner_id, clock=request.clock))


@router.get("/applications/{uuid:application_id}/keys/propagation", response=PropagationView)
def application_keys_propagation(request: AdminRequest, application_id: UUID) -> PropagationView:
    """Tell whether every revoked key of an application is dead on every node."""
    return _told(of_keys.application_keys_propagation(request.actor, application_id, clock=request.clock))


@router.get("/node-tokens", response=PageOf[NodeTokenView])
def list_node_tokens(request: AdminRequest, page: Query[PageQuery]) -> Page[NodeToken]:
    """List the node tokens, newest first."""
    can(request.actor, Verb.READ, NodeToken.noun)
    return page_of(NodeToken.objects.all(), page, lambda row: row, order=("-id",))


@router.post("/node-tokens", response={201: NodeTokenShownOnce})
def create_node_token(request: AdminRequest, body: CreateNodeToken) -> Status[NodeTokenShownOnce]:
    """Make a node token; the answer shows it this once."""
    row, token = tokens.create_node_token(request.actor, body.name, body.label, clock=request.clock)
    shown: dict[str, Any] = NodeTokenView.from_orm(row).model_dump()
    return Status(201, NodeTokenShownOnce(**shown, token=token.reveal()))


@router.post("/node-tokens/{uuid:token_id}/revoke", response=NodeTokenView)
def revoke_node_token(request: AdminRequest, token_id: UUID) -> NodeToken:
    """End a node token."""
    return tokens.revoke_node_token(request.actor, token_id, clock=request.clock)


def _told(found: Propagation) -> PropagationView:
    return PropagationView(
        kind=found.kind,
        id=found.id,
        revision=found.target.revision,
        security_sequence=found.target.security,
        changed_at=found.changed_at,
        proven=proven(found.verdicts),
        tokens_end_at=found.tokens_end_at,
        tokens_unbounded=found.tokens_unbounded,
        nodes=[
            VerdictView(node=one.node, label=one.label, state=one.standing.value, at=one.at) for one in found.verdicts
        ],
    )


def _view(node: Node, head: HeadNow, now: datetime) -> NodeView:
    receipt = node.receipts.order_by("-id").first()
    lease = None if node.max_staleness_seconds is None else timedelta(seconds=node.max_staleness_seconds)
    of_this_history = receipt is not None and receipt.history == head.history
    return NodeView(
        id=node.id,
        label=node.label,
        version=node.version,
        epoch=node.epoch,
        epoch_seen_at=node.epoch_seen_at,
        first_seen_at=node.first_seen_at,
        contact_at=node.contact_at,
        retired_at=node.retired_at,
        token=node.token.name if node.token else None,
        max_staleness_seconds=node.max_staleness_seconds,
        lease_ends_at=None if lease is None else node.contact_at + lease,
        behind=head.revision - receipt.revision if receipt and of_this_history else None,
        current=receipt is not None
        and receipt.refused is None
        and (receipt.history, receipt.revision) == (head.history, head.revision),
        receipt=ReceiptView.from_orm(receipt) if receipt else None,
        failing_logins=[FailingLoginView.from_orm(one) for one in failing_on(node, now)],
    )
