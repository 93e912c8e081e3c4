"""The operator's rules for the lives of keys, as the settings have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

from portazgo.keys.life import Dormancy, bounded_expiry, latest_expiry, quiet_since
from portazgo.kit.errors import Invalid

if TYPE_CHECKING:
    from datetime import datetime

    from portazgo.keys.models import Key


def bounded(wanted: datetime | None, secret_made_at: datetime, now: datetime) -> datetime | None:
    """Hold an expiry to the longest life of a key; none becomes the latest. Raises Invalid (`expiry_too_late`)."""
    max_age = settings.PORTAZGO.key_max_age
    latest = latest_expiry(secret_made_at, max_age)
    try:
        expires_at = bounded_expiry(wanted, latest, max_age)
    except ValueError as problem:
        raise Invalid.at("/expires_at", str(problem), code="expiry_too_late") from None
    if latest is not None and latest <= now:
        raise Invalid.at(
            "/expires_at",
            "the key's secret is older than a key may become (PORTAZGO_KEY_MAX_AGE): rotate the key first",
            code="expiry_too_late",
        )
    return expires_at


def shortened(wanted: datetime | None, secret_made_at: datetime) -> datetime | None:
    """Hold an expiry to the longest life of a key where nobody can be asked to mend it: the sooner of both counts."""
    latest = latest_expiry(secret_made_at, settings.PORTAZGO.key_max_age)
    return min((one for one in (wanted, latest) if one is not None), default=None)


def latest_expiry_of(key: Key) -> datetime | None:
    """Tell how late the key may end; None: whenever, or it has no secret any more."""
    made = [secret.created_at for secret in key.secrets.all() if secret.slot == "current"]
    return latest_expiry(made[0], settings.PORTAZGO.key_max_age) if made else None


def dormancy() -> Dormancy | None:
    """Give the rule for keys that nobody uses; None: they may sleep."""
    after = settings.PORTAZGO.key_dormant_after
    return None if after is None else Dormancy(after)


def dormant_at(key: Key) -> datetime | None:
    """Tell when an active key is disabled unless it is used before; None: never, or it is not active."""
    rule = dormancy()
    if rule is None or key.canary or key.status != "active":
        return None
    return rule.ends_at(quiet_since(key.created_at, key.enabled_at, key.last_used_at), key.dormancy_announced_at)
