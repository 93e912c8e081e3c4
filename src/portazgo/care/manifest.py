"""What a backup says of itself: who made it, of what, and the sum of every file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from portazgo.care.failed import CareFailed, CareRefused
from portazgo.kit.files import write_private

FILE_NAME = "manifest.json"
FORMAT = 1
REVOCATIONS = "revocations.log"
FILES = frozenset({"state.sqlite3", "ledger.sqlite3", "state.postgresql", "ledger.postgresql", REVOCATIONS})

Migration = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Manifest:
    """One backup. `key_id` names the master key that the state was sealed with; None: nothing is sealed in it yet."""

    portazgo: str
    made_at: str
    engine: str
    history: str
    revision: int
    key_id: str | None
    migrations: tuple[Migration, ...]
    files: dict[str, str]
    """File name to SHA-256 in hex."""

    def write(self, folder: Path) -> None:
        """Write it beside the files that it names. Raises OSError."""
        body = {
            "format": FORMAT,
            "portazgo": self.portazgo,
            "made_at": self.made_at,
            "engine": self.engine,
            "history": self.history,
            "revision": self.revision,
            "key_id": self.key_id,
            "migrations": [".".join(one) for one in self.migrations],
            "files": self.files,
        }
        write_private(folder / FILE_NAME, json.dumps({**body, "sha256": _seal(body)}, indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read it. Raises CareRefused: no backup, damaged, or of a later format."""
        path = folder / FILE_NAME
        try:
            body = json.loads(path.read_bytes())
            seal = body.pop("sha256")
            its_format = int(body.pop("format"))
            if its_format > FORMAT:
                raise CareRefused(
                    f"the backup {folder} was made by a later version of Portazgo ({body.get('portazgo')})",
                    "install that version, then restore",
                )
            if seal != _seal({"format": its_format, **body}):
                raise _damaged(path)
            migrations = tuple(_migration(text) for text in body.pop("migrations"))
            manifest = cls(migrations=migrations, **body)
        except OSError as problem:
            raise CareRefused(
                f"{folder} is no backup: {FILE_NAME} can't be read ({problem.strerror})", "name the folder of a backup"
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise _damaged(path) from None
        if not set(manifest.files) <= FILES:
            raise _damaged(path)
        return manifest

    def verify(self, folder: Path) -> None:
        """Compare every file with its sum. Raises CareRefused."""
        for name, wanted in self.files.items():
            path = folder / name
            try:
                found = sum_of(path)
            except OSError as problem:
                raise CareRefused(
                    f"the backup's {path} can't be read ({problem.strerror})", "bring the whole backup, or another one"
                ) from None
            if found != wanted:
                raise _damaged(path)

    def refuse_newer(self) -> None:
        """Raise CareRefused when this version of Portazgo does not know the databases' form."""
        unknown = sorted(set(self.migrations) - known_migrations())
        if unknown:
            raise CareRefused(
                f"the backup was made by Portazgo {self.portazgo}, which is newer than this one "
                f"(it has {' '.join(unknown[-1])})",
                "install that version, then restore",
            )


def sum_of(path: Path) -> str:
    """Give the SHA-256 of a file in hex. Raises OSError."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def known_migrations() -> set[Migration]:
    """Name the migrations that this version has; read from the package, so that Django needn't be set up."""
    package = Path(__file__).resolve().parents[1]
    return {(path.parts[-3], path.stem) for path in package.glob("*/migrations/[0-9]*.py")}


def refuse_newer_database(migrations: tuple[Migration, ...]) -> None:
    """Raise CareFailed when a database is newer than this version: it could be copied, and not be judged."""
    unknown = sorted(set(migrations) - known_migrations())
    if unknown:
        raise CareFailed(
            f"the database is newer than this version of Portazgo (it has {' '.join(unknown[-1])})",
            "back it up with the version that made it",
        )


def _migration(text: str) -> Migration:
    app, _, name = text.partition(".")
    return app, name


def _seal(body: dict[str, Any]) -> str:
    return sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _damaged(path: Path) -> CareRefused:
    return CareRefused(f"the backup is damaged: {path} is not what was written", "bring another copy of this backup")
