"""`/api/v1/peppers`: what the digests of secrets are keyed with, and how far a rotation is."""

from __future__ import annotations

from ninja import Query, Router, Status

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.keys import pepper_rotation
from portazgo.keys.models import Pepper
from portazgo.keys.peppers_schemas import PepperState, PepperView
from portazgo.kit.paging import Page
from portazgo.kit.web.lists import page_of
from portazgo.kit.web.schemas import PageOf, PageQuery

router = Router(tags=["peppers"])


@router.get("/peppers", response=PageOf[PepperView])
def list_peppers(request: AdminRequest, query: Query[PageQuery]) -> Page[PepperView]:
    """List the versions, newest first: with more than one a rotation is under way."""
    can(request.actor, Verb.READ, Pepper.noun)
    counts, newest = pepper_rotation.secrets_by_version(), Pepper.objects.order_by("-version").first()
    rows = Pepper.objects.all()
    return page_of(rows, query, lambda row: _view(row, counts, newest=row == newest), order=("-version",))


@router.post("/peppers/rotate", response={201: PepperView})
def rotate_pepper(request: AdminRequest) -> Status[PepperView]:
    """Make a new pepper; in the background every secret is moved to it, then the old one goes from all nodes."""
    made = pepper_rotation.rotate(request.actor, wrapper=request.wrapper, clock=request.clock)
    return Status(201, _view(made, {}, newest=True))


def _view(row: Pepper, counts: dict[int, int], *, newest: bool) -> PepperView:
    state = PepperState.CURRENT if newest else PepperState.LEAVING
    return PepperView(version=row.version, state=state, secrets=counts.get(row.version, 0), created_at=row.created_at)
