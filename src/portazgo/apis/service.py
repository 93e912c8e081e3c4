"""Use cases of APIs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.apis.models import Api
from portazgo.kit.web.rows import refuse_in_use, refuse_taken, the_one
from portazgo.snapshot.log import change

if TYPE_CHECKING:
    from uuid import UUID

    from portazgo.kit.clock import Clock


def create(actor: Actor, name: str, *, clock: Clock) -> Api:
    """Make an API without routes. Raises Conflict (`name_taken`)."""
    can(actor, Verb.CREATE, Api.noun)
    api = Api(name=name, created_at=clock.now())
    with change(actor, "api.created", str(api.id), details={"name": name}, clock=clock):
        refuse_taken(Api.objects.all(), "api", name)
        api.save(force_insert=True)
    return api


def delete(actor: Actor, identifier: UUID, *, clock: Clock) -> None:
    """Remove an API that has no route and no contract, and that no plan opens. Raises NotFound, Conflict (`in_use`)."""
    can(actor, Verb.DELETE, Api.noun)
    with change(actor, "api.deleted", str(identifier), clock=clock):
        api = the_one(Api.objects.select_for_update(), "api", id=identifier)
        refuse_in_use(api.routes.all(), "api", "routes")
        refuse_in_use(api.plans.all(), "api", "plans")
        refuse_in_use(api.contracts.all(), "api", "contracts")
        api.delete()
