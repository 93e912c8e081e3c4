"""Use cases: whose view it is, and what is in it. Records and sums leave here only by `domain`'s two functions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from portazgo.accounts.domain import PARTNER_VIEW, Verb, can
from portazgo.accounts.models import AdminToken
from portazgo.accounts.service import create_token
from portazgo.kit.errors import Invalid, NotFound
from portazgo.partner_view.domain import call_for_partner, faults_of, faults_of_blame, sums_for_partner
from portazgo.partners.models import Partner
from portazgo.traces import service as traces
from portazgo.usage import service as usage
from portazgo.usage.report import report
from portazgo.usage.telling import documents

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from portazgo.accounts.domain import Actor
    from portazgo.kit.clock import Clock
    from portazgo.kit.secret import Secret
    from portazgo.traces.domain import Filter, Record
    from portazgo.usage.schemas import UsageQuery

SCOPES = frozenset({f"{PARTNER_VIEW}:read"})


def new_token(
    actor: Actor, partner: UUID, name: str, *, clock: Clock, expires_at: datetime | None
) -> tuple[AdminToken, Secret]:
    """Make a token that opens the view of one partner and nothing else. Raises NotFound, and Forbidden as `create_token`."""
    can(actor, Verb.CREATE, AdminToken.noun)
    can(actor, Verb.READ, PARTNER_VIEW)
    return create_token(
        actor, name, SCOPES, clock=clock, expires_at=expires_at, partner=_partner(partner, str(partner)).id
    )


def whose(actor: Actor, asked: UUID | None) -> Partner:
    """Say whose view the actor sees: its own partner's, or for operators the one that they ask for.

    Raises Forbidden, Invalid when an operator asks for nobody's, NotFound; another's partner is as unknown as one that isn't.
    """
    can(actor, Verb.READ, PARTNER_VIEW)
    if asked is None and actor.partner is None:
        raise Invalid.at("/as_partner", "say as which partner: this token is not one partner's")
    wanted = str(asked or actor.partner)
    return _partner(wanted if actor.partner in {None, wanted} else None, wanted)


def _partner(identifier: UUID | str | None, asked: str) -> Partner:
    found = None if identifier is None else Partner.objects.filter(id=identifier).first()
    if found is None:
        raise NotFound(f"there is no partner {asked}", code="partner_unknown")
    return found


def own_calls(partner: Partner, query: Filter, *, code: str | None) -> Filter:
    """Restrict a filter to the partner's calls; codes and blames are those that partners are told."""
    faults = None if code is None else frozenset(faults_of(code))
    if query.blame is not None:
        of_blame = frozenset(faults_of_blame(query.blame))
        faults = of_blame if faults is None else faults & of_blame
    of_faults = None if faults is None else tuple(sorted(faults))
    return traces.matching(replace(query, partner=str(partner.id), fault=of_faults, blame=None))


def tell(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Tell records as partners may read them."""
    return [call_for_partner(told) for told in traces.told(records)]


def tell_skipped(_records: int) -> dict[str, Any]:
    """Tell that records were passed over, and not how many: they are everybody's."""
    return {}


def own_call(partner: Partner, request_id: UUID, *, asker: str | None) -> dict[str, Any]:
    """Tell one call. Raises NotFound for what is not there, and in the same words for what is another's."""
    return tell([traces.find(request_id, partner=str(partner.id), asker=asker)])[0]


def own_sums(partner: Partner, query: UsageQuery, zone: str, now: datetime) -> list[dict[str, Any]]:
    """Sum the partner's calls. Raises Invalid as the report for operators."""
    question = usage.question(query.model_copy(update={"partner": str(partner.id)}), zone, now)
    answer = report(question)
    return sums_for_partner(documents(question, answer.only, answer.rows))
