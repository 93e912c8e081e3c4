"""What searches for secrets finds them in each form that a dump, a log or a message gives them."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from support.canaries import Canaries

SECRET = bytes(range(200, 232))


def in_a_dump(secret: bytes) -> bytes:
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE kept (secret BLOB)")
        database.execute("INSERT INTO kept VALUES (?)", (b"before" + secret,))
        return "\n".join(database.iterdump()).encode()


WAYS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda secret: b"before" + secret + b"after",
    "in a dump of SQLite": in_a_dump,
    "in a dump of PostgreSQL": lambda secret: b"VALUES ('\\x00" + secret.hex().encode() + b"')",
    "as Python shows it": lambda secret: f"sealed={secret!r}".encode(),
    "in a document": lambda secret: json.dumps({"secret": "x" + secret.decode("latin-1")}).encode(),
    **{
        f"in base64, {skipped} bytes into it": lambda secret, skipped=skipped: base64.b64encode(  # type: ignore[misc]
            b"x" * skipped + secret + b"after"
        )
        for skipped in range(4)
    },
    **{
        f"in base64 for URLs, {skipped} bytes into it": lambda secret, skipped=skipped: base64.urlsafe_b64encode(  # type: ignore[misc]
            b"x" * skipped + secret
        )
        for skipped in range(4)
    },
}


@pytest.mark.parametrize("way", list(WAYS))
def test_a_secret_is_found(way: str) -> None:
    canaries = Canaries()
    canaries.plant("pepper", SECRET)
    assert canaries.found({"a.log": WAYS[way](SECRET), "b.log": WAYS[way](SECRET[::-1])}) == {"pepper": ["a.log"]}


def test_a_file_that_a_secret_belongs_into_does_not_count() -> None:
    canaries = Canaries()
    canaries.plant("token", "ptza_not-a-real-token", "admin-token")
    places = {"/data/admin-token": b"ptza_not-a-real-token\n", "/data/admin-token.old": b"ptza_not-a-real-token\n"}
    assert canaries.found(places) == {"token": ["/data/admin-token.old"]}
    assert canaries.holding("token", places) == ["/data/admin-token", "/data/admin-token.old"]
