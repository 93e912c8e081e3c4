"""What crosses HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from ninja import Schema
from pydantic import Field, StringConstraints

from portazgo.kit.web.schemas import Body
from portazgo.leaks.domain import LONGEST_TEXT, Response


class ReportLeak(Body):
    """A key that was found where others can read it."""

    api_key: Annotated[str, StringConstraints(max_length=512)] = Field(description="The whole key, as it was found.")
    url: Annotated[str, StringConstraints(max_length=LONGEST_TEXT)] | None = Field(
        None, description="Where it was found."
    )
    response: Response | None = Field(
        None, description="What is done, whatever the settings say. Null: as PORTAZGO_LEAK_RESPONSE_LIVE and _TEST say."
    )


class LeakView(Schema):
    """What came of a report."""

    kid: str | None = Field(
        description="That the text names, or of the key that was imported; null: it is no key of ours."
    )
    right: bool = Field(description="Whether its secret is one of the key's: nothing is done otherwise.")
    response: Response | None = Field(description="What was done now; null: nothing, or it had been done before.")
    secret_ends_at: datetime | None = Field(description="When the secret that leaked ends, if it has an end.")


class TagSecret(Body):
    """A secret that somebody holds."""

    secret: Annotated[str, StringConstraints(min_length=1, max_length=4096)] = Field(
        description="The whole text, as it was presented in the key's place."
    )


class SecretTagView(Schema):
    """The tag of one month."""

    month: str = Field(description="Such as `2026-11`.")
    tag: str


class SecretTagsView(Schema):
    """What nodes recorded where calls with this secret were refused."""

    secret_tag: str = Field(description="All tags with commas between them, as `GET /traces` takes them.")
    months: list[SecretTagView] = Field(
        description="The newest first. Each month has a tag of its own, and none any more once its data key is destroyed."
    )
