"""What an admin makes, with one call each: partners, applications, keys, backends, routes; and what nodes are told of it."""

from __future__ import annotations

import io
import json
from itertools import count
from typing import Any

from support.admin import AdminAPI, Answer
from support.small_document import SMALL_DOCUMENT

from portazgo.contracts.document.parts import joined
from portazgo.snapshot.feed import write_snapshot

Body = dict[str, Any]

CREDENTIAL = {"kind": "mint", "audience": "insignia"}
NOBODY = "01a20e60-e200-7018-af02-628cc3d9f17f"
"""An id that nothing has."""
NO_KID = "0000000000"


class World:
    """Makes things through the admin API; names are numbered, members given win."""

    def __init__(self, api: AdminAPI) -> None:
        self.api = api
        self._numbers = count(1)

    def partner(self, **members: Any) -> Body:
        """A partner."""
        return self._make("/partners", {"name": self._name("partner"), **members})

    def application(self, partner: Body | None = None, **members: Any) -> Body:
        """An application of a partner, in `live` and on no plan."""
        owner = partner or self.partner()
        body = {"partner": owner["id"], "name": self._name("app"), "environment": "live", **members}
        return self._make("/applications", body)

    def key(self, application: Body | None = None, **members: Any) -> Body:
        """A key; `api_key` is the whole of it."""
        owner = application or self.application()
        return self._make(f"/applications/{owner['id']}/keys", members)

    def endpoint(self, **members: Any) -> Body:
        """A webhook endpoint of the deployment."""
        body = {"name": self._name("endpoint"), "url": "https://hooks.example.com/portazgo", **members}
        return self._make("/webhooks/endpoints", body)

    def issuer(self, **members: Any) -> Body:
        """An issuer whose first key signs."""
        name = self._name("issuer")
        return self._make("/issuers", {"name": name, "url": f"https://{name}.example", **members})

    def backend(self, **members: Any) -> Body:
        """A backend that asks for no credential."""
        environments = {"live": {"targets": ["http://127.0.0.1:9"], "credential": {"kind": "none"}}}
        return self._make("/backends", {"name": self._name("backend"), "environments": environments, **members})

    def minting_backend(self) -> Body:
        """A backend whose tokens an issuer signs."""
        environments = {"live": {"targets": ["http://127.0.0.1:9"], "credential": CREDENTIAL}}
        return self.backend(environments=environments)

    def login_backend(self, **members: Any) -> Body:
        """Make a backend at whose token endpoint is logged in."""
        credential = {"kind": "exchange", "login": {"path": "/api/token/"}, **members}
        live = {"targets": ["http://127.0.0.1:9"], "credential": credential}
        return self.backend(environments={"live": live})

    def an_api(self, **members: Any) -> Body:
        """An API without routes."""
        return self._make("/apis", {"name": self._name("api"), **members})

    def route(self, api: Body | None = None, backend: Body | None = None, **members: Any) -> Body:
        """A route of an API to a backend."""
        name = self._name("route")
        body = {
            "name": name,
            "backend": (backend or self.backend())["id"],
            "method": "GET",
            "path": f"/v1/{name}/{{id}}",
            "backend_path": "/api/things/{id}/",
            "passthrough": True,
            **members,
        }
        return self._make(f"/apis/{(api or self.an_api())['id']}/routes", body)

    def schema(self, backend: Body | None = None, **members: Any) -> Body:
        """Keep an OpenAPI document of a backend."""
        body = {"name": self._name("schema"), "backend": (backend or self.backend())["id"], **members}
        if "url" not in body:
            body.setdefault("document", json.dumps(SMALL_DOCUMENT))
        answer = self.api.post("/schemas", body)
        assert answer.status == 200, answer
        made: Body = answer.body
        return made

    def plan(self, **members: Any) -> Body:
        """A plan."""
        return self._make("/plans", {"name": self._name("plan"), **members})

    def token(self, **members: Any) -> Body:
        """An admin token."""
        return self._make("/tokens", {"name": self._name("token"), "scopes": ["*"], **members})

    def node_token(self, **members: Any) -> Body:
        """A node token."""
        return self._make("/node-tokens", {"name": self._name("nodes"), **members})

    def _make(self, path: str, body: Body) -> Body:
        answer = self.api.post(path, body)
        assert answer.status == 201, answer
        made: Body = answer.body
        return made

    def _name(self, noun: str) -> str:
        return f"{noun}-{next(self._numbers)}"


def snapshot_lines() -> list[Body]:
    """Read the whole snapshot as nodes get it."""
    file = io.BytesIO()
    write_snapshot(file)
    return [json.loads(line) for line in file.getvalue().splitlines()]


def resource(kind: str, identifier: str) -> Body | None:
    """Find what nodes have of a resource; None: nothing."""
    found = (line for line in snapshot_lines() if (line.get("kind"), line.get("id")) == (kind, identifier))
    return next(found, None)


def body_of(kind: str, identifier: str) -> Body:
    """Give the body of a resource that nodes have."""
    found = resource(kind, identifier)
    assert found is not None, (kind, identifier)
    body: Body = found["body"]
    return body


def document_of(version: str) -> str:
    """Give the document of a version of a contract, as who may call all of it reads it at a node."""
    parts = body_of("contract_document", version)["parts"]
    return joined(parts, {one["route"] for path in parts["paths"] for one in path["operations"]})


def lane() -> list[tuple[str, str]]:
    """List the security lane: operation and id."""
    entries = (line["security"] for line in snapshot_lines() if "security" in line)
    return [(entry["operation"], entry["id"]) for entry in entries]


def refusal(answer: Answer) -> tuple[int, str]:
    """Give status and code of a refusal, once it has been seen to be a problem document of this request."""
    assert answer.headers["Content-Type"] == "application/problem+json", answer
    assert answer.body["status"] == answer.status
    assert answer.body["instance"] == answer.headers["X-Request-Id"]
    return answer.status, answer.body["code"]


def pointers(answer: Answer) -> set[str]:
    """Name the places that a 422 complains of."""
    assert answer.status == 422, answer
    return {error["pointer"] for error in answer.body["errors"]}
