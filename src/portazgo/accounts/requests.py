"""What a request to the admin API carries once it has been let in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest

if TYPE_CHECKING:
    from portazgo.accounts.domain import Actor
    from portazgo.kit.clock import Clock
    from portazgo.kit.wrapping import KeyWrapper


class AdminRequest(HttpRequest):
    """A request of an authenticated actor, with what services take as explicit dependencies."""

    request_id: str
    actor: Actor
    clock: Clock
    wrapper: KeyWrapper
    turn: str
    """The partner whose turn it takes; an operator's request has none."""
