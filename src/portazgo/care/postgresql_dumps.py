"""Dumps of the two schemas by PostgreSQL's own programs, and bringing them back."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import psycopg
from psycopg.conninfo import make_conninfo

from portazgo.care.facts import Queries, Rows
from portazgo.care.failed import CareFailed, CareRefused
from portazgo.kit.files import PRIVATE_MODE
from portazgo.settings_kinds import DatabaseURL

DEBIAN = Path("/usr/lib/postgresql")
CONNECT_SECONDS = "5"

Connection = psycopg.Connection[tuple[Any, ...]]


@contextmanager
def one_moment(url: DatabaseURL, schema: str) -> Iterator[tuple[Queries, str]]:
    """Hold one moment of a database: queries see it, and so does a dump that is given its name. Raises CareFailed."""
    with connected(url) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        search_in(connection, schema)
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        yield queries(connection, url), str(row[0]) if row else ""


def search_in(connection: Connection, schema: str) -> None:
    """Find tables in this schema until the transaction ends."""
    connection.execute(cast("Any", f"SET LOCAL search_path = {schema}"))


def queries(connection: Connection, url: DatabaseURL) -> Queries:
    """Run queries on a connection whose search_path is set."""

    def query(sql: str) -> Rows:
        try:
            return connection.execute(cast("Any", sql)).fetchall()
        except psycopg.Error as problem:
            raise CareFailed(
                f"{url} holds no database of Portazgo ({_line(problem)})",
                "run `portazgo migrate` to begin one there, or correct PORTAZGO_STATE_URL",
            ) from None

    return query


def dump(url: DatabaseURL, schema: str, snapshot: str, target: Path) -> None:
    """Write a schema as of `snapshot` to a new file of mode 0600. Raises CareFailed."""
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_MODE))
    _run(
        url,
        "pg_dump",
        "--format=custom",
        f"--schema={schema}",
        f"--snapshot={snapshot}",
        "--no-owner",
        "--no-privileges",
        f"--file={target}",
        f"--dbname={_conninfo(url)}",
    )


def refuse_occupied(url: DatabaseURL, schema: str) -> None:
    """Raise CareRefused when the schema holds a table already."""
    if tables(url, schema):
        raise CareRefused(
            f"the database {url} is not empty: its schema {schema} holds tables",
            "restore into an empty database, and name it with PORTAZGO_STATE_URL",
        )


def bring_back(url: DatabaseURL, schema: str, file: Path) -> None:
    """Bring a dump into a database whose schema is empty: all of it, or nothing. Raises CareFailed."""
    with connected(url) as connection:
        # Without CASCADE: what is not empty stays, and is an error.
        connection.execute(cast("Any", f"DROP SCHEMA IF EXISTS {schema}"))
    _run(
        url,
        "pg_restore",
        "--single-transaction",
        "--exit-on-error",
        "--no-owner",
        "--no-privileges",
        f"--dbname={_conninfo(url)}",
        str(file),
    )


def take_away(url: DatabaseURL, schema: str) -> None:
    """Remove a schema that `bring_back` made, because what comes after it failed."""
    with connected(url) as connection:
        connection.execute(cast("Any", f"DROP SCHEMA IF EXISTS {schema} CASCADE"))


def tables(url: DatabaseURL, schema: str) -> int:
    """Count the tables of a schema. Raises CareFailed."""
    with connected(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = %s", [schema]
        ).fetchone()
    return int(row[0]) if row else 0


@contextmanager
def connected(url: DatabaseURL) -> Iterator[Connection]:
    """Connect; what was done is committed on leaving. Raises CareFailed."""
    password = url.password.reveal() if url.password else None
    try:
        connection = psycopg.connect(_conninfo(url), password=password)
    except psycopg.OperationalError as problem:
        raise CareFailed(
            f"the database {url} can't be reached ({_line(problem)})", "start it, or correct PORTAZGO_STATE_URL"
        ) from None
    with connection:
        yield connection


def program(name: str) -> str:
    """Find a program of PostgreSQL's: on the PATH, else the newest where Debian keeps them. Raises CareFailed."""
    found = shutil.which(name)
    if found:
        return found
    folders = sorted(
        DEBIAN.glob("*/bin"), key=lambda folder: int(folder.parent.name) if folder.parent.name.isdigit() else 0
    )
    for folder in reversed(folders):
        if (folder / name).is_file():
            return str(folder / name)
    raise CareFailed(
        f"{name} is not installed here", "install PostgreSQL's client programs, in the server's version or a later one"
    )


def _run(url: DatabaseURL, name: str, *arguments: str) -> None:
    environment = dict(os.environ)
    if url.password:
        # Not in the arguments: those can be read by every user of the machine.
        environment["PGPASSWORD"] = url.password.reveal()
    done = subprocess.run([program(name), *arguments], env=environment, check=False, capture_output=True)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise CareFailed(
            f"{name} failed: {said[0] if said else f'exit code {done.returncode}'}",
            "its version must not be older than the server's; the user must own the schema",
        )


def _conninfo(url: DatabaseURL) -> str:
    wanted = {
        "dbname": url.name,
        "host": url.host,
        "port": str(url.port or ""),
        "user": url.user,
        "connect_timeout": CONNECT_SECONDS,
        **dict(url.parameters),
    }
    return make_conninfo(**{name: value for name, value in wanted.items() if value})


def _line(problem: Exception) -> str:
    return str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
