"""Which acts on keys become events: those that the audit row names are written beside it, in its transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from portazgo.applications.models import Application
from portazgo.audit.service import listen
from portazgo.keys.domain import KeyStatus, SecretSlot
from portazgo.keys.models import Key
from portazgo.kit.clock import parse_rfc3339
from portazgo.notifications.events import (
    KeyCreated,
    KeyData,
    KeyDisabled,
    KeyDormantDisabled,
    KeyDormantSoon,
    KeyEnabled,
    KeyRevoked,
    KeyRotated,
    KeyRotationDue,
    KeysImported,
    Named,
)
from portazgo.notifications.outbox import publish

if TYPE_CHECKING:
    from datetime import datetime

    from portazgo.audit.models import AuditRow

    Make = Callable[[Key, AuditRow], KeyData | None]

DORMANT = "dormant"
"""What the audit row of a key's disabling says where nobody had used the key."""

IS_DUE = "0s"
"""The notice that a rotation is due now."""


def about(key: Key) -> dict[str, Any]:
    """Give what every event of a key tells. `key` with its application and partner."""
    return {"kid": key.kid, "name": key.name, **_about_owner(key.application)}


def _about_owner(application: Application) -> dict[str, Any]:
    return {
        "environment": application.environment,
        "application": Named(id=str(application.id), name=application.name),
        "partner": Named(id=str(application.partner.id), name=application.partner.name),
    }


def tell(key: Key, data: KeyData, *, at: datetime, once: str | None = None) -> bool:
    """Write an event of a key; of a canary its partner is told nothing, not even that there is one."""
    return publish(data, partner=None if key.canary else key.application.partner_id, at=at, once=once)


def listen_to_audit() -> None:
    """Have these acts told. Called once, at start."""
    for action, listener in _LISTENERS.items():
        listen(action, listener)


def _created(key: Key, _row: AuditRow) -> KeyData:
    return KeyCreated(**about(key), expires_at=key.expires_at)


def _rotated(key: Key, _row: AuditRow) -> KeyData:
    retiring = key.secrets.filter(slot=SecretSlot.RETIRING).first()
    return KeyRotated(**about(key), retiring_ends_at=retiring.ends_at if retiring else None)


def _revoked(key: Key, _row: AuditRow) -> KeyData | None:
    return None if key.revoked_at is None else KeyRevoked(**about(key), revoked_at=key.revoked_at)


def _disabled(key: Key, row: AuditRow) -> KeyData:
    if row.details.get("because") == DORMANT:
        return KeyDormantDisabled(**about(key), last_used_at=_moment(row, "last_used_at"))
    return KeyDisabled(**about(key))


def _enabled(key: Key, _row: AuditRow) -> KeyData:
    return KeyEnabled(**about(key))


def _dormant_soon(key: Key, row: AuditRow) -> KeyData | None:
    disabled_at = _moment(row, "disabled_at")
    if disabled_at is None:
        return None
    return KeyDormantSoon(**about(key), last_used_at=_moment(row, "last_used_at"), disabled_at=disabled_at)


def _rotation_due(key: Key, row: AuditRow) -> KeyData | None:
    due_at = _moment(row, "due_at")
    if due_at is None:
        return None
    return KeyRotationDue(**about(key), rotation_due_at=due_at, notice=IS_DUE, secret_ends_at=_moment(row, "ends_at"))


def _moment(row: AuditRow, member: str) -> datetime | None:
    text = row.details.get(member)
    return None if text is None else parse_rfc3339(text)


def _listener(make: Make, *, once: bool = False) -> Callable[[AuditRow], None]:
    def listener(row: AuditRow) -> None:
        key = Key.objects.select_related("application__partner").filter(kid=row.subject).first()
        data = make(key, row) if key is not None else None
        if key is not None and data is not None:
            tell(key, data, at=row.at, once=f"{row.action}/{key.kid}" if once else None)

    return listener


def _all_revoked(row: AuditRow) -> None:
    """Tell of each key that died with all of its application's or partner's, as of one that was revoked alone."""
    owner = {"partner": "application__partner", "application": "application"}[row.action.partition(".")[0]]
    # Those that were dead before were told of then: `once` keeps it so.
    died = Key.objects.select_related("application__partner").filter(**{owner: row.subject}, status=KeyStatus.REVOKED)
    for key in died.order_by("kid").iterator(chunk_size=500):
        data = _revoked(key, row)
        if data is not None:
            tell(key, data, at=row.at, once=f"key.revoked/{key.kid}")


def _import_completed(row: AuditRow) -> None:
    """Tell once of all keys of an import: a thousand events would tell nobody more."""
    application = Application.objects.select_related("partner").get(id=row.subject)
    counts = {name: row.details[name] for name in ("made", "already_there", "left_out")}
    publish(KeysImported(**_about_owner(application), **counts), partner=application.partner_id, at=row.at)


_LISTENERS = {
    "key.created": _listener(_created),
    "key.rotated": _listener(_rotated),
    # To revoke again changes nothing, and is told to nobody.
    "key.revoked": _listener(_revoked, once=True),
    "partner.keys_revoked": _all_revoked,
    "application.keys_revoked": _all_revoked,
    "keys.import_completed": _import_completed,
    "key.disabled": _listener(_disabled),
    "key.enabled": _listener(_enabled),
    "key.dormancy_announced": _listener(_dormant_soon),
    "key.rotation_due": _listener(_rotation_due),
}
