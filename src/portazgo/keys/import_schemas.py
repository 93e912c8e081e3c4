"""What crosses HTTP when keys of another system are imported."""

from __future__ import annotations

from ninja import Schema
from pydantic import Field

from portazgo.keys.domain import KeyStatus
from portazgo.keys.foreign import ImportFormat
from portazgo.kit.web.schemas import Body, Truth

LONGEST_CONTENT = 4_000_000


class ImportKeys(Body):
    """A file of keys."""

    format: ImportFormat = Field(description="What the file is; docs/import-keys.md shows one of each.")
    content: str = Field(
        max_length=LONGEST_CONTENT,
        repr=False,
        description="The file. Plain keys in it are hashed while the request lasts, and kept nowhere.",
    )
    dry_run: Truth = Field(default=False, description="Only tell what would be done.")


class ImportLineView(Schema):
    """What is said of a line of the file."""

    line: int
    why: str


class ImportedKeyView(Schema):
    """A key of the file."""

    line: int
    kid: str | None = Field(description="Null after a dry run.")
    name: str
    status: KeyStatus


class ImportOutcome(Schema):
    """What came of an import."""

    keys: list[ImportedKeyView]
    left_out: list[ImportLineView] = Field(description="Dead already: revoked, or expired.")
