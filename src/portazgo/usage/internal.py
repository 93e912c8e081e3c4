"""What nodes hand in over the internal listener: segments, and the ends of epochs (docs/wire.md, section 3)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from portazgo.kit.errors import Forbidden, Invalid
from portazgo.kit.ids import parse_id
from portazgo.nodes.epochs import require_own_epoch
from portazgo.nodes.internal import limited_body
from portazgo.settings import current
from portazgo.usage.callers import Callers
from portazgo.usage.collector import report_epoch, verify
from portazgo.usage.spilling import Keeping

if TYPE_CHECKING:
    from starlette.requests import Request

    from portazgo.control.internal import Services
    from portazgo.nodes.internal import Caller

LARGEST_SEGMENT_BYTES = 8 * 1024 * 1024
LARGEST_REPORT_BYTES = 16_384


class EpochReport(BaseModel):
    """How an epoch ended. Nodes of a later version may send more: it is ignored."""

    model_config = ConfigDict(extra="ignore")

    epoch: UUID
    node: UUID
    end: Literal["clean", "killed", "host_lost"]
    last_sequence: int | None = Field(ge=0, lt=2**63)
    accepted: int | None = Field(None, ge=0, lt=2**63)
    started_at: AwareDatetime
    ended_at: AwareDatetime
    seconds_at_risk: float = Field(ge=0, allow_inf_nan=False)


def routes(services: Services) -> list[Route]:
    """Name the paths."""
    endpoints = Collector(services)
    return [
        Route("/internal/v1/segments", endpoints.segments, methods=["POST"]),
        Route("/internal/v1/epochs", endpoints.epochs, methods=["POST"]),
    ]


class Collector:
    """The endpoints, with what they need."""

    def __init__(self, services: Services) -> None:
        self._services = services
        late_after = current().usage_spill_after
        self._callers = Callers(self._owner, late_after.total_seconds() if late_after else None)
        self._keeping = Keeping(
            services.collecting,
            services.outside,
            services.spill,
            late_after_seconds=late_after.total_seconds() if late_after else 0.0,
            objects_first=current().usage_segments == "objects",
        )

    async def segments(self, request: Request) -> Response:
        """Collect one segment."""
        caller = await self._callers.node(request)
        node, epoch, first = _place(request)
        if node != caller:
            raise Forbidden("a node hands in its own records only", code="node_differs")
        body = await limited_body(request, LARGEST_SEGMENT_BYTES)
        segment = await self._services.outside.run(verify, node, epoch, first, body)
        return JSONResponse({"stored": await self._keeping.keep(segment)})

    async def epochs(self, request: Request) -> Response:
        """Keep how an epoch ended."""
        caller = await self._services.feed.identify(request)
        try:
            report = EpochReport.model_validate_json(await limited_body(request, LARGEST_REPORT_BYTES))
        except ValidationError as problem:
            raise Invalid.at(
                "", f"the report is not valid: {problem.errors()[0]['msg']}", code="report_invalid"
            ) from None
        if report.node != caller.node:
            raise Forbidden("a node reports its own epochs only", code="node_differs")
        await self._services.threads.run(require_own_epoch, report.node, report.epoch)
        document = report.model_dump()
        document["last_sequence"] = report.last_sequence or 0
        await self._services.collecting.run(report_epoch, document)
        return Response(status_code=204)

    async def _owner(self, request: Request) -> Caller:
        """Tell which node calls, where the epoch of the segment is not another's."""
        caller = await self._services.feed.identify(request)
        epoch = parse_id(request.query_params.get("epoch", ""))
        if epoch is not None:
            await self._services.threads.run(require_own_epoch, caller.node, epoch)
        return caller


def _place(request: Request) -> tuple[UUID, UUID, int]:
    node, epoch = (parse_id(request.query_params.get(name, "")) for name in ("node", "epoch"))
    first = request.query_params.get("first", "")
    if node is None or epoch is None or not re.fullmatch(r"[0-9]{1,18}", first):
        raise Invalid.at("", "node and epoch must be ids, first a number", code="segment_place_invalid")
    return node, epoch, int(first)
