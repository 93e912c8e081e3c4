"""What a difference means: what it exposes, what it breaks and for whom. One file per kind; `RULES` names them. Pure."""

from __future__ import annotations

from portazgo.declarative.domain import Kind
from portazgo.declarative.rules import api, application, backend, contract, issuer, partner, plan, route
from portazgo.declarative.rules.lines import Rule

RULES: dict[Kind, Rule] = {
    "issuer": issuer.lines,
    "backend": backend.lines,
    "api": api.lines,
    "schema": contract.schema_lines,
    "route": route.lines,
    "contract": contract.lines,
    "plan": plan.lines,
    "partner": partner.lines,
    "application": application.lines,
}
