"""`/api/v1/lake`: what the lake holds, and the list of its files."""

from __future__ import annotations

from dataclasses import asdict

from ninja import Query, Router

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.kit.clock import nearest_time
from portazgo.kit.paging import Page
from portazgo.kit.web.lists import page_of
from portazgo.kit.web.schemas import PageOf
from portazgo.lake import service
from portazgo.lake.columns import SCHEMA_VERSION
from portazgo.lake.models import LakeFile
from portazgo.lake.schemas import LakeDayView, LakeFilesQuery, LakeFileView, LakeView, WaitingView
from portazgo.settings import current

router = Router(tags=["lake"])


@router.get("/lake", response=LakeView)
def show_lake(request: AdminRequest) -> LakeView:
    """Tell what the lake holds day by day, and what is on its way to it."""
    can(request.actor, Verb.READ, LakeFile.noun)
    found = service.lake()
    return LakeView(
        store=str(current().objects_url),
        schema_version=SCHEMA_VERSION,
        files=sum(day.files for day in found.days),
        rows=sum(day.rows for day in found.days),
        bytes=sum(day.bytes for day in found.days),
        days=[LakeDayView(**asdict(day)) for day in found.days],
        waiting=WaitingView(**asdict(found.waiting)),
        segments_kept=found.segments_kept,
        leaving=found.leaving,
        writing=found.writing,
    )


@router.get("/lake/files", response=PageOf[LakeFileView])
def list_lake_files(request: AdminRequest, query: Query[LakeFilesQuery]) -> Page[LakeFileView]:
    """List the files that are part of the lake, in the order of time: what a reader reads, and nothing else."""
    can(request.actor, Verb.READ, LakeFile.noun)
    return page_of(service.files(query.since, query.until), query, _view, order=("min_started_at_us", "id"))


def _view(file: LakeFile) -> LakeFileView:
    return LakeFileView(
        location=service.location(current().objects_url, file.path),
        path=file.path,
        day=file.day,
        rows=file.rows,
        bytes=file.bytes,
        sha256=file.sha256,
        schema_version=file.schema_version,
        min_started_at=nearest_time(file.min_started_at_us),
        max_started_at=nearest_time(file.max_started_at_us),
        min_request_id=file.min_request_id,
        max_request_id=file.max_request_id,
        written_at=file.written_at,
    )
