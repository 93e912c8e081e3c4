"""What nodes call to compare answers with schemas: what is expected, and what was found (docs/wire.md, section 3)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from portazgo.contracts.drift.expectation import TYPES
from portazgo.contracts.drift.finding import LONGEST_PATH, Finding, Kind
from portazgo.contracts.drifting import Told, keep
from portazgo.contracts.expectations import expected_of, newest_number
from portazgo.contracts.language.paths import PathInvalid, parse_path
from portazgo.contracts.sightings import Sightings
from portazgo.kit.errors import Invalid
from portazgo.kit.ids import parse_id
from portazgo.kit.printable import printable
from portazgo.nodes.epochs import require_own_epoch
from portazgo.nodes.internal import read_document

if TYPE_CHECKING:
    from starlette.requests import Request

    from portazgo.control.internal import Services

LARGEST_REPORT_BYTES = 262_144
_NUMBER = re.compile(r"[0-9]{1,10}")


def _is_path(text: str) -> str:
    try:
        parse_path(text)
    except PathInvalid as problem:
        raise ValueError(str(problem)) from None
    if printable(text) != text:
        raise ValueError("the path has characters that no database keeps")
    return text


def _is_type(text: str) -> str:
    if text and text not in TYPES:
        raise ValueError("this is no JSON type")
    return text


class FindingBody(BaseModel):
    """A finding, and in how many of the answers that were looked at."""

    model_config = ConfigDict(extra="ignore")

    contract_version: Annotated[int, Field(ge=1, lt=2**32)]
    route: UUID
    schema_version: Annotated[int, Field(ge=1, lt=2**31)]
    status: Annotated[int, Field(ge=100, le=599)]
    kind: Literal["new", "missing", "retyped", "unknown_status"]
    path: Annotated[str, Field(min_length=1, max_length=LONGEST_PATH), AfterValidator(_is_path)]
    found: Annotated[str, AfterValidator(_is_type)] = ""
    expected: Annotated[str, Field(max_length=100), AfterValidator(printable)] = ""
    answers: Annotated[int, Field(ge=1, le=1_000_000)]
    first_seen: AwareDatetime
    last_seen: AwareDatetime

    def told(self) -> Told:
        """Give it to the use case."""
        finding = Finding(Kind(self.kind), self.path, self.found, self.expected)
        seen = Sightings(self.answers, self.first_seen, self.last_seen)
        return Told(self.contract_version, self.route, self.schema_version, self.status, finding, seen)


class DriftBody(BaseModel):
    """`POST /internal/v1/drift`. Nodes of a later version may send more: it is ignored."""

    model_config = ConfigDict(extra="ignore")

    epoch: UUID
    findings: list[FindingBody] = Field(max_length=200)


def routes(services: Services) -> list[Route]:
    """Name the paths."""
    endpoints = _Endpoints(services)
    return [
        Route("/internal/v1/expectations", endpoints.expectations, methods=["GET"]),
        Route("/internal/v1/drift", endpoints.drift, methods=["POST"]),
    ]


class _Endpoints:
    """The endpoints, with what they need."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def expectations(self, request: Request) -> Response:
        """Say what is expected of a route's answers; 204: what the node knows is still so."""
        await self._services.feed.identify(request)
        version, known = _number(request, "contract_version"), _number(request, "known")
        route = parse_id(request.query_params.get("route", ""))
        if route is None:
            raise Invalid.at("/route", "must be a UUID in lower case")
        if await self._services.threads.run(newest_number, version, str(route)) == known:
            return Response(status_code=204)
        expected = await self._services.threads.run(expected_of, version, str(route))
        return JSONResponse(expected.written())

    async def drift(self, request: Request) -> Response:
        """Keep what a node found."""
        caller = await self._services.feed.identify(request)
        report = await read_document(request, DriftBody, "report", LARGEST_REPORT_BYTES)
        await self._services.threads.run(require_own_epoch, caller.node, report.epoch)
        told = [one.told() for one in report.findings]
        await self._services.threads.run(keep, told, clock=self._services.clock)
        return Response(status_code=204)


def _number(request: Request, name: str) -> int:
    text = request.query_params.get(name, "")
    if not _NUMBER.fullmatch(text):
        raise Invalid.at(f"/{name}", "must be a whole number from zero")
    return int(text)
