"""What the demo makes through the admin API: backend, API, plan, partner, application, key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portazgo.declarative.file.yaml import read_yaml

if TYPE_CHECKING:
    from pathlib import Path

    from portazgo.client.admin import AdminClient, Document

NAME = "insignia"
CONTRACT = "partner-api"
PARTNER = "demo-partner"
TRY_PATH = "/v1/badges/?page_size=1"
TRY_ROUTE = "badges-list"
PREFIXES = {"/api": "/v1"}
TAGS = ["issuers", "badges", "recipients", "awards"]
RATES = ["600/min"]


def set_up(client: AdminClient, backend_url: str, audience: str, contract: Path | None = None) -> Document:
    """Make what isn't there yet, and a new key. Returns the key as it is shown once.

    `contract` is the file that says what partners see; None: bodies pass as the backend has them.
    """
    backend = see_to_backend(client, backend_url, audience)
    api = _named(client, "/apis", {"name": NAME})
    order = {"backend": backend["id"], "url": f"{backend_url}/api/schema/", "prefix_map": PREFIXES}
    client.post(f"/apis/{api['id']}/import", {**order, "pick": {"tags": TAGS}})
    if contract is not None:
        _see_to_contract(client, api["id"], backend["id"], backend_url, contract)
    plan = _named(client, "/plans", {"name": "demo", "apis": [api["id"]], "rates": RATES})
    partner = _named(client, "/partners", {"name": PARTNER, "metadata": {"tier": "demo"}})
    application = _application(client, partner["id"], plan["id"])
    return client.post(f"/applications/{application['id']}/keys", {"name": "demo"})


def see_to_backend(client: AdminClient, backend_url: str, audience: str) -> Document:
    """Make the backend, or have it point to where it is now. Returns it."""
    environment = {
        "targets": [backend_url],
        "credential": {
            "kind": "mint",
            "audience": audience,
            # What simplejwt asks for, and what a backend's log is better for.
            "claims": {"token_type": "access", "partner": "{partner.name}", "application": "{application.name}"},
        },
    }
    wanted = {"name": NAME, "environments": {"live": environment, "test": environment}}
    backend = _named(client, "/backends", wanted)
    if backend["environments"]["live"]["targets"] != [backend_url]:
        # The demo moved to another port since the last run.
        return client.patch(f"/backends/{backend['id']}", {"environments": wanted["environments"]})
    return backend


def fields_shown(client: AdminClient) -> tuple[int, int] | None:
    """Count the fields that partners see of the call to try, and those that the backend has there; None: no contract."""
    contract = next(client.pages("/contracts", {"name": CONTRACT}), None)
    if contract is None or not any(version["default"] for version in contract["versions"]):
        return None
    over = {"api": contract["api"], "schema": contract["schema"]}
    everything = client.post("/contracts/draft", {**over, "routes": [TRY_ROUTE]})
    of_route = {TRY_ROUTE: contract["routes"][TRY_ROUTE]}
    return (
        _count(client, {**over, "mappings": contract["mappings"], "routes": of_route}),
        _count(client, {**over, **everything}),
    )


def _count(client: AdminClient, contract: Document) -> int:
    checked = client.post("/contracts/check", contract)
    return sum(count for route in checked["routes"] for count in route["fields"].values())


def _see_to_contract(client: AdminClient, api: str, backend: str, backend_url: str, file: Path) -> None:
    """Publish what partners see of the backend: from then on its routes show that, and nothing else."""
    written = read_yaml(file.read_text("utf-8"), file).tree
    schema = client.post("/schemas", {"name": NAME, "backend": backend, "url": f"{backend_url}/api/schema/"})
    body = {
        "name": CONTRACT,
        "api": api,
        "schema": schema["id"],
        "mappings": written["mappings"],
        "routes": written["routes"],
    }
    contract = _named(client, "/contracts", body)
    if not contract["versions"]:
        client.post(f"/contracts/{contract['id']}/publish", {"default": True})


def _application(client: AdminClient, partner: str, plan: str) -> Document:
    wanted = {"partner": partner, "plan": plan, "name": "demo", "environment": "live"}
    known = next(client.pages("/applications", {"partner": partner, "name": "demo"}), None)
    return known or client.post("/applications", wanted)


def _named(client: AdminClient, path: str, wanted: dict[str, Any]) -> Document:
    known = next(client.pages(path, {"name": wanted["name"]}), None)
    return known or client.post(path, wanted)
