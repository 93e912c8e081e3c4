"""The admin API as an admin calls it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.test import Client

Body = dict[str, Any]


@dataclass
class Answer:
    """An answer of the admin API, read."""

    status: int
    headers: dict[str, str]
    body: Any


class AdminAPI:
    """Calls `/api/v1/…` as an admin would: `api.post("/partners", {...})`."""

    def __init__(self, token: str | None) -> None:
        self._client = Client(raise_request_exception=False)
        self._token = token

    def get(self, path: str, query: dict[str, Any] | None = None, **headers: str) -> Answer:
        return self._call("GET", path, None, headers, query)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self._call("POST", path, {} if body is None else body, headers)

    def patch(self, path: str, body: Any, **headers: str) -> Answer:
        return self._call("PATCH", path, body, headers)

    def put(self, path: str, body: Any, **headers: str) -> Answer:
        return self._call("PUT", path, body, headers)

    def delete(self, path: str, **headers: str) -> Answer:
        return self._call("DELETE", path, None, headers)

    def every(self, path: str, query: dict[str, Any] | None = None) -> list[Any]:
        """Follow the cursors of a list to its end."""
        items, wanted = [], dict(query or {})
        while True:
            page = self.get(path, wanted)
            assert page.status == 200, page
            items += page.body["items"]
            if page.body["next_cursor"] is None:
                return items
            wanted["cursor"] = page.body["next_cursor"]

    def _call(
        self, method: str, path: str, body: Any, headers: dict[str, str], query: dict[str, Any] | None = None
    ) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self._token is not None:
            sent.setdefault("Authorization", f"Bearer {self._token}")
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        answer = self._client.generic(
            method, f"/api/v1{path}", data, content_type="application/json", headers=sent, query_params=query
        )
        is_json = "json" in answer.headers.get("Content-Type", "")
        return Answer(
            answer.status_code, dict(answer.headers), json.loads(answer.content) if is_json else answer.content
        )
