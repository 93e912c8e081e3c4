"""A key for a test of its own: an application on a plan without throttles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from support.deployment import Deployment

PLAN = "open"


@dataclass(frozen=True, slots=True)
class OwnKey:
    """As it was shown once."""

    kid: str
    whole: str


def own_key(deployment: Deployment, name: str, *further_apis: str) -> OwnKey:
    """Make a key and wait until it is known; its plan has no throttle, and the demo's API beside those that are named by id."""
    admin = deployment.admin
    apis = [*next(admin.pages("/plans", {"name": "demo"}))["apis"], *further_apis]
    plan_name = "-".join([PLAN, *(api[-12:] for api in further_apis)])
    plan = next(admin.pages("/plans", {"name": plan_name}), None) or admin.post(
        "/plans", {"name": plan_name, "apis": apis}
    )
    partner = next(admin.pages("/partners", {"name": "demo-partner"}))["id"]
    wanted = {"partner": partner, "plan": plan["id"], "name": plan_name, "environment": "live"}
    known = next(admin.pages("/applications", {"partner": partner, "name": plan_name}), None)
    application = known or admin.post("/applications", wanted)
    key = admin.post(f"/applications/{application['id']}/keys", {"name": name})
    whoami = "/.well-known/portazgo/whoami"
    deployment.wait_for(lambda: deployment.call(whoami, X_Api_Key=key["api_key"]).status == 200, f"the key {name}")
    return OwnKey(key["kid"], key["api_key"])
