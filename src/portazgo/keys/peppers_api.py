"""`/api/v1/peppers`: what the digests of secrets are keyed with, and how far a rotation is."""

from __future__ import annotations

from ninja import Query, Router, Status

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.keys import pepper_rotation
from portazgo.keys.models import Pepper
from portazgo.keys.pepper_rotation import Held
from portazgo.keys.peppers_schemas import PepperDetail, PepperState, PepperView, StuckSecretView
from portazgo.kit.paging import Page
from portazgo.kit.web.lists import page_of
from portazgo.kit.web.rows import the_one
from portazgo.kit.web.schemas import PageOf, PageQuery

router = Router(tags=["peppers"])

STUCK_SHOWN = 100


@router.get("/peppers", response=PageOf[PepperView])
def list_peppers(request: AdminRequest, query: Query[PageQuery]) -> Page[PepperView]:
    """List the versions, newest first: with more than one a rotation is under way."""
    can(request.actor, Verb.READ, Pepper.noun)
    held, newest = pepper_rotation.held_by_version(), _newest()
    rows = Pepper.objects.all()
    return page_of(rows, query, lambda row: _view(row, held, newest), order=("-version",))


@router.get("/peppers/{int:version}", response=PepperDetail)
def show_pepper(request: AdminRequest, version: int) -> PepperDetail:
    """Show a version, and the secrets that can't be moved away from it."""
    can(request.actor, Verb.READ, Pepper.noun)
    row = the_one(Pepper.objects.all(), "pepper", version=version)
    shown = _view(row, pepper_rotation.held_by_version(), _newest())
    stuck = pepper_rotation.stuck_secrets(version)[:STUCK_SHOWN]
    return PepperDetail.model_construct(**shown.dict(), stuck_secrets=[StuckSecretView.from_orm(one) for one in stuck])


@router.post("/peppers/rotate", response={201: PepperView})
def rotate_pepper(request: AdminRequest) -> Status[PepperView]:
    """Make a new pepper; in the background every secret is moved to it, then the old one goes from all nodes."""
    made = pepper_rotation.rotate(request.actor, wrapper=request.wrapper, clock=request.clock)
    return Status(201, _view(made, {}, made))


def _newest() -> Pepper | None:
    return Pepper.objects.order_by("-version").first()


def _view(row: Pepper, all_held: dict[int, Held], newest: Pepper | None) -> PepperView:
    held = all_held.get(row.version, Held())
    only_stuck = held.secrets and held.secrets == held.stuck
    older = PepperState.STUCK if only_stuck else PepperState.LEAVING
    state = PepperState.CURRENT if row == newest else older
    return PepperView(
        version=row.version, state=state, secrets=held.secrets, stuck=held.stuck, created_at=row.created_at
    )
