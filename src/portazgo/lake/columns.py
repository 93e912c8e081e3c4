"""The columns of the lake: the one list that the writer, the readers, the tests and docs/lake.md take them from.

Some columns hold what a member differs by from others, not the member: it is smaller, and mostly what is asked for.
`differences.py` has both directions.

A file's schema has a version. Later versions may append columns and nothing else: a column never changes its name, type or
meaning, and one that is not filled any more stays, and is null. So a reader of many files takes columns by name, and gives
null for those that older files don't have.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

SCHEMA_VERSION = 2
VERSION_KEY = "portazgo.schema_version"
"""Of the files' own key-value metadata."""
SORTED_BY = ("started_at", "request_id")


class Kind(Enum):
    """What a column holds, as Arrow and Parquet call it."""

    TEXT = "string"
    BYTES = "binary"
    NUMBER = "int64"
    SMALL = "int32"
    FLAG = "bool"
    TIME = "timestamp[us, UTC]"


class Layout(Enum):
    """How a column's values are stored: what makes a record small (bench/lake.py shows each column's share)."""

    WORDS = "dictionary"
    """One of a few words or ids."""
    RANDOM = "plain"
    """Different in every record: values in full; of texts the lengths apart, so that nothing but digits is compressed."""
    GROWING = "delta"
    """Much like the one before it, in the order of the file."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `member`: the record's that it holds or leads to, under its name of docs/wire.md, section 5."""

    name: str
    kind: Kind
    layout: Layout
    meaning: str
    member: str


def _text(name: str, meaning: str, layout: Layout = Layout.WORDS) -> Column:
    return Column(name, Kind.TEXT, layout, meaning, name)


def _number(name: str, meaning: str, layout: Layout = Layout.WORDS, kind: Kind = Kind.NUMBER) -> Column:
    return Column(name, kind, layout, meaning, name)


def _flag(name: str, meaning: str) -> Column:
    return Column(name, Kind.FLAG, Layout.RANDOM, meaning, name)


def _phase(name: str, took: str) -> Column:
    return Column(
        f"phase_{name}_us", Kind.NUMBER, Layout.WORDS, f"How long {took} took, microseconds", f"phase_{name}_us"
    )


COLUMNS = (
    _text("request_id", "Id of the call, a UUIDv7: the answer's `X-Request-Id`", Layout.GROWING),
    Column("started_at", Kind.TIME, Layout.GROWING, "When its first byte came", "started_at_us"),
    Column("duration_us", Kind.NUMBER, Layout.RANDOM, "How long it took, microseconds", "finished_at_us"),
    Column(
        "own_us",
        Kind.NUMBER,
        Layout.WORDS,
        "How much of that was not the wait for the backend, which is `duration_us - own_us`; null: no backend was asked",
        "phase_forward_connect_us",
    ),
    _text("kind", "`request`, or what it stands for: `connection`, `refused_aggregate`, `unrecorded_aggregate`"),
    _number("count", "How many calls it stands for: 1, but for aggregates. Sum this column to count calls"),
    _text("trace_id", "W3C trace id, 32 hexadecimal digits", Layout.RANDOM),
    _text("span_id", "W3C id of the span to the backend, 16 hexadecimal digits", Layout.RANDOM),
    _text("client_request_id", "The caller's own `X-Request-Id`", Layout.RANDOM),
    _text("node", "Id of the gateway node"),
    _text("epoch", "Id of the life of the node's process"),
    _number(
        "sequence", "Number within the epoch, without gaps: (epoch, sequence) is the record's identity", Layout.RANDOM
    ),
    _text("environment", "`live` or `test`"),
    _text("partner", "Id of the partner"),
    _text("application", "Id of the application"),
    _text("kid", "Id of the key whose secret was right"),
    _text("claimed_kid", "Id of the key that was named, where it is not the one in `kid`: its secret was not right"),
    _text("secret_slot", "`current` or `retiring`: which of the key's secrets was used"),
    _text("route", "Id of the route"),
    _text("plan", "Id of the plan"),
    _number("revision", "Revision of the configuration by which the call was served"),
    _number("contract_version", "Version of the contract"),
    _number("price_version", "Version of the prices"),
    _text("method", "`GET`, `POST`, …, or `other`"),
    _number("status_sent", "Status that the caller was sent", kind=Kind.SMALL),
    _number("backend_status", "Status that the backend sent", kind=Kind.SMALL),
    _text("fault", "What went wrong, a code of docs/faults.md"),
    _text("delivery", "`complete`, `aborted`, `unknown` (the node died), `none` (nothing was sent)"),
    _flag("retryable", "Whether the same call may go well later"),
    _flag("billable", "Whether it is billed"),
    _text("billable_reason", "Why, or why not"),
    _number("units", "Cost units"),
    _number("bytes_in", "Bytes from the caller"),
    _number("bytes_out", "Bytes to the caller", Layout.RANDOM),
    Column(
        "own_bytes_out",
        Kind.NUMBER,
        Layout.WORDS,
        "How many of these the backend did not send (the head, mostly): `bytes_out - own_bytes_out` came from there",
        "backend_bytes_in",
    ),
    _number("backend_bytes_out", "Bytes of bodies to the backend"),
    _number("attempts", "How often the backend was tried", kind=Kind.SMALL),
    _text("backend_target", "Address of the backend"),
    _phase("framing", "checking its head"),
    _phase("route", "finding its route"),
    _phase("authenticate", "proving its key"),
    _phase("authorize", "finding out whether it is allowed"),
    _phase("limit", "counting it against throttles"),
    _phase("transform_request", "making it ready for the backend"),
    _phase("credential", "getting the backend's token"),
    _phase("forward_first_byte", "taking over the backend's answer"),
    _phase("respond", "handing over the answer"),
    Column(
        "personal",
        Kind.BYTES,
        Layout.WORDS,
        "Who the caller was on the network, sealed under the partner's data key; unsealed with `epoch` and `started_at`",
        "personal",
    ),
    _text("personal_key", "Id of that key; when it is destroyed, `personal` can't be read any more"),
    _text("secret_tag", "Follows a secret that was presented and refused (schema version 2)"),
    _flag(
        "fields_selected",
        "Of the projected answer the caller asked for some fields only, by `?fields=` (schema version 2)",
    ),
    _text(
        "violation",
        "How the answer broke its contract, and in which field of the partner's: `missing /results/*/name` (schema version 2)",
    ),
)
LEFT_OUT = frozenset({"client_address", "client_port", "user_agent"})
"""Members that nodes of older versions recorded as they were: the lake holds nothing personal that can't be destroyed."""
BY_NAME = {column.name: column for column in COLUMNS}
