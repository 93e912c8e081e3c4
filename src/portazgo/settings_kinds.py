"""What a setting's value can be: how its text is read, and how its JSON schema says so."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from portazgo.kit.durations import DurationInvalid, parse_duration
from portazgo.kit.objects.uri import S3, Folder, ObjectsUrlInvalid, parse_objects_url
from portazgo.kit.secret import Secret
from portazgo.kit.time_zones import is_time_zone
from portazgo.kit.wrapping.uri import UriInvalid, parse_uri

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LARGEST_PORT = 65_535
MOST_THREADS = 256
LONGEST_LEAVING = timedelta(hours=1)
LONGEST_GRACE = timedelta(days=30)
ONE_DAY = timedelta(days=1)
LONGEST_LIFE = timedelta(days=36_500)
LEAST_KEPT = timedelta(days=2)
MOST_OF_A_NODE = 1_000_000
MIB = 1024 * 1024
LEAST_MEMORY = 64 * MIB
MOST_MILLISECONDS = 10_000


class ValueInvalid(ValueError):
    """The text is not a value of this kind; the message holds no secret."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value: its word in the docs, its JSON schema, its parser (raises ValueInvalid)."""

    word: str
    schema: Mapping[str, Any]
    parse: Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Listen:
    """An address to listen on."""

    host: str
    port: int

    def __str__(self) -> str:
        """Write host:port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def with_port(self, port: int) -> Listen:
        """Give the same host with another port."""
        return Listen(self.host, port)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def reachable(self) -> str:
        """Give host:port for a URL on this machine: what listens everywhere is called on loopback."""
        return str(Listen({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host), self.port))  # noqa: S104 - compared, not bound


@dataclass(frozen=True, slots=True)
class DatabaseURL:
    """Where a database is. The password is a Secret; `str()` leaves it out."""

    scheme: str
    name: str
    """SQLite: the file's path. PostgreSQL: the database."""
    host: str = ""
    port: int | None = None
    user: str = ""
    password: Secret | None = None
    parameters: tuple[tuple[str, str], ...] = ()
    """Connection parameters of libpq, such as sslmode."""

    @classmethod
    def sqlite(cls, path: Path) -> DatabaseURL:
        """Name a file."""
        return cls("sqlite", str(path))

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file."""
        return self.scheme == "sqlite"

    @property
    def is_postgresql(self) -> bool:
        """Whether it is a PostgreSQL server's."""
        return self.scheme == "postgresql"

    def __str__(self) -> str:
        """Write the URL without its password."""
        if self.is_sqlite:
            return f"sqlite:///{self.name}"
        user = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        return f"postgresql://{user}{self.host}{port}/{self.name}"


def _folder(text: str) -> Path:
    if not text.strip():
        raise ValueInvalid("a path is needed")
    return Path(text).expanduser().absolute()


def _listen(text: str) -> Listen:
    match = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\]:([0-9]{1,5})|([A-Za-z0-9.-]+):([0-9]{1,5})", text)
    if match is None:
        raise ValueInvalid(f"{text!r} is no host:port")
    return Listen(match[1] or match[3], _port(match[2] or match[4]))


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > LARGEST_PORT:
        raise ValueInvalid(f"{text!r} is no port")
    return int(text)


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= MOST_THREADS:
        raise ValueInvalid(f"{text!r} is no number from 1 to {MOST_THREADS}")
    return int(text)


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,7}", text) or not 1 <= int(text) <= MOST_OF_A_NODE:
        raise ValueInvalid(f"{text!r} is no number from 1 to {MOST_OF_A_NODE}")
    return int(text)


def _memory(text: str) -> int:
    if text == "off":
        return 0
    match = re.fullmatch(r"([0-9]{1,7})(M|G)iB", text)
    if match is None:
        raise ValueInvalid(f"{text!r} is no amount of memory")
    amount = int(match[1]) * (MIB if match[2] == "M" else 1024 * MIB)
    if amount < LEAST_MEMORY:
        raise ValueInvalid("less than 64MiB would refuse traffic at once")
    return amount


def _rate_or_off(text: str) -> int:
    if text == "off":
        return 0
    if not re.fullmatch(r"[0-9]{1,7}", text) or int(text) < 1:
        raise ValueInvalid(f"{text!r} is no number of bytes per second")
    return int(text)


