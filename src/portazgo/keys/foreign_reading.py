"""Reading the files that keys are imported from: every wrong line is told of, not the first only.

No text of a key and no digest stands in what is told.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from portazgo.keys.foreign import (
    AtLine,
    ForeignKey,
    ImportFormat,
    KeyFile,
    Scheme,
    hashed,
    other_inners,
    read_digest,
)
from portazgo.kit.clock import parse_rfc3339
from portazgo.kit.names import is_plain_text
from portazgo.kit.secret import Secret

MOST_KEYS = 1_000
"""Of one file: whoever asks waits for all of it."""
LONGEST_NAME = 63
_TRUE = frozenset({"true", "t", "1", "yes", "enabled"})
_FALSE = frozenset({"false", "f", "0", "no", "disabled"})

Row = Mapping[str, str]


class _Reader(Protocol):
    """What `csv.reader` gives, of which the library names no type."""

    @property
    def line_num(self) -> int:
        """How many lines were read."""

    def __next__(self) -> list[str]:
        """Read the next record."""


@dataclass(slots=True)
class Read:
    """What a file says. With `wrong` lines nothing of it is imported; what is `left_out` is no mistake."""

    keys: list[ForeignKey] = field(default_factory=list)
    left_out: list[AtLine] = field(default_factory=list)
    wrong: list[AtLine] = field(default_factory=list)


class _LeftOut(Exception):
    """The line is dead already."""


def read_keys(file: KeyFile, now: datetime) -> Read:
    """Read a whole file. Never raises: what can't be read is told of by its line."""
    found = Read()
    text, form = file.content.removeprefix("\ufeff"), file.form
    if "\0" in text:
        found.wrong.append(
            AtLine(text[: text.index("\0")].count("\n") + 1, "there is a NUL: the file is no text in UTF-8")
        )
        return found
    try:
        for line, row in _rows(text, form):
            if len(found.keys) + len(found.wrong) >= MOST_KEYS:
                found.wrong.append(AtLine(line, f"at most {MOST_KEYS} keys are imported at once: split the file"))
                break
            _take(found, line, row, _READERS[form], now)
    except _Unreadable as problem:
        found.wrong.append(AtLine(problem.line, str(problem)))
    _refuse_twins(found)
    if not (found.keys or found.left_out or found.wrong):
        found.wrong.append(AtLine(1, "there is no key in the file"))
    return found


def _take(found: Read, line: int, row: Row, reader: Callable[[int, Row], ForeignKey], now: datetime) -> None:
    try:
        key = reader(line, row)
        if key.expires_at is not None and key.expires_at <= now:
            found.left_out.append(AtLine(line, "it has expired"))
        else:
            found.keys.append(key)
    except _LeftOut as reason:
        found.left_out.append(AtLine(line, str(reason)))
    except ValueError as problem:
        found.wrong.append(AtLine(line, str(problem)))


def _refuse_twins(found: Read) -> None:
    first: dict[bytes, int] = {}
    for key in found.keys:
        if (line := first.setdefault(key.inner, key.line)) != key.line:
            found.wrong.append(AtLine(key.line, f"it is the same key as in line {line}"))


class _Unreadable(Exception):
    """The file can't be read from a line on. The message is ours: what the standard library says may quote the text."""

    def __init__(
        self, line: int, why: str = "the file can't be read from here on: it is no well-formed CSV or JSON"
    ) -> None:
        super().__init__(why)
        self.line = line


def _rows(text: str, form: ImportFormat) -> Iterator[tuple[int, Row]]:
    if form is ImportFormat.SHA256:
        yield from _listed(text)
    elif text.lstrip().startswith("["):
        yield from _objects(text)
    else:
        yield from _table(text, form)


def _listed(text: str) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(text.splitlines(), start=1):
        digest, _, name = line.partition(",")
        if line.strip():
            yield number, {"digest": digest.strip(), "name": name.strip()}


