"""A backend moves: what its answers hold of addresses is the partner's again with the next call, and nothing is published."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import quote

import pytest
from support.deployment import Deployment, Reply
from support.key import own_key
from support.loopback import LoopbackServer, QuietHandler

URL = {"type": ["string", "null"], "format": "uri"}
LIST = {
    "type": "object",
    "required": ["next", "previous"],
    "properties": {"next": URL, "previous": URL, "place": {"type": "string"}},
}
LINKS = ["next", "previous"]


def document() -> str:
    answer = {"description": "ok", "content": {"application/json": {"schema": LIST}}}
    asked = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in ("page", "back")]
    operation = {"operationId": "things_list", "parameters": asked, "responses": {"200": answer}}
    info = {"title": "Things", "version": "1"}
    return json.dumps({"openapi": "3.1.0", "info": info, "paths": {"/things/": {"get": operation}}})


class Pages(LoopbackServer):
    """A backend that writes its own address wherever one may stand, and that of another beside it."""

    def __init__(self) -> None:
        self.other = self.seen = ""
        origin = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:  # noqa: N802 - the name that http.server looks for
                origin._answer(self)

        super().__init__(Handler)

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        back = quote(f"{self.other}/things/", safe="")
        following = f"{self.url}/things/?page=2&back={back}"
        answer = {"next": following, "previous": f"{self.other}/things/?page=0", "place": self.url}
        body = json.dumps(answer).encode()
        request.send_response(200)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.send_header("Location", f"{self.url}/things/?page=7")
        request.send_header("Link", f'<{following}>; rel="next", <{self.other}/things/?page=0>; rel="prev"')
        request.send_header("Content-Location", f"{self.other}/inside")
        request.end_headers()
        request.wfile.write(body)


@pytest.fixture
def pages() -> Iterator[tuple[Pages, Pages]]:
    """Where the backend is, and where it will be."""
    with Pages() as before, Pages() as after:
        before.other, after.other = after.url, before.url
        yield before, after


def shown(reply: Reply, gateway: str) -> dict[str, Any]:
    """Give what an answer holds of addresses, with the gateway's own left out of them."""
    text = json.dumps([reply.json(), *(reply.headers.get(name) for name in ("location", "link", "content-location"))])
    body, *headers = json.loads(text.replace(gateway, ""))
    return {**body, **dict(zip(("location", "link", "content-location"), headers, strict=True))}


def test_addresses_follow_a_backend_that_moves_without_a_new_version(
    deployment: Deployment, pages: tuple[Pages, Pages]
) -> None:
    before, after = pages
    admin = deployment.admin

    def at(*targets: str) -> dict[str, Any]:
        return {"environments": {"live": {"targets": list(targets), "credential": {"kind": "none"}}}}

    backend = admin.post("/backends", {"name": "moving", **at(before.url)})["id"]
    api = admin.post("/apis", {"name": "moving"})["id"]
    route = {"name": "things", "backend": backend, "method": "GET", "path": "/v1/moving/"}
    headers = ["location", "link", "content-location"]
    admin.post(f"/apis/{api}/routes", {**route, "backend_path": "/things/", "passthrough": True})
    key = own_key(deployment, "moving", api)
    schema = admin.post("/schemas", {"name": "moving", "backend": backend, "document": document()})["id"]
    routes = {
        "things": {
            "query": {"page": {}, "back": {}},
            "answers": {"200": [{"select": LINKS}, {"rewrite_url": LINKS}]},
            "response_headers": {name: {"url": True} for name in headers},
        }
    }
    contract = admin.post("/contracts", {"name": "moving", "api": api, "schema": schema, "routes": routes})["id"]
    version = admin.post(f"/contracts/{contract}/publish", {"default": True})["name"]
    gateway = f"http://127.0.0.1:{deployment.gateway_port}"

    def call() -> Reply:
        return deployment.call("/v1/moving/", X_Api_Key=key.whole)

    def leads_on() -> bool:
        reply = call()
        return reply.status == 200 and "/v1/moving/?page=2" in (reply.json().get("next") or "")

    def check(reply: Reply, previous: dict[str, Any]) -> None:
        # An id of random digits may well hold those of a port.
        text = repr({**reply.headers, "x-request-id": ""}) + reply.body.decode()
        for inside in pages:
            assert inside.url.rsplit(":", 1)[1] not in text
        assert shown(reply, gateway) == {
            "next": f"/v1/moving/?page=2{previous['back']}",
            "previous": previous["body"],
            "location": "/v1/moving/?page=7",
            "link": f'</v1/moving/?page=2{previous["back"]}>; rel="next"{previous["link"]}',
            "content-location": None,
        }

    deployment.wait_for(leads_on, "the contract")
    first = call()
    assert shown(first, gateway)["previous"] is None

    admin.patch(f"/backends/{backend}", at(after.url))
    deployment.wait_for(lambda: shown(call(), gateway)["previous"] is not None, "the new address")
    # The one before is still known: what the backend writes of it leads to the partner's own address, or nowhere.
    known = {"back": "", "body": "/v1/moving/?page=0", "link": ', </v1/moving/?page=0>; rel="prev"'}
    check(call(), known)
    admin.patch(f"/backends/{backend}", at(before.url, after.url))
    deployment.wait_for(leads_on, "both addresses")
    for _ in range(4):
        check(call(), known)
    versions = admin.get(f"/contracts/{contract}")["versions"]
    assert [(one["name"], one["default"]) for one in versions] == [(version, True)]
