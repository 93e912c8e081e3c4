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
