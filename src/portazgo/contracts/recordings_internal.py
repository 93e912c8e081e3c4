"""What nodes call to have redacted answers and requests kept (docs/wire.md, section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.responses import Response
from starlette.routing import Route

from portazgo.contracts.recording.forms import LARGEST_BYTES
from portazgo.contracts.recordings import ToldBody, keep_recorded
from portazgo.contracts.sightings import Sightings
from portazgo.nodes.epochs import require_own_epoch
from portazgo.nodes.internal import read_document

if TYPE_CHECKING:
    from starlette.requests import Request

    from portazgo.control.internal import Services

LARGEST_REPORT_BYTES = 262_144


class SeenBody(BaseModel):
    """A redacted body, and when it was seen."""

    model_config = ConfigDict(extra="ignore")

    contract_version: Annotated[int, Field(ge=1, lt=2**32)]
    route: UUID
    document: Annotated[str, Field(min_length=1, max_length=LARGEST_BYTES)]
    first_seen: AwareDatetime
    last_seen: AwareDatetime

    def _told(self, status: int | None, times: int) -> ToldBody:
        seen = Sightings(times, self.first_seen, self.last_seen)
        return ToldBody(self.contract_version, self.route, status, self.document, seen)


class AnswerBody(SeenBody):
    """A redacted answer, and in how many answers it was seen."""

    status: Annotated[int, Field(ge=100, le=599)]
    answers: Annotated[int, Field(ge=1, le=1_000_000)]

    def told(self) -> ToldBody:
        """Give it to the use case."""
        return self._told(self.status, self.answers)


class RequestBody(SeenBody):
    """A redacted request, and in how many requests it was seen."""

    requests: Annotated[int, Field(ge=1, le=1_000_000)]

    def told(self) -> ToldBody:
        """Give it to the use case."""
        return self._told(None, self.requests)


class RecordingsBody(BaseModel):
    """`POST /internal/v1/recordings`. Nodes of a later version may send more: it is ignored. Earlier ones send no requests."""

    model_config = ConfigDict(extra="ignore")

    epoch: UUID
    answers: list[AnswerBody] = Field(max_length=20)
    requests: list[RequestBody] = Field(default_factory=list, max_length=20)


def routes(services: Services) -> list[Route]:
    """Name the path."""

    async def recordings(request: Request) -> Response:
        caller = await services.feed.identify(request)
        report = await read_document(request, RecordingsBody, "report", LARGEST_REPORT_BYTES)
        await services.threads.run(require_own_epoch, caller.node, report.epoch)
        told = [*(one.told() for one in report.answers), *(one.told() for one in report.requests)]
        await services.threads.run(keep_recorded, told, clock=services.clock)
        return Response(status_code=204)

    return [Route("/internal/v1/recordings", recordings, methods=["POST"])]
