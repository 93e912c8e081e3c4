"""`/api/v1/applications/{id}/keys/import`: keys that another system made."""

from __future__ import annotations

from uuid import UUID

from ninja import Router

from portazgo.accounts.requests import AdminRequest
from portazgo.keys import importing
from portazgo.keys.foreign import KeyFile
from portazgo.keys.import_schemas import ImportKeys, ImportOutcome

router = Router(tags=["keys"])


@router.post("/applications/{uuid:application_id}/keys/import", response=ImportOutcome)
def import_keys(request: AdminRequest, application_id: UUID, body: ImportKeys) -> importing.Outcome:
    """Import keys of another system; they go on working under kids of ours. One wrong line refuses the whole file.

    A file that is imported again, such as after a crash, makes what is missing and skips what is there.
    """
    return importing.import_keys(
        request.actor,
        application_id,
        KeyFile(body.content, body.format),
        dry_run=body.dry_run,
        wrapper=request.wrapper,
        clock=request.clock,
    )
