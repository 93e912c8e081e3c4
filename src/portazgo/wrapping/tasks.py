"""The rotation as a background job: a slice at a time, each batch a transaction, so that a kill costs nothing."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction

from portazgo.accounts.domain import SYSTEM
from portazgo.audit.service import record
from portazgo.kit.web.wrapped import wrapped_fields
from portazgo.kit.wrapping import WrappingFailed, WrappingUnavailable
from portazgo.snapshot.log import change
from portazgo.snapshot.wire import ResourceRef
from portazgo.wrapping.holdings import by, sealed_rows
from portazgo.wrapping.models import Rewrapping
from portazgo.wrapping.service import live_nodes, sealing_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from portazgo.kit.clock import Clock
    from portazgo.kit.web.wrapped import WrappedField
    from portazgo.kit.wrapping import KeyWrapper
    from portazgo.snapshot.log import Change

logger = logging.getLogger(__name__)

SLICE_SECONDS = 3.0
"""Other jobs of the worker wait for so long."""
ROWS = 200
ROWS_OF_NODES = 20
"""Of what nodes read: a revision each."""
AGAIN = timedelta(seconds=60)
"""When to try again what could not be opened."""
_KEY_WRAPPING = "key wrapping"


@dataclass(frozen=True, slots=True)
class _Moved:
    """A secret that was sealed anew."""

    row: Any
    before: str
    after: str


def carry_on(*, open_wrapper: Callable[[], KeyWrapper], clock: Clock, seconds: float = SLICE_SECONDS) -> None:
    """Do a slice of the rotation that is under way, if one is."""
    run = Rewrapping.objects.filter(finished_at=None).order_by("id").first()
    if run is None or (run.again_at is not None and clock.now() < run.again_at):
        return
    try:
        trouble = _slice(run, open_wrapper(), clock, clock.monotonic() + seconds)
    except WrappingUnavailable as problem:
        trouble = f"{problem}; {problem.remedy}"
    except WrappingFailed as problem:
        trouble = str(problem)
    if trouble != run.trouble:
        if trouble:
            logger.warning("the rotation of the master key waits: %s", trouble)
        Rewrapping.objects.filter(id=run.id).update(trouble=trouble)


def _slice(run: Rewrapping, wrapper: KeyWrapper, clock: Clock, deadline: float) -> str:
    """Work until the time is over or everything was looked at. Returns what stands in the way, "" for nothing."""
    sealing = sealing_name(wrapper)
    if sealing != run.target:
        return (
            f"the worker seals with {sealing}, and the rotation goes to {run.target}: start it with the same settings"
        )
    stuck = ""
    for field in _fields_from(run):
        if field.kind and (refusing := _refusing(clock)):
            return f"nodes can't open what was sealed anew: {', '.join(refusing)}; correct their PORTAZGO_WRAPPING"
        for rows in _batches(field, run):
            if clock.monotonic() > deadline:
                return stuck
            moved, problem = _sealed_anew(field, rows, wrapper)
            stuck = problem or stuck
            _write(run, field, rows[-1].pk, moved, clock)
    return _end(run, stuck, clock)


def _fields_from(run: Rewrapping) -> Iterator[WrappedField]:
    """Give the columns that are not through yet."""
    at = None if run.place is None else run.place[0]
    ahead = at is None
    for field in wrapped_fields():
        ahead = ahead or _name(field) == at
        if ahead:
            yield field


def _batches(field: WrappedField, run: Rewrapping) -> Iterator[list[Any]]:
    size = ROWS_OF_NODES if field.kind else ROWS
    while True:
        rows = sealed_rows(field).exclude(**by(field, run.target))
        if run.place is not None and run.place[0] == _name(field):
            rows = rows.filter(pk__gt=run.place[1])
        found = list(rows[:size])
        if not found:
            return
        yield found


def _sealed_anew(field: WrappedField, rows: list[Any], wrapper: KeyWrapper) -> tuple[list[_Moved], str]:
    """Unseal and seal; may call out, so no transaction is open. Raises WrappingUnavailable."""
    moved, stuck = [], ""
    for row in rows:
        context, text = field.context_of(row), getattr(row, field.attname)
        try:
            moved.append(_Moved(row, text, wrapper.wrap(context, wrapper.unwrap(context, text))))
        except WrappingUnavailable:
            raise
        except WrappingFailed as problem:
            # One that nothing opens any more must not keep the others from being moved.
            stuck = str(problem)
    return moved, stuck


def _write(run: Rewrapping, field: WrappedField, last: Any, moved: list[_Moved], clock: Clock) -> None:
    with _transaction(run, field, moved, clock) as recorded:
        for one in moved:
            # Only where nobody wrote meanwhile: what they sealed counts, and comes round again where it must.
            rows = field.model._default_manager.filter(pk=one.row.pk, **{field.name: one.before})  # noqa: SLF001 - Django's own name for it
            run.done += rows.update(**{field.name: one.after})
            if recorded is not None:
                recorded.touches(ResourceRef(field.kind, str(one.row.pk)))  # type: ignore[arg-type]  # a column's own word
        run.place = [_name(field), str(last)]
        run.save(update_fields=["place", "done"])


@contextmanager
def _transaction(run: Rewrapping, field: WrappedField, moved: list[_Moved], clock: Clock) -> Iterator[Change | None]:
    if not field.kind:
        with transaction.atomic():
            yield None
        return
    details = {"to": run.target, "secrets": len(moved)}
    recorded: AbstractContextManager[Change] = change(
        SYSTEM, "wrapping.rewrapped", _name(field), details=details, clock=clock
    )
    with recorded as one:
        yield one


def _end(run: Rewrapping, stuck: str, clock: Clock) -> str:
    left = sum(sealed_rows(field).exclude(**by(field, run.target)).count() for field in wrapped_fields())
    run.place = None
    if left:
        # Written meanwhile by a process with other settings, or not to be opened: from the start, in a while.
        run.again_at = clock.now() + AGAIN
        run.save(update_fields=["place", "again_at"])
        return stuck or f"{left} secrets were sealed by other settings meanwhile: see that every process has the same"
    run.finished_at = clock.now()
    with transaction.atomic():
        run.save(update_fields=["place", "finished_at"])
        details = {"to": run.target, "secrets": run.done}
        record(SYSTEM, "wrapping.rotated", str(run.id), details=details, clock=clock)
    logger.info("the master key is rotated", extra=details)
    return ""


def _refusing(clock: Clock) -> list[str]:
    found = []
    for node in live_nodes(clock.now()):
        newest = node.receipts.order_by("id").last()
        if newest is not None and newest.refused and newest.refused.get("where") == _KEY_WRAPPING:
            found.append(node.label or str(node.id))
    return found


def _name(field: WrappedField) -> str:
    return f"{field.model._meta.db_table}.{field.name}"  # noqa: SLF001 - Django's own name for it
