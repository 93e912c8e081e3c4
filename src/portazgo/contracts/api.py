"""`/api/v1/contracts`, and `/api/v1/schemas` beside it."""

from __future__ import annotations

from ninja import Router

from portazgo.contracts.schemas_api import router as schemas_router

router = Router(tags=["contracts"])
router.add_router("", schemas_router)
