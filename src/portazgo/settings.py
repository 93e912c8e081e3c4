"""Every setting of Portazgo, in one table (docs/settings.md and schema/settings.json are generated from it).

A value is taken from the first of: flag, environment (`PORTAZGO_…`), `settings:` in portazgo.yaml, `settings:` in the
user's profile, default. portazgo.yaml sets only what is marked `in_file`. Everything that is wrong is told at once
(`SettingsInvalid`; the command line exits 2).
Needs neither pydantic nor Django, so that every role can read it in a few milliseconds.
"""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from portazgo.kit.objects.uri import S3, Folder
from portazgo.settings_gateway import GatewaySettings, contradictions_of_the_gateway
from portazgo.settings_kinds import (
    CHOICE_OF,
    DATABASE,
    DAYS_OR_OFF,
    DURATION,
    DURATION_OR_OFF,
    FOLDER,
    GRACE,
    HTTP_URL,
    LEAVING,
    LISTEN,
    MILLISECONDS_OR_OFF,
    NETWORKS,
    OBJECTS,
    PATH,
    PORT,
    TIME_ZONE,
    WRAPPING,
    WRAPPINGS,
    YES_NO,
    DatabaseURL,
    Listen,
    ValueInvalid,
)
from portazgo.settings_lines import Fault, Setting, setting
from portazgo.settings_records import RecordSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PREFIX = "PORTAZGO_"
FILE = Path("portazgo.yaml")
# Read by others: kit.parent, the tests. Not settings, and no typing errors either.
NOT_OURS = ("PORTAZGO_PARENT_PID", "PORTAZGO_TEST_")


