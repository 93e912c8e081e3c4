"""The use case of importing keys that another system made.

A file is judged whole before anything is written: a line that is wrong, or dead, refuses it. Then its keys are made in
transactions of a bounded size. Who is stopped in between (a crash, a database that is away) imports the same file again:
what is there already is skipped, so that each key is made exactly once.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import IntegrityError

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.applications.models import Application
from portazgo.keys.burials import buried_before
from portazgo.keys.domain import KeyStatus, Kid, SecretSlot, digest
from portazgo.keys.foreign import AtLine, ForeignKey, KeyFile, lookup
from portazgo.keys.foreign_reading import read_keys
from portazgo.keys.lookups import known_lookup_key, lookup_key
from portazgo.keys.models import ImportedSecret, Key, KeySecret, Pepper
from portazgo.keys.peppers import current_pepper
from portazgo.keys.policy import shortened
from portazgo.keys.reimporting import Before, imported_before
from portazgo.kit.errors import Conflict, FieldError, Invalid
from portazgo.kit.ids import new_kid
from portazgo.kit.web.rows import the_one
from portazgo.snapshot.log import change
from portazgo.snapshot.wire import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from portazgo.kit.clock import Clock
    from portazgo.kit.wrapping import KeyWrapper
    from portazgo.snapshot.log import Change

KEYS_AT_ONCE = 100
"""Of one transaction: it holds the head's lock, and a revocation waits for it."""
PAUSE_SECONDS = 0.15
"""Between two: who waits for the lock of SQLite looks again every 100 ms at the latest, and must find it free."""


@dataclass(frozen=True, slots=True)
class ImportedKey:
    """A key of the file under its kid; None where it was only tried. `already_there`: an import of before made it."""

    line: int
    kid: str | None
    name: str
    status: KeyStatus
    expires_at: datetime | None
    already_there: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an import."""

    keys: list[ImportedKey]
    left_out: list[AtLine]

    @property
    def made(self) -> int:
        """Count the keys that are new."""
        return sum(not key.already_there for key in self.keys)

    @property
    def already_there(self) -> int:
        """Count the others."""
        return len(self.keys) - self.made


@dataclass(frozen=True, slots=True)
class _Ready:
    """A key of the file, with all that calls the provider done."""

    foreign: ForeignKey
    lookups: list[str]
    """Its own, and those under which another system's export would bring the same key."""
    key: Key
    secret: KeySecret