def _count_or_off(text: str) -> int:
    if text == "off":
        return 0
    if not re.fullmatch(r"[0-9]{1,4}", text) or int(text) < 1:
        raise ValueInvalid(f"{text!r} is no number from 1 to 9999")
    return int(text)


def _milliseconds_or_off(text: str) -> timedelta:
    if text == "off":
        return timedelta(0)
    match = re.fullmatch(r"([0-9]{1,5})ms", text)
    if match is None or not 1 <= int(match[1]) <= MOST_MILLISECONDS:
        raise ValueInvalid(f"{text!r} is no time from 1ms to {MOST_MILLISECONDS}ms")
    return timedelta(milliseconds=int(match[1]))


def _any_duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except DurationInvalid as problem:
        raise ValueInvalid(str(problem)) from None


def _duration(text: str) -> timedelta:
    duration = _any_duration(text)
    if duration < timedelta(seconds=1):
        raise ValueInvalid("less than 1s would give up clients that are merely far away")
    return duration


def _http_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port >= 0)
    except ValueError:
        whole, parts = False, urlsplit("")
    if not whole or parts.query or parts.fragment:
        raise ValueInvalid("it is no http:// or https:// URL")
    if parts.username is not None or parts.password is not None:
        raise ValueInvalid("it holds a user name or password, and URLs end up in logs")
    return text.rstrip("/")


def _database(text: str) -> DatabaseURL:
    # The text may hold a password: no message repeats it.
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueInvalid("it is no database URL") from None
    if parts.scheme == "sqlite":
        path = unquote(parts.path.removeprefix("/"))
        if parts.netloc or not path:
            raise ValueInvalid("a SQLite URL has three slashes and then the path")
        return DatabaseURL.sqlite(_folder(path))
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ValueInvalid("it begins with neither sqlite:/// nor postgresql://")
    name = unquote(parts.path.removeprefix("/"))
    if not name:
        raise ValueInvalid("it names no database after the host")
    return DatabaseURL(
        "postgresql",
        name,
        unquote(parts.hostname or ""),
        port,
        unquote(parts.username or ""),
        Secret(unquote(parts.password)) if parts.password else None,
        tuple(parse_qsl(parts.query)),
    )


def _duration_or_off(text: str) -> timedelta:
    if text == "off":
        return timedelta(0)
    duration = _any_duration(text)
    if duration < timedelta(seconds=5):
        raise ValueInvalid("less than 5s would refuse traffic at every hiccup")
    return duration


def _days_or_off(text: str) -> timedelta:
    if text == "off":
        return timedelta(0)
    duration = _any_duration(text)
    if not ONE_DAY <= duration <= LONGEST_LIFE:
        raise ValueInvalid("a key's life is counted in days: 1d to 36500d")
    return duration


def _least_15_minutes(text: str) -> timedelta:
    duration = _any_duration(text)
    if not timedelta(minutes=15) <= duration <= LONGEST_LIFE:
        raise ValueInvalid("whoever reads a file may take minutes: 15m to 36500d")
    return duration


def _kept(text: str) -> timedelta | None:
    if text == "forever":
        return None
    duration = _any_duration(text)
    if not LEAST_KEPT <= duration <= LONGEST_LIFE:
        raise ValueInvalid("sums are kept for days: 2d to 36500d")
    return duration


def _time_zone(text: str) -> str:
    if not is_time_zone(text):
        raise ValueInvalid(f"{text!r} is no time zone")
    return text


def _time_to_leave(text: str) -> timedelta:
    duration = _any_duration(text)
    if duration > LONGEST_LEAVING:
        raise ValueInvalid("more than an hour is no drain")
    return duration


def _grace(text: str) -> timedelta:
    duration = _any_duration(text)
    if duration > LONGEST_GRACE:
        raise ValueInvalid("an old secret lives 30d at most after a rotation")
    return duration


def _key_prefix(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9]{1,11}", text):
        raise ValueInvalid(f"{text!r} can't begin a key")
    return text


def _networks(text: str) -> tuple[str, ...]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    try:
        return tuple(str(ipaddress.ip_network(word)) for word in words)
    except ValueError as problem:
        raise ValueInvalid(str(problem)) from None


def _path_pairs(text: str) -> tuple[tuple[Path, Path], ...]:
    pairs = []
    for word in text.split(","):
        if not word.strip():
            continue
        first, colon, second = word.strip().partition(":")
        if not (first and colon and second) or ":" in second:
            raise ValueInvalid(f"{word.strip()!r} is no pair of paths with a colon between them")
        pairs.append((_folder(first), _folder(second)))
    return tuple(pairs)


