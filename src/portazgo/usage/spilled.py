"""Looks whether what the ledger misses lies in the object store: then it is late, and not missing."""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from portazgo.kit.objects import ObjectsFailed
from portazgo.usage.domain import Balance, Run, Verdict
from portazgo.usage.models import LEDGER, EpochAccount, Manifest
from portazgo.usage.objects import spill

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from portazgo.usage.spill import Spill

logger = logging.getLogger(__name__)

MOST_EPOCHS = 20
MOST_RUNS = 5_000
"""Segments that are listed of an epoch: an hour and more of one node. Further ones count as missing until these have come."""
_AT_ONCE = 500


def with_spilled(found: Sequence[Balance]) -> Iterator[Balance]:
    """Tell of the first epochs that have records missing which of these are in the store. The store is asked for these only.

    Where it does not answer, they stay missing: nobody can tell that they are not.
    """
    asked, store = 0, None
    for one in found:
        if not one.missing_records or one.verdict is Verdict.ACCEPTED or asked == MOST_EPOCHS:
            yield one
            continue
        asked += 1
        try:
            store = store or spill()
            yield _looked_for(one, store)
        except ObjectsFailed as problem:
            logger.warning("spilled segments can't be looked for: %s", problem.sentence)
            asked = MOST_EPOCHS
            yield one


def _looked_for(one: Balance, store: Spill) -> Balance:
    # What a living node has after the last that came is under way in any case.
    last = one.journaled - one.under_way
    runs = [run for run in islice(store.of_epoch(one.node, one.epoch), MOST_RUNS) if run.last <= last]
    runs = _not_collected(one, runs)
    # Read anew, since the worker takes them meanwhile: what it has just taken is neither in the store nor in the account.
    account = EpochAccount.objects.using(LEDGER).filter(epoch=one.epoch, node=one.node).first()
    if account is not None:
        counts = {name: getattr(account, name) for name in ("collected", "rolled_up")}
        one = replace(one, latest_sequence=account.last_sequence, **counts)
    return replace(one, spilled=tuple(runs))


def _not_collected(one: Balance, runs: Sequence[Run]) -> list[Run]:
    """Leave out what is in both: a segment is removed from the store after the ledger has it."""
    known = Manifest.objects.using(LEDGER).filter(epoch=one.epoch, node=one.node)
    collected: set[int] = set()
    for start in range(0, len(runs), _AT_ONCE):
        firsts = [run.first for run in runs[start : start + _AT_ONCE]]
        collected.update(known.filter(first_sequence__in=firsts).values_list("first_sequence", flat=True))
    return [run for run in runs if run.first not in collected]