class SettingsInvalid(Exception):
    """Everything that is wrong with the settings."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(RecordSettings):
    """The settings, parsed. The name of a field in capitals after PORTAZGO_ is its environment variable."""

    data_dir: Path = setting(
        FOLDER,
        ".portazgo",
        "Folder of everything that Portazgo keeps on this machine.",
        "Name a folder that can be written.",
    )
    profile: str = setting(
        CHOICE_OF("embedded", "production"),
        "embedded",
        "Which defaults apply: everything in one place, or several machines.",
        "Write embedded or production.",
        in_file=True,
    )
    state_url: DatabaseURL = setting(
        DATABASE,
        None,
        "Database of nouns, change log and audit.",
        "Write sqlite:///path/to/file or postgresql://user@host/database.",
        absent="`state.sqlite3` in the data folder",
    )
    ledger_url: DatabaseURL = setting(
        DATABASE,
        None,
        "Database of segments, manifests and rollups.",
        "Write sqlite:///path/to/file or postgresql://user@host/database.",
        absent="`ledger.sqlite3` in the data folder; with a PostgreSQL state, the same database",
    )
    objects_url: Folder | S3 = setting(
        OBJECTS,
        None,
        "Where files are kept that are too many for a database: the lake, and segments on their way to the ledger.",
        "Write file:///path/to/folder or s3://bucket/prefix, with ?region=… and what docs/operations.md names.",
        absent="`objects` in the data folder",
    )
    wrapping: str = setting(
        WRAPPING,
        "local:",
        "Provider that seals secrets for the database.",
        "Write local: (the file master.key in the data folder), local:/path/to/master.key, or aws-kms:alias/NAME "
        "(docs/key-wrapping.md).",
    )
    wrapping_also: tuple[str, ...] = setting(
        WRAPPINGS,
        "",
        "Further providers, which open what they sealed and seal nothing more: while secrets move from one to another.",
        "Write providers as for PORTAZGO_WRAPPING, with commas between them.",
    )
    control_listen: Listen = setting(
        LISTEN, "127.0.0.1:8081", "Address of the admin API and pages.", "Write host:port, such as 127.0.0.1:8081."
    )
    control_port: int = setting(
        PORT,
        None,
        "Port of the admin API and pages.",
        "Write a port, 0 to 65535.",
        absent="that of PORTAZGO_CONTROL_LISTEN",
    )
    internal_listen: Listen = setting(
        LISTEN,
        "127.0.0.1:8083",
        "Address on which the control plane serves gateway nodes; loopback, or with a certificate.",
        "Write host:port, such as 127.0.0.1:8083.",
    )
    internal_tls_certificate: Path | None = setting(
        PATH,
        None,
        "Certificate chain (PEM) of the internal listener.",
        "Name a PEM file.",
        absent="none: plain, loopback only",
    )
    internal_tls_key: Path | None = setting(
        PATH, None, "Private key (PEM) of the internal listener.", "Name a PEM file.", absent="none"
    )
    control_url: str = setting(
        HTTP_URL,
        None,
        "Where the command line finds the admin API, and what links begin with.",
        "Write http://host:port or https://host:port.",
        absent="the address of PORTAZGO_CONTROL_LISTEN",
    )
    issuer_url: str = setting(
        HTTP_URL,
        None,
        "`iss` of the tokens that the first issuer signs; backends find JWKS and discovery below it.",
        "Write a URL that backends can reach.",
        absent="PORTAZGO_CONTROL_URL",
    )
    admin_token_file: Path = setting(
        PATH,
        None,
        "File with the command line's admin token.",
        "Name a file.",
        absent="`admin-token` in the data folder",
    )
    key_max_age: timedelta | None = setting(
        DAYS_OR_OFF,
        "off",
        "Longest life of an API key, from the making of its current secret: it gets an expiry, and none that is later.",
        "Write off or a duration such as 365d.",
        in_file=True,
    )
    key_dormant_after: timedelta | None = setting(
        DAYS_OR_OFF,
        "90d",
        "How long an API key may go unused before it is disabled; its owner is told before.",
        "Write off or a duration such as 90d.",
        in_file=True,
    )
    time_zone: str = setting(
        TIME_ZONE,
        "UTC",
        "Time zone of days and months in reports that name none (docs/usage-per-company.md).",
        "Write a name of the IANA database, such as America/Bogota.",
        in_file=True,
    )
    usage_segments: Literal["sql", "objects"] = setting(
        CHOICE_OF("sql", "objects"),
        "sql",
        "Where the bytes of segments are kept: in the ledger's database or in the object store.",
        "Write sql or objects.",
        in_file=True,
    )
    usage_spill_after: timedelta | None = setting(
        MILLISECONDS_OR_OFF,
        None,
        "How long the ledger may take over a segment before it goes to the object store, and the worker brings it in later.",
        "Write off or a time such as 1000ms.",
        absent="1000ms where PORTAZGO_OBJECTS_URL is set, else off",
        in_file=True,
    )
    log_format: Literal["auto", "json", "pretty"] = setting(
        CHOICE_OF("auto", "json", "pretty"),
        "auto",
        "How logs look; auto is pretty on a terminal and JSON elsewhere.",
        "Write auto, json or pretty.",
        in_file=True,
    )
    lang: str = setting(
        CHOICE_OF("en", "es"), "en", "Language of the command line and pages.", "Write en or es.", in_file=True
    )
    import_allow_private: bool = setting(
        YES_NO,
        None,
        "Whether OpenAPI documents may be imported from private networks and loopback.",
        "Write yes or no.",
        absent="yes with the embedded profile (loopback and private networks of this machine), no with production",
    )
    rotation_least_grace: timedelta = setting(
        GRACE,
        "0s",
        "How long the old secret of a key that is rotated must go on working at least (docs/rotate-without-downtime.md).",
        "Write a duration from 0s to 30d.",
        in_file=True,
    )
    rotation_most_grace: timedelta = setting(
        GRACE,
        "30d",
        "How long it may go on working at most, counted from the rotation.",
        "Write a duration from 0s to 30d.",
        in_file=True,
    )
    rotation_default_grace: timedelta = setting(
        GRACE,
        None,
        "How long it goes on working where a rotation says nothing.",
        "Write a duration between the least and the most.",
        absent="7d, or the nearest that least and most allow",
        in_file=True,
    )
    webhook_networks: tuple[str, ...] = setting(
        NETWORKS,
        "",
        "Private networks in which webhook endpoints may be; there http:// will do too. All others are https:// and public.",
        "Write networks with commas between them, such as 10.20.0.0/16, 127.0.0.0/8.",
    )
    webhook_retry_for: timedelta = setting(
        DURATION,
        "3d",
        "How long an event is sent again to a webhook endpoint that does not take it (docs/webhooks.md).",
        "Write a duration such as 3d.",
        in_file=True,
    )
    webhook_pause_after: timedelta = setting(
        DURATION,
        "1d",
        "How long a webhook endpoint may fail before it is paused.",
        "Write a duration such as 1d.",
        in_file=True,
    )
    leak_keys_file: Path | None = setting(
        PATH,
        None,
        "Public keys that sign reports of leaked keys: GitHub's document of them, as a JSON file (docs/kill-a-leaked-key.md).",
        "Name a file with what api.github.com/meta/public_keys/secret_scanning answers.",
        absent="none: such reports are refused",
    )
    leak_response_live: Literal["notify", "retire_in_1h", "revoke"] = setting(
        CHOICE_OF("notify", "retire_in_1h", "revoke"),
        "retire_in_1h",
        "What is done with a leaked key of the environment live.",
        "Write notify, retire_in_1h or revoke.",
        in_file=True,
    )
    leak_response_test: Literal["notify", "retire_in_1h", "revoke"] = setting(
        CHOICE_OF("notify", "retire_in_1h", "revoke"),
        "revoke",
        "What is done with a leaked key of the environment test.",
        "Write notify, retire_in_1h or revoke.",
        in_file=True,
    )
    backend_port: int = setting(PORT, "8082", "Port of the demo backend.", "Write a port, 0 to 65535.", in_file=True)

    @property
    def embedded(self) -> bool:
        """Whether everything runs in one place."""
        return self.profile == "embedded"


def settings_table() -> dict[str, Setting]:
    """Give the table: field name to its line. What concerns all roles stands first."""
    of_the_gateway = {entry.name for entry in fields(GatewaySettings)}
    lines = sorted(fields(Settings), key=lambda entry: entry.name in of_the_gateway)
    return {entry.name: entry.metadata["setting"] for entry in lines}


def variable(name: str) -> str:
    """Give the environment variable of a field."""
    return PREFIX + name.upper()


NOT_IN_FILE = "portazgo.yaml can't set it: it says where secrets lie or are sent, or what this machine may reach"


def instead_of_file(name: str) -> str:
    """Say where a setting that portazgo.yaml can't set is set."""
    return f"Set {variable(name)}, or write it in your own ~/.config/portazgo/profile.yaml."


