"""The deployment of bench/contracts.py: routes that pass all through beside routes under a contract, and their backends."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peers import deployment
from peers.deployment import MASTER_KEY
from portazgo.kit.ids import uuid7
from portazgo.kit.wrapping.local import LocalWrapper

# Orders in the answer. The last is for readers that stall: what a contract leaves of it is more than the kernel holds.
SIZES = {"small": 1, "medium": 50, "large": 4_900, "huge": 24_000}
WAYS = ("through", "contract")
FILL = "fill"
SHOWN = ("id", "number", "status", "total", "currency", "placed_at", "customer", "lines")
SHOWN_OF_CUSTOMER = ("id", "name")
SHOWN_OF_LINES = ("sku", "quantity", "price")
PAUSE_SECONDS = 0.5
NO_REQUEST: dict[str, Any] = {
    "body": None,
    "program": {"nodes": [], "depth": 8},
    "path": [],
    "query": [],
    "headers": [],
    "query_unknown": "refuse",
    "fill": [],
}


def order(number: int) -> dict[str, Any]:
    """An order of some 40 fields, 11 of which partners see; arrays at two levels."""
    line = {
        "sku": f"SKU-{number:06d}",
        "quantity": 3,
        "price": "12.50",
        "cost": "7.31",
        "warehouse": 12,
        "bin": "A-17-4",
        "tax_code": "GEN21",
        "margin": 0.41,
        "tags": ["fragile", "heavy"],
    }
    customer = {
        "id": 9007199254740993 + number,
        "name": "Comercial Ejemplo, S. L.",
        "tax_id": "B00000000",
        "credit_limit": 150000,
        "risk": "medium",
        "notes": "calls on Mondays; pays late",
        "email": "purchasing@customer.example",
    }
    return {
        "id": 1234567890123456789 + number,
        "number": f"P-2026-{number:06d}",
        "status": "shipped",
        "total": "37.50",
        "currency": "EUR",
        "placed_at": "2026-11-26T10:15:30.123456Z",
        "customer": customer,
        "lines": [line, line, line, line],
        "internal_status": "S-77",
        "margin": 0.41,
        "sales_rep": {"id": 7, "name": "inside", "email": "inside@backend.example"},
        "route_code": "R-12",
        "pick_list": [1, 2, 3, 4, 5, 6, 7, 8],
        "erp_ref": "0000471100815",
        "flags": {"vip": False, "hold": None},
        "created_by": "svc-import",
        "updated_at": "2026-11-26T10:16:30.123456Z",
        "audit": "x" * 300,
    }


def program() -> dict[str, Any]:
    """Show the eleven; a list or one of them."""

    def members(names: tuple[str, ...], nodes: Mapping[str, int]) -> dict[str, Any]:
        return {"object": {"members": [{"in": name, "out": name, "node": nodes.get(name, 0)} for name in names]}}

    scalar = {"string": True, "number": True, "null": True, "boolean": True}
    one = members(SHOWN, {"customer": 2, "lines": 3})
    return {
        "nodes": [scalar, one, members(SHOWN_OF_CUSTOMER, {}), {"array": 4}, members(SHOWN_OF_LINES, {}), {"array": 1}],
        "depth": 16,
    }


def body(count: int) -> bytes:
    """Answer with one order, or a list."""
    orders = [order(number) for number in range(count)]
    return json.dumps(orders[0] if count == 1 else orders).encode()


def request_body() -> bytes:
    """Give an order of 1 KB as a partner sends it."""
    line = {
        "sku": "ART-000123",
        "quantity": 3,
        "unitPrice": 19.95,
        "description": "Aluminium frame, 40 x 60 cm, anodised",
    }
    recipient = {
        "name": "Comercial Ejemplo, S. L.",
        "email": "purchasing@customer.example",
        "street": "Calle de Ejemplo 1",
        "city": "Zaragoza",
        "country": "ES",
    }
    return json.dumps(
        {
            "reference": "P-2026-000123",
            "currency": "EUR",
            "placedOn": "2026-11-26T10:15:30Z",
            "recipient": recipient,
            "lines": [line] * 6,
            "note": None,
        }
    ).encode()


def request_program() -> dict[str, Any]:
    """Names of the backend's for the partner's, a rule on most members, and three that are filled in."""

    def members(*rules: tuple[str, int, str]) -> list[dict[str, Any]]:
        return [{"in": inward, "node": node, "out": outward} for inward, node, outward in rules]

    order = members(
        ("reference", 1, "client_ref"),
        ("currency", 2, "currency"),
        ("placedOn", 3, "ordered_at"),
        ("recipient", 4, "ship_to"),
        ("lines", 5, "items"),
        ("note", 6, "remark"),
    )
    recipient = members(
        ("name", 6, "full_name"),
        ("email", 7, "email"),
        ("street", 6, "street"),
        ("city", 6, "city"),
        ("country", 8, "country"),
    )
    line = members(
        ("sku", 1, "article"), ("quantity", 10, "qty"), ("unitPrice", 11, "unit_price"), ("description", 6, "text")
    )
    fills = [
        {"out": "source", "value": {"const": "partner-api"}},
        {"out": "priority", "value": {"const": 3}},
        {"out": "client", "value": {"template": "{application.name}", "type": "string"}},
    ]
    nodes: list[dict[str, Any]] = [
        {"object": {"unknown": "refuse", "members": order, "fill": fills}},
        {"string": {"min_length": 1, "max_length": 64}},
        {"string": {"enum": ["CHF", "EUR", "USD"]}},
        {"string": {"format": "date-time"}},
        {"object": {"unknown": "refuse", "members": recipient}},
        {"array": {"items": 9, "min": 1, "max": 1000}},
        {"string": {"max_length": 200}, "null": True},
        {"string": {"format": "email"}},
        {"string": {"min_length": 2, "max_length": 2}},
        {"object": {"unknown": "refuse", "members": line}},
        {"integer": {"min": "1", "max": "10000"}},
        {"number": {"above": "0"}},
    ]
    return {"nodes": nodes, "depth": 16}


def view(size: str) -> dict[str, Any]:
    """Give the ROUTE of a size: what becomes of its answers, or of requests that are filled."""
    answer: dict[str, Any] = {"status": "200", "send": None, "headers": [], "content_types": ["application/json"]}
    if size == FILL:
        request = NO_REQUEST | {
            "body": {"kind": "json", "required": True, "types": ["application/json"], "root": 0},
            "program": request_program(),
        }
        answer |= {"body": {"kind": "pass", "types": ["application/json"], "max_bytes": 1 << 20}, "content_types": []}
    else:
        request = NO_REQUEST
        answer["body"] = {"kind": "json", "root": 1 if SIZES[size] == 1 else 5, "hold": 65536}
    return {"request": request, "answers": [answer], "program": program(), "fields": None}


def write_snapshot(folder: Path, targets: Mapping[str, str]) -> str:
    """Write the deployment, with the backend of each size and of requests that are filled. Returns a key."""
    folder.mkdir()
    wrapper = LocalWrapper.open(folder / MASTER_KEY, create=True)
    issued = deployment.issue_keys(1)
    partner, application, plan, api, version = (str(uuid7()) for _ in range(5))
    backends = {size: str(uuid7()) for size in targets}
    routes, views = [], {}
    for size, backend in backends.items():
        for way in WAYS:
            identifier = str(uuid7())
            where = {
                "name": f"{size}-{way}",
                "method": "POST" if size == FILL else "GET",
                "path": f"/v1/{way}/{size}",
                "backend_path": f"/{size}",
            }
            more: dict[str, Any] = {}
            if way == "contract":
                views[identifier] = view(size)
                more = {"passthrough": False, "contract": version}
            routes.append(deployment.route(api, backend, where, identifier, **more))
    contract = {
        "api": api,
        "contract": "orders",
        "version": "2026-11-26",
        "deprecated_at_us": None,
        "sunset_at_us": None,
        "link": None,
        "routes": views,
    }
    resources = [
        deployment.partner(partner, "company"),
        deployment.application(application, "integration", partner, plan),
        deployment.key(issued[0], application),
        deployment.pepper(wrapper),
        deployment.plan(plan, api),
        *(deployment.backend(identifier, size, targets[size]) for size, identifier in backends.items()),
        deployment.resource("contract", version, contract, ("contract.1",)),
        *routes,
    ]
    deployment.write_files(folder, resources, issued)
    return issued[0].whole


class Origin:
    """A backend of large answers, on the load's core, which may pause before their ends."""

    def __init__(self) -> None:
        self.port = 0
        self.last_sent_at = 0.0
        self.pauses = False
        self._answers = {
            f"/{size}".encode(): self._whole(body(count)) for size, count in SIZES.items() if count > SIZES["medium"]
        }

    @staticmethod
    def _whole(answer: bytes) -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer

    def start(self) -> None:
        """Serve in a thread until the process ends."""
        ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True).start()
        ready.wait(10)

    async def _serve(self, ready: threading.Event) -> None:
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await server.serve_forever()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                answer = self._answers[head.split(b" ", 2)[1]]
                cut = len(answer) - 1000 if self.pauses else len(answer)
                writer.write(answer[:cut])
                await writer.drain()
                if self.pauses:
                    await asyncio.sleep(PAUSE_SECONDS)
                    self.last_sent_at = time.monotonic()
                    writer.write(answer[cut:])
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
