"""Looks up which secrets of the database are told of otherwise than it has them: of a million keys, only these are kept."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from portazgo.care.recovery.lapsed import NO_SECRETS, Held, Marked, Secrets, in_common, read
from portazgo.keys.domain import KeyStatus
from portazgo.keys.models import Key, KeySecret, Pepper
from portazgo.kit.clock import microseconds
from portazgo.node.testimony import mark, marks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from portazgo.care.recovery.planning import Teller
    from portazgo.kit.clock import Clock

AT_A_TIME = 500


def secrets_of(tellers: Sequence[Teller], question: str, clock: Clock) -> Secrets:
    """Hold the marks that nodes told against the secrets of living keys. `question`: what the marks were made with."""
    if not any(teller.secrets for teller in tellers):
        return NO_SECRETS
    wrapped = {str(pepper.version): mark(question, pepper.wrapped) for pepper in Pepper.objects.all()}
    peppers = {
        (teller.node, int(version))
        for teller in tellers
        for version, own in wrapped.items()
        if teller.secrets.get(("pepper", version)) == own
    }
    different: dict[str, list[Held]] = {}
    for kid, held, own in _living(question, clock.now()):
        for teller in tellers:
            told = teller.secrets.get(("key", kid))
            if told is None:
                continue
            peppers |= {(teller.node, version) for version in in_common(read(told), (one.marked for one in held))}
            if told != own:
                different[kid] = held
    return Secrets(different, frozenset(peppers), microseconds(clock.now()))


def names_of(kids: Iterable[str]) -> dict[str, str]:
    """Give the names of keys."""
    return {key.kid: key.name for some in parts(kids) for key in Key.objects.filter(kid__in=some).only("kid", "name")}


def parts(identifiers: Iterable[str]) -> Iterator[list[str]]:
    """Give so many at a time."""
    listed = sorted(identifiers)
    for start in range(0, len(listed), AT_A_TIME):
        yield listed[start : start + AT_A_TIME]


def _living(question: str, now: datetime) -> Iterator[tuple[str, list[Held], str]]:
    """Give each key that is neither revoked nor over, its secrets, and their marks as a node that knows no more tells them."""
    rows = KeySecret.objects.exclude(key__status=KeyStatus.REVOKED).exclude(key__expires_at__lte=now)
    rows = rows.order_by("key_id", "slot")
    wanted = ("key_id", "number", "digest", "pepper_id", "ends_at")
    for kid, secrets in groupby(rows.values_list(*wanted).iterator(AT_A_TIME), key=lambda row: row[0]):
        kept = [(number, digest, pepper, _us(end)) for _, number, digest, pepper, end in secrets]
        held = [Held(number, Marked(mark(question, digest), pepper, end)) for number, digest, pepper, end in kept]
        yield kid, held, marks(question, ((digest, pepper, end) for _, digest, pepper, end in kept))


def _us(moment: datetime | None) -> int | None:
    return None if moment is None else microseconds(moment)
