"""What a copy of the databases says of itself, read with plain SQL: a copy must be judged before Django may touch it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from portazgo.care.failed import CareFailed
from portazgo.kit.wrapping import KeyWrapper, WrappingFailed, WrappingUnavailable

Rows = Iterable[tuple[Any, ...]]

# What is sealed and is not as many rows as there are keys: its context, the migration that made its table, how it is read.
_SEALED = (
    ("pepper", ("keys", "0001_initial"), "SELECT version, wrapped FROM pepper"),
    ("lookup_key", ("keys", "0006_imported"), "SELECT version, wrapped FROM lookup_key"),
    ("signing_key", ("signing", "0001_initial"), "SELECT kid, wrapped FROM signing_key"),
)


class Queries(Protocol):
    """Runs a query in one database, where its tables are found without a prefix."""

    def __call__(self, sql: str) -> Rows:
        """Give the rows."""


@dataclass(frozen=True, slots=True)
class StateFacts:
    """Where the log is, which migrations were applied, what was sealed: (context, wrapped text)."""

    history: str
    revision: int
    migrations: tuple[tuple[str, str], ...]
    sealed: tuple[tuple[str, str], ...]

    @property
    def key_id(self) -> str | None:
        """The master key of `local:` that sealed it; None: nothing is sealed, or by another provider."""
        return min(self.key_ids, default=None)

    @property
    def key_ids(self) -> set[str]:
        """The master keys of `local:` that sealed something: two while one is replaced by another."""
        return {text.split(":")[1] for _, text in self.sealed if text.startswith("local:")}

    def require_opened_by(self, wrapper: KeyWrapper) -> None:
        """Raise CareFailed unless the provider opens everything that is sealed."""
        try:
            self.open_all(wrapper)
        except WrappingUnavailable as problem:
            raise CareFailed(str(problem), problem.remedy) from None
        except WrappingFailed as problem:
            raise CareFailed(str(problem), "bring the key file that belongs to these databases") from None

    def open_all(self, wrapper: KeyWrapper) -> None:
        """Open everything that is sealed. Raises WrappingFailed, WrappingUnavailable."""
        for context, text in self.sealed:
            wrapper.unwrap(context, text)


def state_facts(query: Queries) -> StateFacts:
    """Read them of a state database. Raises CareFailed when it was never begun."""
    head = next(iter(query("SELECT history, revision FROM head")), None)
    if head is None:
        raise CareFailed("the database holds no deployment yet", "run `portazgo migrate` first")
    applied = migrations(query)
    sealed = [
        (f"{context}/{identifier}", str(wrapped))
        for context, made_by, sql in _SEALED
        if made_by in applied
        for identifier, wrapped in query(sql)
        if wrapped is not None
    ]
    return StateFacts(str(head[0]), int(head[1]), applied, tuple(sealed))


def migrations(query: Queries) -> tuple[tuple[str, str], ...]:
    """Name the migrations that a database has."""
    return tuple((str(app), str(name)) for app, name in query("SELECT app, name FROM django_migrations ORDER BY id"))