def import_keys(
    actor: Actor,
    application_id: UUID,
    file: KeyFile,
    *,
    dry_run: bool,
    wrapper: KeyWrapper,
    clock: Clock,
    pause: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Make keys of a file of another system, under kids of ours; they go on working for whoever holds them.

    Raises NotFound for the application, Invalid (`import_refused`) with every line that is wrong, Conflict
    (`import_at_once`) where another import was faster with a key: to import the file again settles it.
    """
    can(actor, Verb.CREATE, Key.noun)
    application = the_one(Application.objects.all(), "application", id=application_id)
    now = clock.now()
    read = read_keys(file, now)
    if read.wrong:
        raise _refused(read.wrong)
    lookup_bytes = known_lookup_key(wrapper) if dry_run else lookup_key(actor, wrapper=wrapper, clock=clock)
    if dead := buried_before(read.keys, lookup_bytes, wrapper=wrapper):
        raise _refused(dead)
    if lookup_bytes is None:
        return Outcome([_tried(key, now) for key in read.keys], read.left_out)
    keys = {lookup(lookup_bytes, key.inner): key for key in read.keys}
    further = {found: [lookup(lookup_bytes, one) for one in key.others] for found, key in keys.items()}
    others = {one: found for found, some in further.items() for one in some}
    before = imported_before(application.id, keys, others, now)
    if before.refused:
        raise _refused(before.refused)
    new = [(found, key) for found, key in keys.items() if found not in before.there]
    if dry_run:
        made = {found: _tried(key, now) for found, key in new}
    else:
        ready = _prepare(actor, application, new, further, wrapper=wrapper, clock=clock)
        counts = {"made": len(ready), "already_there": len(before.there), "left_out": len(read.left_out)}
        _write(actor, application, ready, {"format": file.form.value, **counts}, clock, pause)
        made = {one.lookups[0]: _shown(one.foreign, one.key) for one in ready}
    return Outcome([made.get(found) or _there(key, before, found) for found, key in keys.items()], read.left_out)


def _prepare(
    actor: Actor,
    application: Application,
    new: Sequence[tuple[str, ForeignKey]],
    further: Mapping[str, list[str]],
    *,
    wrapper: KeyWrapper,
    clock: Clock,
) -> list[_Ready]:
    """Make the rows of all keys, and seal what is kept of them. Calls the provider: no transaction."""
    if not new:
        return []
    pepper, pepper_bytes = current_pepper(actor, wrapper=wrapper, clock=clock)
    now = clock.now()
    under = (pepper, pepper_bytes)
    return [_ready(application, [found, *further[found]], foreign, under, wrapper, now) for found, foreign in new]


def _ready(
    application: Application,
    lookups: list[str],
    foreign: ForeignKey,
    under: tuple[Pepper, bytes],
    wrapper: KeyWrapper,
    now: datetime,
) -> _Ready:
    kid, (pepper, pepper_bytes) = Kid(new_kid()), under
    key = Key(
        kid=kid,
        application=application,
        name=foreign.name,
        status=_status(foreign),
        expires_at=shortened(foreign.expires_at, now),
        created_at=now,
    )
    secret = KeySecret(
        key_id=kid,
        slot=SecretSlot.CURRENT,
        digest=digest(pepper_bytes, foreign.inner),
        pepper=pepper,
        sealed=wrapper.wrap(f"inner/{kid}", foreign.inner),
        created_at=now,
        scheme=foreign.scheme,
        lookup=lookups[0],
    )
    return _Ready(foreign, lookups, key, secret)


def _write(
    actor: Actor,
    application: Application,
    ready: Sequence[_Ready],
    details: dict[str, int | str],
    clock: Clock,
    pause: Callable[[float], None],
) -> None:
    """Write the keys, so many in a transaction. That the import is complete is told in the one of the last keys."""
    subject = str(application.id)
    for start in range(0, len(ready), KEYS_AT_ONCE):
        some = ready[start : start + KEYS_AT_ONCE]
        kids = {"format": details["format"], "kids": [one.key.kid for one in some]}
        try:
            with change(actor, "keys.imported", subject, details=kids, clock=clock) as recorded:
                _insert(some, recorded)
                if start + KEYS_AT_ONCE >= len(ready):
                    with change(actor, "keys.import_completed", subject, details=details, clock=clock):
                        pass
        except IntegrityError:
            raise Conflict(
                "another import was faster with one of these keys, or their application is gone",
                code="import_at_once",
                remedy="import the file again: what is there already is skipped",
            ) from None
        if start + KEYS_AT_ONCE < len(ready):
            pause(PAUSE_SECONDS)


def _insert(some: Sequence[_Ready], recorded: Change) -> None:
    Key.objects.bulk_create(one.key for one in some)
    KeySecret.objects.bulk_create(one.secret for one in some)
    ImportedSecret.objects.bulk_create(
        ImportedSecret(lookup=found, key=one.key) for one in some for found in one.lookups
    )
    recorded.touches(*(ResourceRef("key", one.key.kid) for one in some))


def _refused(wrong: Sequence[AtLine]) -> Invalid:
    errors: list[FieldError] = [
        {"pointer": "/content", "message": f"line {one.line}: {one.why}"}
        for one in sorted(wrong, key=lambda one: one.line)
    ]
    return Invalid(
        "the file was not imported; nothing of it was",
        errors,
        code="import_refused",
        remedy="mend these lines, or take them out, and import the file again",
    )


def _shown(foreign: ForeignKey, key: Key, *, already_there: bool = False) -> ImportedKey:
    return ImportedKey(foreign.line, key.kid, key.name, KeyStatus(key.status), key.expires_at, already_there)


def _there(foreign: ForeignKey, before: Before, found: str) -> ImportedKey:
    return _shown(foreign, before.there[found], already_there=True)


def _tried(foreign: ForeignKey, now: datetime) -> ImportedKey:
    expires_at = shortened(foreign.expires_at, now)
    return ImportedKey(foreign.line, None, foreign.name, _status(foreign), expires_at, already_there=False)


def _status(key: ForeignKey) -> KeyStatus:
    return KeyStatus.ACTIVE if key.enabled else KeyStatus.DISABLED
