"""The operators of contracts. Each says where it stands in the contract (`at`, a JSON pointer), for what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from portazgo.contracts.language.paths import Path

Otherwise = Literal["fail", "copy", "null", "omit"]
Scalar = Literal["string", "number", "integer", "boolean"]
Moment = Literal["date", "date-time", "unix", "unix-ms"]
Style = Literal["camel", "snake", "none"]
OTHERWISE: tuple[Otherwise, ...] = ("fail", "copy", "null", "omit")
SCALAR: tuple[Scalar, ...] = ("string", "number", "integer", "boolean")
MOMENTS: tuple[Moment, ...] = ("date", "date-time", "unix", "unix-ms")
STYLES: tuple[Style, ...] = ("camel", "snake", "none")
GENERATED = ("uuid", "now", "now-unix")


@dataclass(frozen=True, slots=True)
class Value:
    """What fills a member, as the data plane knows it (VALUE of docs/programs.md); `type` comes from the schema."""

    kind: Literal["const", "template", "generate"]
    content: Any


@dataclass(frozen=True, slots=True)
class Select:
    """Let a place pass: all of it that the schema knows, where it is an object."""

    at: str
    path: Path


@dataclass(frozen=True, slots=True)
class Rename:
    """Give a member another name."""

    at: str
    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class Move:
    """Put a member elsewhere. `target` is in the partner's names, from the partner's place of `scope`."""

    at: str
    scope: Path
    path: Path
    target: Path


@dataclass(frozen=True, slots=True)
class Wrap:
    """Put members that stand side by side into an object of their own."""

    at: str
    into: Path
    fields: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Unwrap:
    """Put an object's members in its place."""

    at: str
    path: Path


@dataclass(frozen=True, slots=True)
class Const:
    """Add a member to answers. `target` is in the partner's names, from the partner's place of `scope`."""

    at: str
    scope: Path
    target: Path
    value: Any


@dataclass(frozen=True, slots=True)
class Result:
    """What a computed member is declared to be: single values of a type, or lists of them."""

    type: Scalar
    is_list: bool = False
    null: bool = False
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Compute:
    """Add a member to answers that is computed. `target` is in the partner's names, from the partner's place of `scope`."""

    at: str
    scope: Path
    target: Path
    expr: str
    result: Result


@dataclass(frozen=True, slots=True)
class Fill:
    """Add a member to requests, by the backend's name."""

    at: str
    path: Path
    value: Value


@dataclass(frozen=True, slots=True)
class Default:
    """What is written where the member is absent."""

    at: str
    path: Path
    value: Any


@dataclass(frozen=True, slots=True)
class MapValue:
    """Other words for values: pairs of the backend's and the partner's."""

    at: str
    path: Path
    pairs: tuple[tuple[Any, Any], ...]
    otherwise: Otherwise
    by_text: bool
    """Whether the backend's values stand as names of a mapping, so that their type is the schema's to say."""


@dataclass(frozen=True, slots=True)
class Coerce:
    """Another type for the partner."""

    at: str
    path: Path
    to: Scalar


@dataclass(frozen=True, slots=True)
class CoerceMoment:
    """Another form of a date or a time: the backend's and the partner's."""

    at: str
    path: Path
    backend: Moment
    partner: Moment


@dataclass(frozen=True, slots=True)
class DropNull:
    """Leave members out that are null; without a path all of them."""

    at: str
    path: Path | None


@dataclass(frozen=True, slots=True)
class Describe:
    """Say in the partner's document what a member is, in the author's words."""

    at: str
    path: Path
    text: str


@dataclass(frozen=True, slots=True)
class Case:
    """How the names are written for partners that nobody renamed by hand."""

    at: str
    style: Style


@dataclass(frozen=True, slots=True)
class RewriteUrl:
    """Turn the backend's URLs into the partner's."""

    at: str
    path: Path
    otherwise: Literal["null", "omit", "fail"] | None


@dataclass(frozen=True, slots=True)
class Unknown:
    """What becomes of members of a request that are not selected."""

    at: str
    policy: Literal["refuse", "drop"]


Operator = (
    Select
    | Rename
    | Move
    | Wrap
    | Unwrap
    | Const
    | Compute
    | Fill
    | Default
    | MapValue
    | Coerce
    | CoerceMoment
    | Describe
    | DropNull
    | Case
    | RewriteUrl
    | Unknown
)
Action = MapValue | Coerce | CoerceMoment | RewriteUrl