def _table(text: str, form: ImportFormat) -> Iterator[tuple[int, Row]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    _, values = next(_values(reader), (1, []))
    titles = [title.strip().lower() for title in values]
    missing = [" or ".join(names) for names in _NEEDED[form] if not set(names) & set(titles)]
    if missing:
        raise _Unreadable(1, f"the first line names no column {', '.join(missing)}")
    if len(set(titles)) != len(titles):
        raise _Unreadable(1, "the first line names a column twice")
    for line, values in _values(reader):
        if len(values) > len(titles):
            yield line, {"": "too many"}
        elif any(value.strip() for value in values):
            yield line, dict(zip(titles, (value.strip() for value in values), strict=False))


def _values(reader: _Reader) -> Iterator[tuple[int, list[str]]]:
    """Give each record with the line that it begins in."""
    while True:
        line = reader.line_num + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise _Unreadable(line) from None
        yield line, values


def _objects(text: str) -> Iterator[tuple[int, Row]]:
    """Read a JSON array of objects, or what `manage.py dumpdata` writes. A line is the number of the object here."""
    try:
        objects = json.loads(text)
    except (ValueError, RecursionError):
        raise _Unreadable(1) from None
    for number, found in enumerate(objects, start=1):
        members = found.get("fields", found) if isinstance(found, dict) else None
        if not isinstance(members, dict):
            yield number, {"": "no object"}
        else:
            yield number, {name.lower(): _as_text(value) for name, value in members.items()}


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)


_NEEDED: Mapping[ImportFormat, tuple[tuple[str, ...], ...]] = {
    ImportFormat.PORTAZGO: (("key", "digest"),),
    ImportFormat.AWS: (("key", "value"),),
    ImportFormat.DRF: (("hashed_key",),),
    ImportFormat.SHA256: (),
}


def _portazgo(line: int, row: Row) -> ForeignKey:
    plain, digest = row.get("key", ""), row.get("digest", "")
    if bool(plain) == bool(digest):
        raise ValueError("give either the key or its digest")
    try:
        scheme = Scheme(row.get("scheme") or Scheme.SHA256)
    except ValueError:
        raise ValueError(f"the scheme is none of {', '.join(Scheme)}") from None
    inner = hashed(Secret(plain)) if plain else read_digest(digest, scheme)
    return ForeignKey(
        line,
        _name(row.get("name", "")),
        Scheme.SHA256 if plain else scheme,
        inner,
        enabled=_truth(row, "enabled", default=True),
        expires_at=_moment(row, "expires_at"),
        others=other_inners(Secret(plain), inner) if plain else (),
    )


def _aws(line: int, row: Row) -> ForeignKey:
    plain = Secret(row.get("key", "") or row.get("value", ""))
    inner = hashed(plain)
    return ForeignKey(
        line,
        _name(row.get("name", "")),
        Scheme.SHA256,
        inner,
        enabled=_truth(row, "enabled", default=True),
        others=other_inners(plain, inner),
    )


def _drf(line: int, row: Row) -> ForeignKey:
    if _truth(row, "revoked", default=False):
        raise _LeftOut("it was revoked")
    inner = read_digest(row.get("hashed_key", ""), Scheme.DRF)
    return ForeignKey(line, _name(row.get("name", "")), Scheme.DRF, inner, expires_at=_moment(row, "expiry_date"))


def _sha256(line: int, row: Row) -> ForeignKey:
    return ForeignKey(line, _name(row["name"]), Scheme.SHA256, read_digest(row["digest"], Scheme.SHA256))


def _whole(reader: Callable[[int, Row], ForeignKey]) -> Callable[[int, Row], ForeignKey]:
    def read(line: int, row: Row) -> ForeignKey:
        if "" in row:
            raise ValueError(
                "it is no object" if row[""] == "no object" else "it has more values than there are columns"
            )
        return reader(line, row)

    return read


_READERS: Mapping[ImportFormat, Callable[[int, Row], ForeignKey]] = {
    ImportFormat.PORTAZGO: _whole(_portazgo),
    ImportFormat.AWS: _whole(_aws),
    ImportFormat.DRF: _whole(_drf),
    ImportFormat.SHA256: _sha256,
}


def _name(text: str) -> str:
    if len(text) > LONGEST_NAME or not is_plain_text(text):
        raise ValueError(f"a name has at most {LONGEST_NAME} characters, none of them a control character")
    return text


def _truth(row: Row, member: str, *, default: bool) -> bool:
    text = row.get(member, "").lower()
    if not text:
        return default
    if text not in _TRUE | _FALSE:
        raise ValueError(f"{member} is neither true nor false")
    return text in _TRUE


def _moment(row: Row, member: str) -> datetime | None:
    text = row.get(member, "")
    if not text:
        return None
    try:
        # SQL tools write a space for the T.
        return parse_rfc3339(text.replace(" ", "T", 1)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{member} is no time such as 2027-01-31T00:00:00Z") from None
