"""What crosses HTTP, on the admin API and on the internal listener."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from portazgo.kit.names import PLAIN_TEXT_PATTERN
from portazgo.kit.printable import printable
from portazgo.kit.web.schemas import Body

Label = Annotated[str, StringConstraints(pattern=PLAIN_TEXT_PATTERN, max_length=63)]
Name = Annotated[str, StringConstraints(pattern=PLAIN_TEXT_PATTERN, min_length=1, max_length=63)]
Count = Annotated[int, Field(ge=0, lt=2**63)]
# A backend's words may stand in it, and a database doesn't keep every character.
Said = Annotated[str, AfterValidator(printable)]

LONGEST_LEASE_SECONDS = 100 * 365 * 86_400


class RefusedBody(BaseModel):
    """Why a node did not take a revision."""

    revision: Count
    where: str = Field(max_length=1_000)
    why: str = Field(max_length=4_000)


class ReceiptBody(BaseModel):
    """`POST /internal/v1/receipts` (docs/wire.md, section 3). Nodes of a later version may send more: it is ignored."""

    model_config = ConfigDict(extra="ignore")

    epoch: UUID
    history: Annotated[str, StringConstraints(pattern=PLAIN_TEXT_PATTERN, max_length=36)]
    revision: Count
    hash: Annotated[str, StringConstraints(pattern="^([0-9a-f]{64})?$")]
    security: Count
    applied_at: AwareDatetime
    threads: Annotated[int, Field(ge=0, le=10_000)]
    refused: RefusedBody | None = None
    version: Label
    features: list[Label] = Field(max_length=1_000)
    label: Label = ""
    clock_offset_us: Annotated[int, Field(gt=-(2**63), lt=2**63)] | None = None
    max_staleness_seconds: Annotated[float, Field(gt=0, le=LONGEST_LEASE_SECONDS, allow_inf_nan=False)] | None = None


class FailingLoginBody(BaseModel):
    """A login at a backend that fails on a node: for whose token, since when, and why."""

    model_config = ConfigDict(extra="ignore")

    backend: Label
    environment: Literal["live", "test"]
    whose: Said = Field(max_length=200)
    why: Said = Field(max_length=500)
    since: AwareDatetime
    at: AwareDatetime
    next_at: AwareDatetime | None = None


class LoginsBody(BaseModel):
    """`POST /internal/v1/logins` (docs/wire.md, section 3): all that fail now."""

    model_config = ConfigDict(extra="ignore")

    epoch: UUID
    failing: list[FailingLoginBody] = Field(max_length=100)


class CreateNodeToken(Body):
    """A node token to be made; an empty label: for every node of the deployment."""

    name: Name
    label: Label = ""


class NodeTokenView(Schema):
    """A node token, without itself."""

    id: UUID
    name: str
    label: str
    created_at: datetime
    revoked_at: datetime | None


class NodeTokenShownOnce(NodeTokenView):
    """A node token that was just made: `token` is shown this once."""

    token: str


class ReceiptView(Schema):
    """What a node has applied."""

    history: str
    revision: int
    security: int
    applied_at: datetime
    received_at: datetime
    threads: int
    refused: dict[str, Any] | None
    clock_offset_us: int | None = Field(description="Control plane's clock minus that of the node's host.")
    features: list[str]


class FailingLoginView(Schema):
    """A login at a backend that fails on a node: calls that need its token are refused."""

    node: str = Field(description="Label of the node, or its id.")
    backend: str = Field(description="Name of the backend.")
    environment: Literal["live", "test"]
    whose: str = Field(description="Whose token is missing.")
    since: datetime
    last_at: datetime = Field(description="When it was tried last.")
    next_at: datetime | None = Field(description="Not before then it is tried again; null: with the next call.")
    why: str


class FailingLoginsView(Schema):
    """The logins at one backend that fail, on all nodes."""

    failing: list[FailingLoginView]


class NodeView(Schema):
    """A gateway node."""

    id: UUID
    label: str
    version: str
    epoch: UUID
    epoch_seen_at: datetime
    first_seen_at: datetime
    contact_at: datetime
    retired_at: datetime | None
    token: str | None = Field(description="Name of the node token that speaks for it.")
    max_staleness_seconds: float | None = Field(description="How long it serves without contact; null: for ever.")
    lease_ends_at: datetime | None = Field(description="When it stops serving without another contact; null: never.")
    current: bool = Field(description="Whether it has applied the newest revision, and refused none.")
    behind: int | None = Field(description="Revisions that it has still to apply; null: of another history.")
    receipt: ReceiptView | None
    failing_logins: list[FailingLoginView] = Field(description="Logins at backends that fail on this node now.")


class VerdictView(Schema):
    """What is known of one node."""

    node: str
    label: str
    state: Literal["confirmed", "fenced", "unproven"]
    at: datetime | None = Field(description="Since when; while unproven, when its lease ends, null: never by itself.")


class PropagationView(Schema):
    """How far the last change of a thing has come."""

    kind: str = Field(description="Of what: key, partner, application, signing_key.")
    id: str = Field(description="Its id, or kid.")
    revision: int
    security_sequence: int | None
    changed_at: datetime | None
    proven: bool = Field(description="No node is left that may still serve what was before.")
    tokens_end_at: datetime | None = Field(
        description="Backends accept tokens of before the change until then; null: no such life is known, or no kill."
    )
    tokens_unbounded: list[str] = Field(
        description="Backends that say themselves how long the tokens live that are fetched there: maybe longer than that."
    )
    nodes: list[VerdictView]


class KeyPropagationView(PropagationView):
    """How far a key's last change has come."""

    kid: str
