"""The use case of importing keys that another system made: whole or not at all."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import IntegrityError

from portazgo.accounts.domain import Actor, Verb, can
from portazgo.applications.models import Application
from portazgo.keys.domain import KeyStatus, Kid, SecretSlot, digest
from portazgo.keys.foreign import LOOKUP_KEY_BYTES, AtLine, ForeignKey, ImportFormat, lookup
from portazgo.keys.foreign_reading import read_keys
from portazgo.keys.models import Key, KeySecret, LookupKey, Pepper
from portazgo.keys.peppers import current_pepper
from portazgo.kit.errors import Conflict, FieldError, Invalid
from portazgo.kit.ids import new_kid
from portazgo.kit.web.rows import the_one
from portazgo.snapshot.log import change
from portazgo.snapshot.wire import PepperBody, Resource, ResourceRef

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from portazgo.kit.clock import Clock
    from portazgo.kit.wrapping import KeyWrapper

THE_LOOKUP_KEY = 1
FEATURE = "key.imported.1"


@dataclass(frozen=True, slots=True)
class ImportedKey:
    """A key of the file under its kid; None where it was only tried."""

    line: int
    kid: str | None
    name: str
    status: KeyStatus


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an import."""

    keys: list[ImportedKey]
    left_out: list[AtLine]


@dataclass(frozen=True, slots=True)
class _Ready:
    """A key of the file, with all that calls the provider done."""

    kid: Kid
    foreign: ForeignKey
    lookup: str
    sealed: str


def import_keys(
    actor: Actor,
    application_id: UUID,
    content: str,
    form: ImportFormat,
    *,
    dry_run: bool,
    wrapper: KeyWrapper,
    clock: Clock,
) -> Outcome:
    """Make keys of a file of another system, under kids of ours; they go on working for whoever holds them.

    Raises NotFound for the application, Invalid (`import_refused`) with every line that is wrong.
    """
    can(actor, Verb.CREATE, Key.noun)
    application = the_one(Application.objects.all(), "application", id=application_id)
    read = read_keys(content, form, clock.now())
    if read.wrong:
        raise _refused(read.wrong)
    if dry_run and not LookupKey.objects.exists():
        return Outcome([_shown(key, None) for key in read.keys], read.left_out)
    lookup_bytes = _lookup_key(actor, wrapper, clock)
    lookups = [lookup(lookup_bytes, key.inner) for key in read.keys]
    _refuse_known(read.keys, lookups)
    if dry_run:
        return Outcome([_shown(key, None) for key in read.keys], read.left_out)
    pepper, pepper_bytes = current_pepper(actor, wrapper=wrapper, clock=clock)
    ready = [_seal(key, found, wrapper) for key, found in zip(read.keys, lookups, strict=True)]
    if ready:
        _write(actor, application, ready, (pepper, pepper_bytes), form, clock)
    return Outcome([_shown(one.foreign, one.kid) for one in ready], read.left_out)


def compiled_lookup_key(version: str) -> Resource | None:
    """Compile the look-up key for nodes, wrapped as it is."""
    found = LookupKey.objects.filter(version=int(version)).first()
    return Resource("lookup_key", version, (FEATURE,), PepperBody(wrapped=found.wrapped)) if found else None


def every_lookup_key() -> Iterable[str]:
    """Name the one there is, or none."""
    return (str(version) for version in LookupKey.objects.values_list("version", flat=True))


def _lookup_key(actor: Actor, wrapper: KeyWrapper, clock: Clock) -> bytes:
    """Give the look-up key; it is made with the first import. Calls the provider: no transaction."""
    found = LookupKey.objects.first() or _first_lookup_key(actor, wrapper, clock)
    return wrapper.unwrap(_context(), found.wrapped)


def _first_lookup_key(actor: Actor, wrapper: KeyWrapper, clock: Clock) -> LookupKey:
    wrapped = wrapper.wrap(_context(), secrets.token_bytes(LOOKUP_KEY_BYTES))
    with change(actor, "lookup_key.created", str(THE_LOOKUP_KEY), clock=clock) as recorded:
        # Two first imports at once: the one that comes second uses the key of the first.
        found, made = LookupKey.objects.get_or_create(
            version=THE_LOOKUP_KEY, defaults={"wrapped": wrapped, "created_at": clock.now()}
        )
        if made:
            recorded.touches(ResourceRef("lookup_key", str(THE_LOOKUP_KEY)))
    return found


def _context() -> str:
    return f"lookup_key/{THE_LOOKUP_KEY}"


def _seal(key: ForeignKey, found: str, wrapper: KeyWrapper) -> _Ready:
    kid = Kid(new_kid())
    return _Ready(kid, key, found, wrapper.wrap(f"inner/{kid}", key.inner))


def _write(
    actor: Actor,
    application: Application,
    ready: Sequence[_Ready],
    under: tuple[Pepper, bytes],
    form: ImportFormat,
    clock: Clock,
) -> None:
    now, (pepper, pepper_bytes) = clock.now(), under
    details = {"format": form.value, "kids": [one.kid for one in ready]}
    try:
        with change(actor, "keys.imported", str(application.id), details=details, clock=clock) as recorded:
            Key.objects.bulk_create(
                Key(
                    kid=one.kid,
                    application=application,
                    name=one.foreign.name,
                    status=_status(one.foreign),
                    expires_at=one.foreign.expires_at,
                    created_at=now,
                )
                for one in ready
            )
            KeySecret.objects.bulk_create(
                KeySecret(
                    key_id=one.kid,
                    slot=SecretSlot.CURRENT,
                    digest=digest(pepper_bytes, one.foreign.inner),
                    pepper=pepper,
                    sealed=one.sealed,
                    created_at=now,
                    scheme=one.foreign.scheme,
                    lookup=one.lookup,
                )
                for one in ready
            )
            recorded.touches(*(ResourceRef("key", one.kid) for one in ready))
    except IntegrityError:
        # Another import was faster with one of them; nothing of this one is there.
        _refuse_known([one.foreign for one in ready], [one.lookup for one in ready])
        raise Conflict(
            "keys were imported at the same time", code="import_at_once", remedy="import the file again"
        ) from None


def _refuse_known(keys: Sequence[ForeignKey], lookups: Sequence[str]) -> None:
    known = dict(KeySecret.objects.filter(lookup__in=lookups).values_list("lookup", "key_id"))
    wrong = [
        AtLine(key.line, f"it was imported already, as {known[found]}")
        for key, found in zip(keys, lookups, strict=True)
        if found in known
    ]
    if wrong:
        raise _refused(wrong)


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


def _shown(key: ForeignKey, kid: str | None) -> ImportedKey:
    return ImportedKey(key.line, kid, key.name, _status(key))


def _status(key: ForeignKey) -> KeyStatus:
    return KeyStatus.ACTIVE if key.enabled else KeyStatus.DISABLED
