"""Django's DATABASES from our two URLs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portazgo.kit.postgresql import NOTICE_DEAD_CLIENT, NOTICE_DEAD_SERVER

if TYPE_CHECKING:
    from portazgo.settings import Settings
    from portazgo.settings_kinds import DatabaseURL

BUSY_SECONDS = 5
CONNECT_SECONDS = 5
POOL_LARGEST = 16
STATE_SCHEMA = "state"
LEDGER_SCHEMA = "ledger"

_SQLITE_START = ";".join(  # noqa: FLY002 - one pragma a line
    [
        "PRAGMA journal_mode=WAL",
        "PRAGMA synchronous=FULL",  # an acknowledged commit survives a power cut
        "PRAGMA mmap_size=134217728",
        "PRAGMA journal_size_limit=67108864",
        "PRAGMA cache_size=2000",
    ]
)
_SQLITE_STATE = "PRAGMA secure_delete=ON"
"""What is deleted is overwritten: an erased data key must not lie on in a free page."""


def databases(settings: Settings) -> dict[str, dict[str, Any]]:
    """Give `default` (the state) and `ledger`; in PostgreSQL each keeps to a schema of its own."""
    return {
        "default": _database(settings.state_url, STATE_SCHEMA),
        "ledger": _database(settings.ledger_url, LEDGER_SCHEMA),
    }


def _database(url: DatabaseURL, schema: str) -> dict[str, Any]:
    return _sqlite(url, schema) if url.is_sqlite else _postgresql(url, schema)


def _sqlite(url: DatabaseURL, schema: str) -> dict[str, Any]:
    start = f"{_SQLITE_START};{_SQLITE_STATE}" if schema == STATE_SCHEMA else _SQLITE_START
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": url.name,
        # Kept open: closing the last connection of a file folds its log in, and would do so after every request.
        "CONN_MAX_AGE": None,
        # IMMEDIATE: a transaction that reads and then writes would otherwise fail, not wait, when another wrote between.
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": BUSY_SECONDS, "init_command": start},
    }


def _postgresql(url: DatabaseURL, schema: str) -> dict[str, Any]:
    of_session = {
        "search_path": schema,
        # A statement of ours reads some ten thousand rows: other processes to read them cost more than they take over.
        "max_parallel_workers_per_gather": "0",
        # As long as SQLite's writer is waited for. One who forgot a transaction in a console must not hold up all nodes.
        "lock_timeout": f"{BUSY_SECONDS}s",
        **NOTICE_DEAD_CLIENT,
    }
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.name,
        "HOST": url.host,
        "PORT": str(url.port or ""),
        "USER": url.user,
        "PASSWORD": url.password.reveal() if url.password else "",
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": CONNECT_SECONDS,
            **NOTICE_DEAD_SERVER,
            **dict(url.parameters),
            "options": " ".join(f"-c {name}={value}" for name, value in of_session.items()),
            "pool": {"min_size": 1, "max_size": POOL_LARGEST, "timeout": BUSY_SECONDS},
        },
    }