def load(
    flags: Mapping[str, str | None] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    file: Path = FILE,
    profile: Path | None = None,
) -> Settings:
    """Read the settings; `flags` maps field names to what was given on the command line. Raises SettingsInvalid."""
    from portazgo.settings_sources import gather  # noqa: PLC0415 - it reads the table above

    environment = os.environ if environment is None else environment
    found, faults = gather(flags or {}, environment, file, profile)
    values: dict[str, Any] = {}
    for name, line in settings_table().items():
        text, source = found.get(name, (line.default, "default"))
        try:
            values[name] = None if text is None else line.kind.parse(text)
        except ValueInvalid as problem:
            faults.append(Fault(variable(name), source, str(problem), line.remedy))
    if not faults:
        faults = _fill_in(values)
    if faults:
        raise SettingsInvalid(faults)
    return Settings(**values)


def misspelt(environment: Mapping[str, str], *, near_only: bool = False) -> list[str]:
    """Name the `PORTAZGO_…` variables that are no settings, each with the nearest that is one.

    Warnings, not faults: orchestrators invent variables from service names (`PORTAZGO_SERVICE_HOST`). `near_only` leaves
    out what resembles none of ours.
    """
    known = {name.upper() for name in settings_table()}
    sentences = []
    for name in sorted(environment):
        word = name.removeprefix(PREFIX)
        if name.startswith(PREFIX) and word not in known and not name.startswith(NOT_OURS):
            near = difflib.get_close_matches(word, known, n=1, cutoff=_NEAR)
            if near or not near_only:
                sentences.append(f"{name} is no setting" + (f"; did you mean {PREFIX}{near[0]}?" if near else ""))
    return sentences


_NEAR = 0.75


_current: Settings | None = None


def use(settings: Settings) -> None:
    """Make these the settings of this process: a role's first step, before Django is set up."""
    global _current  # noqa: PLW0603 - one process has one configuration
    _current = settings


def current() -> Settings:
    """Give the settings of this process, read from the usual places when nobody called `use`. Raises SettingsInvalid."""
    if _current is None:
        use(load())
    assert _current is not None  # noqa: S101 - narrows the type
    return _current