def _yes_no(text: str) -> bool:
    if text not in {"yes", "no"}:
        raise ValueInvalid(f"{text!r} is neither yes nor no")
    return text == "yes"


def _wrapping(text: str) -> str:
    try:
        parse_uri(text)
    except UriInvalid as problem:
        raise ValueInvalid(str(problem)) from None
    return text


def _wrappings(text: str) -> tuple[str, ...]:
    return tuple(_wrapping(word.strip()) for word in text.split(",") if word.strip())


def _objects(text: str) -> Folder | S3:
    try:
        return parse_objects_url(text)
    except ObjectsUrlInvalid as problem:
        raise ValueInvalid(str(problem)) from None


def CHOICE_OF(*words: str) -> Kind:  # noqa: N802 - stands among the kinds
    """Make the kind whose values are these words."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueInvalid(f"{text!r} is none of {', '.join(words)}")
        return text

    return Kind(" or ".join(f"`{word}`" for word in words), {"enum": list(words)}, parse)


FOLDER = Kind("path", {"type": "string", "minLength": 1}, _folder)
PATH = FOLDER
PATH_PAIRS = Kind("pairs of paths", {"type": "string"}, _path_pairs)
LISTEN = Kind("host:port", {"type": "string", "pattern": ":[0-9]{1,5}$"}, _listen)
PORT = Kind("port", {"type": "integer", "minimum": 0, "maximum": LARGEST_PORT}, _port)
COUNT = Kind("number", {"type": "integer", "minimum": 1, "maximum": MOST_THREADS}, _count)
NUMBER = Kind("number", {"type": "integer", "minimum": 1, "maximum": MOST_OF_A_NODE}, _number)
MEMORY_OR_OFF = Kind("memory or `off`", {"type": "string", "pattern": "^(off|[0-9]+[MG]iB)$"}, _memory)
RATE_OR_OFF = Kind(
    "bytes per second or `off`", {"type": ["integer", "string"], "pattern": "^(off|[0-9]+)$"}, _rate_or_off
)
COUNT_OR_OFF = Kind("number or `off`", {"type": ["integer", "string"], "pattern": "^(off|[0-9]+)$"}, _count_or_off)
MILLISECONDS_OR_OFF = Kind(
    "milliseconds or `off`", {"type": "string", "pattern": "^(off|[0-9]+ms)$"}, _milliseconds_or_off
)
DURATION = Kind("duration", {"type": "string", "pattern": "^[0-9]+[smhd]$"}, _duration)
HTTP_URL = Kind("URL", {"type": "string", "pattern": "^https?://"}, _http_url)
DATABASE = Kind("database URL", {"type": "string", "pattern": "^(sqlite:///|postgres(ql)?://)"}, _database)
DURATION_OR_OFF = Kind("duration or `off`", {"type": "string", "pattern": "^(off|[0-9]+[smhd])$"}, _duration_or_off)
DAYS_OR_OFF = Kind("duration or `off`", {"type": "string", "pattern": "^(off|[0-9]+[smhd])$"}, _days_or_off)
LEAST_15_MINUTES = Kind("duration", {"type": "string", "pattern": "^[0-9]+[smhd]$"}, _least_15_minutes)
KEPT = Kind("duration or `forever`", {"type": "string", "pattern": "^(forever|[0-9]+[smhd])$"}, _kept)
TIME_ZONE = Kind("time zone", {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_+/-]*$"}, _time_zone)
LEAVING = Kind("duration", {"type": "string", "pattern": "^[0-9]+[smh]$"}, _time_to_leave)
GRACE = Kind("duration", {"type": "string", "pattern": "^[0-9]+[smhd]$"}, _grace)
KEY_PREFIX = Kind("word", {"type": "string", "pattern": "^[a-z][a-z0-9]{1,11}$"}, _key_prefix)
YES_NO = Kind("`yes` or `no`", {"enum": ["yes", "no"]}, _yes_no)
NETWORKS = Kind("networks", {"type": "string"}, _networks)
WRAPPING = Kind("provider", {"type": "string", "pattern": "^(local|aws-kms):"}, _wrapping)
WRAPPINGS = Kind("providers", {"type": "string"}, _wrappings)
OBJECTS = Kind("object store", {"type": "string", "pattern": "^(file:///|s3://)"}, _objects)
