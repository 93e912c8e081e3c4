"""Contracts over the small document of `support.world`: an API with one route, its schema, what partners may see."""

from __future__ import annotations

import json
from typing import Any

from support.small_document import SMALL_DOCUMENT
from support.world import Body, World

TERMS: dict[str, Any] = {
    "mappings": {"thing": [{"select": ["id", "name"]}, {"rename": {"name": "title"}}]},
    "routes": {"show": {"answers": {"200": [{"use": "thing"}]}}},
}


class Contracts:
    """Makes contracts through the admin API."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.backend = world.backend()
        self.api = world.an_api()
        self.schema = world.schema(self.backend)
        self.show = self.route(name="show", path="/v1/things/{id}", backend_path="/api/things/{id}/")

    def route(self, **members: Any) -> Body:
        """Make a route of the API."""
        return self.world.route(self.api, self.backend, **members)

    def body(self, **members: Any) -> Body:
        """Give a contract as it is sent."""
        over = {"api": self.api["id"], "schema": self.schema["id"]}
        return {"name": "things", **over, **TERMS, **members}

    def draft(self, **members: Any) -> Body:
        """Make a draft."""
        answer = self.world.api.post("/contracts", self.body(**members))
        assert answer.status == 201, answer
        made: Body = answer.body
        return made

    def published(self, *, default: bool = False, **members: Any) -> tuple[Body, Body]:
        """Make a contract and publish it. Returns the draft, and the version."""
        made = self.draft(**members)
        answer = self.world.api.post(f"/contracts/{made['id']}/publish", {"default": default})
        assert answer.status == 201, answer
        return made, answer.body

    def import_again(self, document: Any = SMALL_DOCUMENT) -> Body:
        """Import the schema once more."""
        return self.world.schema(self.backend, name=self.schema["name"], document=json.dumps(document))