def _fill_in(values: dict[str, Any]) -> list[Fault]:
    """Derive what is absent from what is there. Returns what contradicts itself."""
    data_dir: Path = values["data_dir"]
    for name, port in (("gateway_listen", "gateway_port"), ("control_listen", "control_port")):
        if values[port] is not None:
            values[name] = values[name].with_port(values[port])
        values[port] = values[name].port
    values["state_url"] = values["state_url"] or DatabaseURL.sqlite(data_dir / "state.sqlite3")
    if values["ledger_url"] is None:
        in_one = values["state_url"].is_postgresql
        values["ledger_url"] = values["state_url"] if in_one else DatabaseURL.sqlite(data_dir / "ledger.sqlite3")
    if values["usage_spill_after"] is None and values["objects_url"] is not None:
        values["usage_spill_after"] = timedelta(seconds=1)
    values["usage_spill_after"] = values["usage_spill_after"] or None  # `off` is parsed to zero
    values["objects_url"] = values["objects_url"] or Folder(data_dir / "objects")
    values["internal_url"] = values["internal_url"] or _own_url(values["internal_listen"], tls=_has_tls(values))
    values["control_url"] = values["control_url"] or _own_url(values["control_listen"], tls=False)
    values["issuer_url"] = values["issuer_url"] or values["control_url"]
    values["node_token_file"] = values["node_token_file"] or data_dir / "node-token"
    values["admin_token_file"] = values["admin_token_file"] or data_dir / "admin-token"
    values["revocation_max_staleness"] = _staleness(values)
    production = values["profile"] == "production"
    for name, usual, in_production in (
        ("drain_wait", "0s", "5s"),
        ("drain_time", "4s", "30s"),
        ("drain_ship", "2s", "10s"),
    ):
        if values[name] is None:
            values[name] = LEAVING.parse(in_production if production else usual)
    for name in ("key_max_age", "key_dormant_after"):
        values[name] = values[name] or None  # `off` is parsed to zero
    if values["import_allow_private"] is None:
        values["import_allow_private"] = values["profile"] == "embedded"
    if values["rotation_default_grace"] is None:
        usual = GRACE.parse("7d")
        values["rotation_default_grace"] = min(
            max(usual, values["rotation_least_grace"]), values["rotation_most_grace"]
        )
    return _contradictions(values)


def _staleness(values: Mapping[str, Any]) -> timedelta | None:
    chosen = values["revocation_max_staleness"]
    if chosen is None and values["profile"] == "production":
        chosen = DURATION_OR_OFF.parse("5m")
    return chosen or None  # `off` is parsed to zero


def _contradictions(values: Mapping[str, Any]) -> list[Fault]:
    faults = contradictions_of_the_gateway(values)
    if (values["internal_tls_certificate"] is None) != (values["internal_tls_key"] is None):
        faults.append(
            Fault(
                "PORTAZGO_INTERNAL_TLS_CERTIFICATE, PORTAZGO_INTERNAL_TLS_KEY",
                "together",
                "one is set and the other is not",
                "Set both, or none.",
            )
        )
    elif not values["internal_listen"].is_loopback and not _has_tls(values):
        faults.append(
            Fault(
                "PORTAZGO_INTERNAL_LISTEN",
                "together",
                f"{values['internal_listen']} can be reached from other machines without TLS",
                "Listen on 127.0.0.1, or set PORTAZGO_INTERNAL_TLS_CERTIFICATE and PORTAZGO_INTERNAL_TLS_KEY.",
            )
        )
    if not values["rotation_least_grace"] <= values["rotation_default_grace"] <= values["rotation_most_grace"]:
        faults.append(
            Fault(
                "PORTAZGO_ROTATION_LEAST_GRACE, PORTAZGO_ROTATION_DEFAULT_GRACE, PORTAZGO_ROTATION_MOST_GRACE",
                "together",
                "they are not in this order",
                "Let the least not exceed the default, nor the default the most.",
            )
        )
    kept = [values[name] or timedelta.max for name in ("usage_minutes_kept", "usage_quarters_kept", "usage_days_kept")]
    if kept != sorted(kept):
        faults.append(
            Fault(
                "PORTAZGO_USAGE_MINUTES_KEPT, PORTAZGO_USAGE_QUARTERS_KEPT, PORTAZGO_USAGE_DAYS_KEPT",
                "together",
                "they are not in this order",
                "Keep minutes no longer than quarter-hours, and these no longer than days.",
            )
        )
    if values["state_url"].is_sqlite and values["state_url"] == values["ledger_url"]:
        faults.append(
            Fault(
                "PORTAZGO_STATE_URL, PORTAZGO_LEDGER_URL",
                "together",
                "both name the same SQLite file, and collecting records would delay revocations",
                "Name two files.",
            )
        )
    return faults


def _has_tls(values: Mapping[str, Any]) -> bool:
    return values["internal_tls_certificate"] is not None


def _own_url(listen: Listen, *, tls: bool) -> str:
    return f"{'https' if tls else 'http'}://{listen.reachable}"
