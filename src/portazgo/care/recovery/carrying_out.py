"""Looks into the restored database for a plan, and carries the plan out: one transaction, then a new history."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import transaction

from portazgo.accounts.domain import EVERYTHING, Actor
from portazgo.applications.models import Application
from portazgo.applications.service import suspend as suspend_application
from portazgo.care.recovery.burying import graves_of
from portazgo.care.recovery.holding import names_of, parts, secrets_of
from portazgo.care.recovery.lapsed import ahead
from portazgo.care.recovery.planning import Database, Graves, Operation, Plan, Step, Teller, mentioned, plan
from portazgo.keys import service as keys
from portazgo.keys.burials import bury
from portazgo.keys.domain import KeyStatus
from portazgo.keys.models import Key
from portazgo.keys.rotation import let_lapse
from portazgo.kit.clock import SYSTEM_CLOCK, from_microseconds
from portazgo.kit.errors import Conflict
from portazgo.kit.ids import parse_id
from portazgo.nodes.models import Node
from portazgo.partners.domain import Standing
from portazgo.partners.erasing import erase_again, finish, line_of_erased
from portazgo.partners.models import DataKey, Partner
from portazgo.partners.service import suspend as suspend_partner
from portazgo.signing.domain import SigningState
from portazgo.signing.models import SigningKey
from portazgo.signing.service import withdraw_key
from portazgo.snapshot import revocations
from portazgo.snapshot.feed import head_now
from portazgo.snapshot.history import begin_anew
from portazgo.snapshot.log import change
from portazgo.snapshot.models import ChangeRow, PastHistory, ResourceRow, SecurityRow
from portazgo.snapshot.wire import NO_HASH

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from portazgo.kit.clock import Clock
    from portazgo.snapshot.feed import HeadNow

RECOVERY = Actor("system", "recover", "portazgo recover", frozenset({EVERYTHING}))


def known_nodes() -> dict[str, str]:
    """Name the nodes that are not retired: id to label."""
    return {str(node.id): node.label for node in Node.objects.filter(retired_at=None)}


def make_plan(
    tellers: Sequence[Teller],
    adopted: Sequence[str] = (),
    speechless: Collection[str] = (),
    left_out: Collection[str] = (),
    *,
    question: str = "",
    clock: Clock = SYSTEM_CLOCK,
) -> Plan:
    """Hold what nodes told against the database. `question` is what the marks of secrets were made with."""
    known = _database(tellers)
    secrets = secrets_of(ahead(tellers, known, adopted), question, clock)
    names = {("key", kid): name for kid, name in names_of(secrets.held).items()}
    known = replace(known, secrets=secrets, names={**known.names, **names}, graves=graves_of(tellers))
    return plan(tellers, known, adopted, speechless, left_out)


def carry_out(made: Plan, *, clock: Clock) -> tuple[HeadNow, list[str]]:
    """Begin a new history and close what the plan closes: all or nothing, and it may be done again.

    Returns where the new history is, and what could not be closed, as sentences.
    """
    # First, and outside: the file only grows, and what is in it is dead whether the rest comes to its end or not.
    dead = [_line_of(kid) for kid in made.dead_unknown]
    erased = [line_of_erased(UUID(key), clock.now()) for key in made.erased_unknown]
    revocations.append(settings.PORTAZGO.data_dir, [*dead, *erased])
    left = _left_unburied(made.graves)
    details = {
        "ended": made.history,
        "told_by": [teller.called for teller in made.tellers][:50],
        "silent": list(made.silent)[:50],
        "left_out": list(made.left_out)[:50],
    }
    with transaction.atomic():
        # Before the steps: no number that the old history gave to something else is given to one of them.
        begin_anew(past_revision=made.base, past_security=made.security, adopted=made.adopted, clock=clock)
        with change(RECOVERY, "history.recovered", made.history, details=details, clock=clock) as recorded:
            failed = 0
            for step in made.steps:
                try:
                    _CLOSING[step.operation](step, clock)
                except Conflict as problem:
                    failed += 1
                    left.append(f"{step.operation} {step.id}: {problem.detail}")
            bury(made.graves.lookups, made.graves.lookup_keys, clock=clock)
            recorded.note(closed=len(made.steps) - failed, buried=len(made.graves.lookups))
        begun = head_now()
    _finish_erasing(made)
    return begun, left


def _finish_erasing(made: Plan) -> None:
    keys = [step.id for step in made.steps if step.operation == "erase_data_key"]
    if keys:
        finish(partner for some in parts(keys) for partner in _whose(some))


def _whose(keys: Sequence[str]) -> Iterable[UUID | None]:
    return DataKey.objects.filter(id__in=keys).values_list("partner", flat=True)


def _left_unburied(graves: Graves) -> list[str]:
    if not graves.shut:
        return []
    return [f"{graves.shut} look-up keys can't be opened: imported keys that were revoked may be imported again"]


def _revoke(step: Step, clock: Clock) -> None:
    keys.revoke(RECOVERY, step.id, clock=clock)


def _disable(step: Step, clock: Clock) -> None:
    keys.disable(RECOVERY, step.id, clock=clock)


def _narrow(step: Step, clock: Clock) -> None:
    keys.alter(RECOVERY, step.id, keys.KeyChanges(networks=list(step.networks)), clock=clock)


def _suspend_partner(step: Step, clock: Clock) -> None:
    suspend_partner(RECOVERY, UUID(step.id), clock=clock)


def _suspend_application(step: Step, clock: Clock) -> None:
    suspend_application(RECOVERY, UUID(step.id), clock=clock)


def _withdraw(step: Step, clock: Clock) -> None:
    withdraw_key(RECOVERY, step.id, clock=clock)


def _end_secret(step: Step, clock: Clock) -> None:
    let_lapse(RECOVERY, step.id, step.secret, from_microseconds(step.ends_at_us), clock=clock)


def _erase(step: Step, clock: Clock) -> None:
    erase_again(RECOVERY, [UUID(step.id)], clock=clock)


_CLOSING: dict[Operation, Callable[[Step, Clock], None]] = {
    "revoke_key": _revoke,
    "disable_key": _disable,
    "narrow_networks": _narrow,
    "suspend_partner": _suspend_partner,
    "suspend_application": _suspend_application,
    "withdraw_signing_key": _withdraw,
    "end_secret": _end_secret,
    "erase_data_key": _erase,
}


def _database(tellers: Sequence[Teller]) -> Database:
    head = head_now()
    told = mentioned(tellers)
    here = _Here()
    here.look_for_keys(told["key"])
    here.look_for_standing("partner", Partner, told["partner"])
    here.look_for_standing("application", Application, told["application"])
    here.look_for_signing_keys(told["signing_key"])
    here.look_for_data_keys(told["data_key"])
    return Database(
        history=head.history,
        past=frozenset(PastHistory.objects.values_list("history", flat=True)),
        revision=head.revision,
        security=head.security,
        floor=head.floor,
        hashes=_hashes(head, tellers),
        entries={row.sequence: json.loads(row.line)["security"] for row in SecurityRow.objects.iterator()},
        closed=frozenset(here.closed),
        known=frozenset(here.names),
        names=here.names,
        resources=frozenset(ResourceRow.objects.values_list("kind", "identifier").iterator()),
        networks=here.networks,
        buried=frozenset(revocations.revoked_kids(settings.PORTAZGO.data_dir)),
        buried_data_keys=frozenset(revocations.erased_keys(settings.PORTAZGO.data_dir)),
        nodes=known_nodes(),
    )


def _hashes(head: HeadNow, tellers: Sequence[Teller]) -> dict[int, str]:
    told = {teller.revision for teller in tellers}
    rows = ChangeRow.objects.filter(revision__in=told)
    return {0: NO_HASH, **dict(rows.values_list("revision", "hash")), head.revision: head.hash}


class _Here:
    """Looks up what the database has of what was told: `names` of what there is, `closed` what is closed already."""

    def __init__(self) -> None:
        self.names: dict[tuple[str, str], str] = {}
        self.closed: set[tuple[str, str]] = set()
        self.networks: dict[str, list[str] | None] = {}

    def look_for_keys(self, kids: Iterable[str]) -> None:
        for some in parts(kids):
            for key in Key.objects.filter(kid__in=some):
                self.names["key", key.kid] = key.name
                self.networks[key.kid] = key.networks
                if key.status != KeyStatus.ACTIVE:
                    self.closed.add(("revoke_key" if key.status == KeyStatus.REVOKED else "disable_key", key.kid))

    def look_for_standing(self, kind: str, model: type[Partner | Application], identifiers: Iterable[str]) -> None:
        for some in parts(one for one in identifiers if parse_id(one)):
            for row in model._default_manager.filter(id__in=some):  # noqa: SLF001 - Django's own name for it
                self.names[kind, str(row.pk)] = row.name
                if row.status == Standing.SUSPENDED:
                    self.closed.add((f"suspend_{kind}", str(row.pk)))

    def look_for_signing_keys(self, kids: Iterable[str]) -> None:
        for some in parts(kids):
            for key in SigningKey.objects.filter(kid__in=some):
                self.names["signing_key", key.kid] = ""
                if key.state == SigningState.WITHDRAWN:
                    self.closed.add(("withdraw_signing_key", key.kid))

    def look_for_data_keys(self, identifiers: Iterable[str]) -> None:
        for some in parts(one for one in identifiers if parse_id(one)):
            rows = list(DataKey.objects.filter(id__in=some))
            partners = dict(Partner.objects.filter(id__in={row.partner for row in rows}).values_list("id", "name"))
            for row in rows:
                self.names["data_key", str(row.id)] = (
                    row.period if row.partner is None else partners.get(row.partner, "")
                )
                if row.wrapped is None:
                    self.closed.add(("erase_data_key", str(row.id)))


def _line_of(kid: str) -> str:
    return json.dumps({"security": {"operation": revocations.REVOKE, "id": kid}}, separators=(",", ":"))
