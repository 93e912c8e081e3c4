"""Columns of long texts and documents that few rows are read of: kept compressed."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    from collections.abc import Sequence


class CompressedTextField(models.BinaryField):  # type: ignore[type-arg]  # takes no argument when it runs
    """A text, in the database as zlib's stream of its UTF-8. What is read from the database is text again."""

    def from_db_value(self, value: bytes | memoryview | None, *_: Any) -> str | None:
        """Give the text of what the database holds."""
        return None if value is None else zlib.decompress(value).decode()

    def get_prep_value(self, value: str | None) -> bytes | None:
        """Give what the database is to hold."""
        return None if value is None else zlib.compress(value.encode(), 6)

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        """Describe the column for migrations: to the database it is bytes."""
        name, _, arguments, options = super().deconstruct()
        return name, "django.db.models.BinaryField", arguments, options


class CompressedJsonField(CompressedTextField):
    """JSON, compressed. Unlike a JSON column of PostgreSQL's it keeps the members' order."""

    def from_db_value(self, value: bytes | memoryview | None, *arguments: Any) -> Any:
        """Give the document of what the database holds."""
        text = super().from_db_value(value, *arguments)
        return None if text is None else json.loads(text)

    def get_prep_value(self, value: Any) -> bytes | None:
        """Give what the database is to hold."""
        return None if value is None else super().get_prep_value(json.dumps(value, separators=(",", ":")))
