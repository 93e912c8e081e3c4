"""Use cases of declarative files: check, diff, apply, roll back, export."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, connection, transaction

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.audit.service import record
from portazgo.declarative.contracts import contract_problems
from portazgo.declarative.domain import KINDS, Kind
from portazgo.declarative.judging import Known, judge
from portazgo.declarative.models import Apply
from portazgo.declarative.planning import Outcome, Plan, Takeover, plan, summary
from portazgo.declarative.problems import Problem
from portazgo.declarative.state import MODELS, default_issuer, read_state, schema_text, sweep
from portazgo.declarative.worlds import document_of, texts_of, without_texts, world_of
from portazgo.declarative.writing import Hand, carry_out, mark, release
from portazgo.kit.errors import Conflict, Invalid, NotFound, Refused, Unavailable
from portazgo.snapshot.log import change

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from portazgo.declarative.domain import Ref, State

TRIES = 5
USUAL_NAME = "portazgo"
# serialization_failure, deadlock_detected, unique_violation: somebody else committed meanwhile.
_MOVED = frozenset({"40001", "40P01", "23505"})


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be applied, and under which conditions."""

    document: Mapping[str, Any]
    takeover: Takeover = field(default_factory=Takeover)
    fingerprint: str | None = None
    """Of the plan that was shown; None: whatever the plan is now."""
    confirmed: bool = False
    """Whether somebody said yes to what it exposes, breaks and deletes."""
    restores: int | None = None


def check(actor: Actor, document: object) -> list[Problem]:
    """Find all that is wrong with a document, what stands against applying it included."""
    _may_read(actor)
    try:
        return list(_planned(document, Takeover(unowned=True), read_state()).problems)
    except _Wrong as wrong:
        return wrong.problems


def diff(actor: Actor, document: object, takeover: Takeover) -> Plan:
    """Plan an apply, with the code that apply runs. Raises Invalid (`document_invalid`) with every problem."""
    _may_read(actor)
    return _without_problems(document, takeover, read_state())


def apply(order: Order, *, hand: Hand) -> Outcome:
    """Make things as the document says: all of it as one revision, or nothing.

    Raises Invalid (`document_invalid`), Conflict (`plan_moved`) when the plan is not the one that was shown, Refused
    (`confirmation_needed`), and what the nouns' own use cases raise.
    """
    _may_read(hand.actor)
    can(hand.actor, Verb.CREATE, Apply.noun)
    for _ in range(TRIES):
        try:
            return _apply_once(order, hand)
        except DatabaseError as error:
            if getattr(error.__cause__, "sqlstate", None) not in _MOVED:
                raise
    raise Unavailable(
        "others change things faster than this could be applied", code="state_busy", remedy="try again in a second"
    )


def rolled_back(actor: Actor, number: int | None, owner: str | None) -> Apply:
    """Find the apply to go back to: by number, or the last but one of a file. Raises NotFound."""
    can(actor, Verb.READ, Apply.noun)
    rows = Apply.objects.order_by("-number")
    if number is not None:
        row = rows.filter(number=number).first()
        if row is None:
            raise NotFound(f"there is no apply {number}", code="apply_unknown", remedy="list them with rollback --list")
        return row
    owners = sorted(set(rows.values_list("owner", flat=True)))
    if owner is None and len(owners) > 1:
        raise _owner_needed(owners)
    last = list(rows.filter(owner=owner or (owners[0] if owners else ""))[:2])
    if len(last) < 2:  # noqa: PLR2004 - the last, and the one before it
        raise NotFound("there is no apply before the last to go back to", code="apply_unknown")
    return last[1]


def back_to(target: Apply, *, fingerprint: str | None, confirmed: bool) -> Order:
    """Order what an earlier apply carried out. What has changed since by other hands is changed back: `unowned` too."""
    return Order(target.document, Takeover(unowned=True), fingerprint, confirmed, restores=target.number)


def export(actor: Actor, name: str | None) -> dict[str, Any]:
    """Write what there is as a document of this owner label, but for what other files own.

    `name` None: that of the only file that owns something. Raises Invalid (`owner_needed`) when several do.
    """
    _may_read(actor)
    things = read_state().things
    owners = sorted({thing.owner for thing in things.values() if thing.owner is not None})
    if name is None and len(owners) > 1:
        raise _owner_needed(owners)
    label = name or (owners[0] if owners else USUAL_NAME)
    world = {ref: thing.terms for ref, thing in things.items() if thing.owner in {None, label}}
    return document_of(label, {ref: terms for ref, terms in world.items() if ref.parent_ref in {None, *world}})


