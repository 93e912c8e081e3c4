"""`/api/v1/wrapping`."""

from __future__ import annotations

from ninja import Router

from portazgo.accounts.requests import AdminRequest
from portazgo.wrapping import service
from portazgo.wrapping.models import Rewrapping
from portazgo.wrapping.schemas import RewrappingView, RotateWrapping, WrappingView
from portazgo.wrapping.service import Standing

router = Router(tags=["wrapping"])


@router.get("/wrapping", response=WrappingView)
def show_wrapping(request: AdminRequest) -> Standing:
    """Show what is sealed by what, and how far the rotation of the master key is."""
    return service.standing(request.actor, wrapper=request.wrapper)


@router.post("/wrapping/rotate", response=RewrappingView)
def rotate_wrapping(request: AdminRequest, body: RotateWrapping) -> Rewrapping:
    """Have everything sealed anew by the provider that seals now; the worker does it, and traffic goes on."""
    return service.rotate(request.actor, anyway=body.anyway, wrapper=request.wrapper, clock=request.clock)
