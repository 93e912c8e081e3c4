"""Which database an app's tables live in: the ledger's in `ledger`, all others in `default` (the state)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portazgo.control.registry import LEDGER_LABELS

if TYPE_CHECKING:
    from django.db.models import Model


class ByAppLabel:
    """A Django database router."""

    def db_for_read(self, model: type[Model], **_hints: Any) -> str:
        """Name the database to read from."""
        return _alias(model._meta.app_label)  # noqa: SLF001 - Django's own name for it

    def db_for_write(self, model: type[Model], **_hints: Any) -> str:
        """Name the database to write to."""
        return _alias(model._meta.app_label)  # noqa: SLF001 - likewise

    def allow_relation(self, one: Model, other: Model, **_hints: Any) -> bool:
        """Refuse foreign keys that cross."""
        return _alias(one._meta.app_label) == _alias(other._meta.app_label)  # noqa: SLF001 - likewise

    def allow_migrate(self, db: str, app_label: str, **_hints: Any) -> bool:
        """Make each table in its own database only."""
        return _alias(app_label) == db


def _alias(app_label: str) -> str:
    return "ledger" if app_label in LEDGER_LABELS else "default"
