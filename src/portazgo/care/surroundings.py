"""What the checks look at: the settings, what runs here, and who answers. Asked once, when first wanted."""

from __future__ import annotations

import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from portazgo.care.facts import StateFacts, state_facts
from portazgo.care.failed import CareFailed
from portazgo.care.looking import looked_at
from portazgo.client.admin import AdminClient, Answered
from portazgo.control.database_options import LEDGER_SCHEMA, STATE_SCHEMA
from portazgo.kit.http import Answer, JsonClient, Unreachable
from portazgo.kit.secret import Secret
from portazgo.roles.instance import RunningInstance, running_instance
from portazgo.settings_kinds import DatabaseURL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portazgo.settings import Settings

ANSWER_SECONDS = 5.0
OK = 200


class Surroundings:
    """One look around. Nothing here is changed by looking."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self.settings = settings
        self.environment = environment
        self.began = (time.time(), time.monotonic())

    @cached_property
    def instance(self) -> RunningInstance | None:
        """The `portazgo up` of this data folder."""
        return running_instance(self.settings.data_dir)

    @cached_property
    def internal_url(self) -> str:
        """Where nodes find the control plane; `portazgo up` chooses a port of its own."""
        return (self.instance and self.instance.internal_url) or self.settings.internal_url

    @cached_property
    def admin_url(self) -> str:
        """Where this machine's node tells of itself, likewise."""
        return (self.instance and self.instance.admin_url) or f"http://{self.settings.admin_listen.reachable}"

    @cached_property
    def gateway(self) -> Answer | None:
        """What this machine's gateway port answers; None: nothing."""
        return ask(f"http://{self.settings.gateway_listen.reachable}", "/.well-known/jwks.json")

    @cached_property
    def control(self) -> Answer | None:
        """What the control plane says of its health; None: nothing answers."""
        return ask(self.settings.control_url, "/health")

    @cached_property
    def internal(self) -> Answer | None:
        """What the internal listener answers to somebody without a token; None: nothing answers."""
        return ask(self.internal_url, "/internal/v1/changes")

    @cached_property
    def node(self) -> Answer | None:
        """What this machine's node says of its readiness; None: nothing answers."""
        return ask(self.admin_url, "/health/ready")

    @property
    def something_runs(self) -> bool:
        """Whether any part of Portazgo was met; when none was, none is missed."""
        return self.instance is not None or any((self.gateway, self.control, self.internal, self.node))

    @cached_property
    def admin(self) -> AdminClient | None:
        """The admin API with this machine's token; None: it does not answer, or doesn't know the token."""
        if self.control is None or self.admin_token is None:
            return None
        client = AdminClient(self.settings.control_url, self.admin_token)
        try:
            client.get("/nodes", {"limit": 1})
        except (Answered, Unreachable):
            return None
        return client

    @cached_property
    def admin_token(self) -> Secret | None:
        """This machine's admin token; None: there is none that can be read."""
        try:
            return Secret(self.settings.admin_token_file.read_text("utf-8").strip())
        except (OSError, UnicodeDecodeError):
            return None

    @cached_property
    def databases(self) -> tuple[tuple[str, DatabaseURL, str], ...]:
        """The databases: their word, URL and schema."""
        return (
            ("state", self.settings.state_url, STATE_SCHEMA),
            ("ledger", self.settings.ledger_url, LEDGER_SCHEMA),
        )

    @cached_property
    def state(self) -> StateFacts | None:
        """What the state database says of itself; None: it isn't here, or can't be read (its own check says why)."""
        if not is_here(self.settings.state_url):
            return None
        try:
            with looked_at(self.settings.state_url, STATE_SCHEMA) as query:
                return state_facts(query)
        except CareFailed:
            return None

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Read rows of the state. Raises CareFailed."""
        with looked_at(self.settings.state_url, STATE_SCHEMA) as query:
            return list(query(sql))


def is_here(url: DatabaseURL) -> bool:
    """Tell whether there is a database to look at: a file that exists, or a server that may be anywhere."""
    return not url.is_sqlite or Path(url.name).exists()


def ask(base_url: str, path: str) -> Answer | None:
    """GET without credentials; None: nothing answers there as HTTP."""
    client = JsonClient(base_url)
    try:
        return client.request("GET", path, read_seconds=ANSWER_SECONDS)
    except Unreachable:
        return None
    finally:
        client.close()


def address_of(url: str) -> tuple[str, int]:
    """Give host and port of a URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
