"""`permission_classes = [HasScope("parcels.read")]`: the token must have the scope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.permissions import BasePermission

from portazgo.contrib.drf.authentication import PortazgoToken

if TYPE_CHECKING:
    from rest_framework.request import Request


class HasScope(BasePermission):
    """Lets in whoever came with a token of Portazgo that has every one of these scopes."""

    message = "The token lacks a scope that this needs."
    code = "insufficient_scope"

    def __init__(self, *scopes: str) -> None:
        if not scopes:
            raise ValueError("HasScope needs a scope: without one it would let everybody in")
        self._scopes = frozenset(scopes)

    def __call__(self) -> HasScope:
        """Stand in for a class, as Django REST Framework makes one object of each for a request."""
        return self

    def has_permission(self, request: Request, view: Any) -> bool:  # noqa: ARG002 - DRF's own signature
        """Tell whether the token has the scopes."""
        return isinstance(request.auth, PortazgoToken) and self._scopes <= request.auth.scopes
