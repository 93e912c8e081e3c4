"""What is asked of the lake's files, as it crosses to the process that reads them; and its SQL. Pure: no DuckDB here.

Values are bound, never written into a statement; names of columns come from the lake's own list (lake/columns.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from portazgo.lake.columns import BY_NAME, COLUMNS, SORTED_BY, Kind

Operator = Literal["is", "in", "over", "sealed"]
Kinds = Literal["newest", "count", "callers"]
_DAY_US = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Condition:
    """What a column must agree with: be a value (None: be nothing), be one of several (None among them), be more.

    `sealed`: be one of several bytes, which are given in base64.
    """

    column: str
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class Question:
    """The newest `limit` records that agree, or how many agree, at most `limit`.

    `callers`: what is sealed in those that agree, each once with its data key, its epoch and a time of its day.
    """

    kind: Kinds
    files: Sequence[str]
    conditions: Sequence[Condition]
    limit: int
    before: tuple[int, str] | None = None
    """Before this place in time: microseconds, request id."""
    since_us: int | None = None
    mixed: bool = False
    """Whether the files are of several versions of the schema."""

    def document(self) -> dict[str, Any]:
        """Give what crosses."""
        return asdict(self)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Question:
        """Read what crossed."""
        before = document["before"]
        return cls(
            **{
                **document,
                "conditions": [Condition(**one) for one in document["conditions"]],
                "before": None if before is None else (int(before[0]), str(before[1])),
            }
        )


def statement(question: Question, columns: Sequence[str]) -> tuple[str, list[Any]]:
    """Write the statement that answers, and the values that are bound to it. `columns`: those that the files have."""
    where, values = _where(question, frozenset(columns))
    source = "read_parquet(?, union_by_name = true)" if question.mixed else "read_parquet(?)"
    bound = [list(question.files), *values]
    if question.kind == "count":
        inner = f"SELECT 1 FROM {source}{where} LIMIT {int(question.limit)}"  # noqa: S608 - names of our own
        return f"SELECT count(*) FROM ({inner})", bound  # noqa: S608 - likewise
    if question.kind == "callers":
        what = "personal_key, epoch, min(epoch_us(started_at)), to_base64(personal)"
        some = f"{where} AND personal IS NOT NULL" if where else " WHERE personal IS NOT NULL"
        each = f"GROUP BY personal_key, epoch, epoch_us(started_at) // {_DAY_US}, personal"
        return f"SELECT {what} FROM {source}{some} {each} LIMIT {int(question.limit)}", bound  # noqa: S608 - likewise
    shown = ", ".join(_shown(column.name, column.kind) if column.name in columns else "NULL" for column in COLUMNS)
    order = ", ".join(f"{name} DESC" for name in SORTED_BY)
    return f"SELECT {shown} FROM {source}{where} ORDER BY {order} LIMIT {int(question.limit)}", bound  # noqa: S608 - likewise


def columns_statement(question: Question) -> tuple[str, list[Any]]:
    """Write the statement that names the columns which the files have."""
    return "SELECT * FROM read_parquet(?, union_by_name = true) LIMIT 0", [list(question.files)]


def _shown(name: str, kind: Kind) -> str:
    return f"epoch_us({name})" if kind is Kind.TIME else name


def _where(question: Question, columns: frozenset[str]) -> tuple[str, list[Any]]:
    parts: list[str] = []
    values: list[Any] = []
    for condition in question.conditions:
        text, bound = _condition(condition, columns)
        parts.append(text)
        values += bound
    if question.before is not None:
        moment, request_id = _moment(question.before[0]), question.before[1]
        # The first part alone would do but for the same microsecond; it is what row groups are passed over by.
        parts.append("started_at <= ? AND (started_at < ? OR request_id < ?)")
        values += [moment, moment, request_id]
    if question.since_us is not None:
        parts.append("started_at >= ?")
        values.append(_moment(question.since_us))
    return (f" WHERE {' AND '.join(parts)}" if parts else ""), values


def _condition(condition: Condition, columns: frozenset[str]) -> tuple[str, list[Any]]:
    name = BY_NAME[condition.column].name
    expression = name if name in columns else "NULL"
    match condition.operator:
        case "is":
            return (
                (f"{expression} IS NULL", []) if condition.value is None else (f"{expression} = ?", [condition.value])
            )
        case "over":
            return f"{expression} > ?", [condition.value]
        case "sealed":
            return f"{expression} IN (SELECT from_base64(unnest(?::VARCHAR[])))", [list(condition.value)]
        case "in":
            some = [value for value in condition.value if value is not None]
            places = ", ".join("?" * len(some))
            parts = [f"{expression} IN ({places})"] if some else []
            parts += [f"{expression} IS NULL"] if len(some) < len(condition.value) else []
            return (f"({' OR '.join(parts)})" if parts else "false"), some


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