def _owner_needed(owners: list[str]) -> Invalid:
    return Invalid.at("/name", f"several files own something: say which, {', '.join(owners)}", code="owner_needed")


def _may_read(actor: Actor) -> None:
    for kind in KINDS:
        can(actor, Verb.READ, MODELS[kind].noun)  # type: ignore[attr-defined]


class _Wrong(Exception):
    """The document's form is wrong: there is no plan."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__()
        self.problems = problems


def _planned(tree: object, takeover: Takeover, state: State) -> Plan:
    document, problems = judge(tree, _known(state))
    if document is None or problems:
        raise _Wrong(problems)
    planned = plan(document.name, world_of(document, default_issuer()), state, takeover)
    texts = texts_of(document)

    def text_of(name: str, sha256: str) -> str | None:
        return texts.get(sha256) or schema_text(name, sha256)

    found = contract_problems(planned.steps, planned.after, state, text_of)
    return replace(planned, problems=[*planned.problems, *found], texts=texts)


def _known(state: State) -> Known:
    names: dict[Kind, set[str]] = {}
    for ref in state.things:
        names.setdefault(ref.kind, set()).add(ref.name)
    return names


def _without_problems(tree: object, takeover: Takeover, state: State) -> Plan:
    try:
        made = _planned(tree, takeover, state)
    except _Wrong as wrong:
        problems = wrong.problems
    else:
        problems = list(made.problems)
        if not problems:
            return made
    count = len(problems)
    raise Invalid(
        f"the document has {count} problem{'' if count == 1 else 's'}",
        [{"pointer": problem.pointer, "message": problem.message} for problem in problems],
        code="document_invalid",
    )


def _apply_once(order: Order, hand: Hand) -> Outcome:
    with transaction.atomic():
        _see_one_state()
        state = read_state()
        planned = _without_problems(order.document, order.takeover, state)
        _refuse_unless_meant(planned, order)
        if planned.is_empty:
            return _take_over(order, planned, hand, state.ids)
        details: dict[str, Any] = {"fingerprint": planned.fingerprint, **summary(planned)}
        with change(hand.actor, _action(order), planned.name, details=details, clock=hand.clock) as recorded:
            ids = carry_out(hand, planned.steps, state.ids, planned.texts)
            row = _write(order, planned, hand, ids)
            recorded.note(file=planned.name, apply=row.number)
        row.revision = recorded.revision
        row.save(update_fields=["revision"])
    return Outcome(planned, row.number, row.revision)


def _see_one_state() -> None:
    """Have this transaction fail, and be tried again, when somebody else commits a change before it does.

    SQLite has one writer at a time, which is this transaction from its beginning.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def _refuse_unless_meant(planned: Plan, order: Order) -> None:
    if order.fingerprint is not None and order.fingerprint != planned.fingerprint:
        raise Conflict(
            "things have changed since the diff was made: it is not what would be done now",
            code="plan_moved",
            remedy="look at the diff again",
        )
    if planned.is_guarded and not order.confirmed:
        raise Refused(
            "it exposes, breaks or deletes something, and nobody has said that this is meant",
            code="confirmation_needed",
            remedy="look at `portazgo diff`, then apply with --yes (`confirmed` in the API)",
        )


def _take_over(order: Order, planned: Plan, hand: Hand, ids: Mapping[Ref, UUID]) -> Outcome:
    """Note whose things are, where nothing else is to be done: no revision, since nodes don't know of owners."""
    if not planned.takes_over and not planned.releases:
        return Outcome(planned)
    row = _write(order, planned, hand, ids)
    details = {"file": planned.name, "apply": row.number, **summary(planned)}
    record(hand.actor, _action(order), planned.name, details=details, clock=hand.clock)
    return Outcome(planned, row.number)


def _write(order: Order, planned: Plan, hand: Hand, ids: Mapping[Ref, UUID]) -> Apply:
    """Mark what is the file's now, and keep the document for a rollback."""
    sweep()
    made = [step.ref for step in planned.steps if step.after is not None]
    mark(planned.name, list(dict.fromkeys([*made, *planned.takes_over])), ids)
    release(planned.releases, ids)
    return Apply.objects.create(
        owner=planned.name,
        at=hand.clock.now(),
        actor_name=hand.actor.name,
        restores=order.restores,
        document=without_texts(order.document),
        summary=summary(planned),
    )


def _action(order: Order) -> str:
    return "file.rolled_back" if order.restores is not None else "file.applied"
