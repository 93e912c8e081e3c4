"""A place for tests of logins: an API, callers, and backends that are to be logged in at."""

from __future__ import annotations

import itertools
import json
from http.client import HTTPConnection
from typing import Any

from support.deployment import Deployment, Reply
from support.login_server import PASSWORD

EXCHANGE: dict[str, Any] = {"kind": "exchange", "login": {"path": "/api/token/"}}
SERVICE = {"username": "portazgo", "password": PASSWORD}


class Site:
    """An API whose routes lead to backends with logins, and callers that may use it."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.admin = deployment.admin
        self._names = (f"login-{number}" for number in itertools.count())
        self._api = self.admin.post("/apis", {"name": "logins"})["id"]
        plan = self.admin.post("/plans", {"name": "logins", "apis": [self._api]})
        self._plan = plan["id"]
        self.partner, self.application, self.key = self.caller()

    def caller(self, partner: str | None = None) -> tuple[str, str, str]:
        """Make a partner where none is given, an application and a key. Returns their ids, and the key."""
        name = next(self._names)
        partner = partner or self.admin.post("/partners", {"name": name, "metadata": {"account": f"of-{name}"}})["id"]
        wanted = {"partner": partner, "name": name, "environment": "live", "plan": self._plan}
        application = self.admin.post("/applications", wanted)["id"]
        key = self.admin.post(f"/applications/{application}/keys", {"name": name})["api_key"]
        return partner, application, key

    def backend(
        self, target: str, credential: dict[str, Any], service: dict[str, str] | None = SERVICE, **further: Any
    ) -> tuple[str, str]:
        """Make a backend with its service credential and a route. Returns its id and the partner's path."""
        live = {"targets": [target], "credential": credential, **further}
        made = self.admin.post("/backends", {"name": next(self._names), "environments": {"live": live}})
        if service is not None:
            self.admin.put(f"/backends/{made['id']}/credentials/live", {"values": service})
        return made["id"], self.route(made["id"])

    def route(self, backend: str, backend_path: str = "/api/things/") -> str:
        """Lead a path to a backend. Returns it."""
        name = next(self._names)
        path = f"/v1/{name}"
        route = {"name": name, "backend": backend, "method": "GET", "path": path, "backend_path": backend_path}
        self.admin.post(f"/apis/{self._api}/routes", {**route, "passthrough": True, "environments": ["live"]})
        self.settle()
        return path

    def settle(self) -> None:
        """Wait until the node serves the newest revision."""

        def current() -> bool:
            (node,) = self.admin.get("/nodes")["items"]
            return bool(node["current"])

        self.deployment.wait_for(current, "the newest revision")

    def call(self, path: str, key: str | None = None, method: str = "GET") -> Reply:
        """Call a route."""
        return self.deployment.call(path, method=method, X_Api_Key=key or self.key)

    def ready(self) -> dict[str, Any]:
        """What the node says of itself."""
        port = int(self.deployment.health_url.rpartition(":")[2])
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/health/ready")
            document: dict[str, Any] = json.loads(connection.getresponse().read())
            return document
        finally:
            connection.close()

    def metrics(self) -> str:
        """What the node counts."""
        port = int(self.deployment.health_url.rpartition(":")[2])
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def fault(self, reply: Reply) -> str:
        """The fault of a call's record."""
        return str(self.deployment.trace(reply.request_id)["fault"])
