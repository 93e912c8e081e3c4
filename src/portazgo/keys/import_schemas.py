"""What crosses HTTP when keys of another system are imported."""

from __future__ import annotations

from datetime import datetime

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
    kid: str | None = Field(description="Null where a dry run would make it.")
    name: str
    status: KeyStatus
    expires_at: datetime | None = Field(description="As the file says, or sooner: PORTAZGO_KEY_MAX_AGE holds.")
    already_there: bool = Field(description="An import of before made it; it was left as it is.")


class ImportOutcome(Schema):
    """What came of an import."""

    made: int = Field(description="Keys that are new; after a dry run: that would be.")
    already_there: int = Field(description="Keys that an import of before made, such as one that was cut off.")
    keys: list[ImportedKeyView]
    left_out: list[ImportLineView] = Field(description="Dead already: revoked, or expired.")
