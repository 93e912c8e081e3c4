"""The truth about records: three sets by request id. What clients received whole, what the backend logged, and the records."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any, Self

from portazgo.client.admin import Answered

if TYPE_CHECKING:
    from support.deployment import Deployment

PATH = "/v1/issuers/?page_size=1"
JOIN_SECONDS = 30.0
UNAVAILABLE = 503
COMES_SECONDS = 60.0


class Client(threading.Thread):
    """Calls over keep-alive connections as fast as it gets answers; remembers which it received whole."""

    def __init__(self, port: int, api_key: str, path: str, stopping: threading.Event, pause: float) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._api_key = api_key
        self._path = path
        self._stopping = stopping
        self._pause = pause
        self.answered: list[str] = []

    def run(self) -> None:
        """Call until told to stop; a broken connection is opened anew."""
        headers = {"X-Api-Key": self._api_key}
        while not self._stopping.is_set():
            connection = HTTPConnection("127.0.0.1", self._port, timeout=10)
            try:
                while not self._stopping.is_set():
                    connection.request("GET", self._path, headers=headers)
                    answer = connection.getresponse()
                    request_id = answer.headers["X-Request-Id"]
                    answer.read()
                    self.answered.append(request_id)
                    self._stopping.wait(self._pause)
            except (OSError, HTTPException):
                time.sleep(0.02)
            finally:
                connection.close()


class Clients:
    """Some of them, for as long as the `with` lasts; they don't mind what happens to the nodes."""

    def __init__(
        self, ports: Iterable[int], api_key: str, *, each: int = 3, pause: float = 0.0, path: str = PATH
    ) -> None:
        self._stopping = threading.Event()
        self._clients = [Client(port, api_key, path, self._stopping, pause) for port in ports for _ in range(each)]

    def __enter__(self) -> Self:
        """Begin."""
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for the last answers."""
        self._stopping.set()
        for client in self._clients:
            client.join(JOIN_SECONDS)
            assert not client.is_alive(), "a call neither came back nor failed"

    @property
    def answered(self) -> list[str]:
        """The ids of all calls whose answer came whole."""
        return [request_id for client in self._clients for request_id in list(client.answered)]


@dataclass
class Truth:
    """The three sets."""

    answered: list[str]
    logged: set[str]
    records: dict[str, list[dict[str, Any]]] = field(repr=False)

    @classmethod
    def of(cls, deployment: Deployment, answered: list[str]) -> Self:
        """Read what the backend logged, and all records."""
        lines = deployment.answer_log.read_text().splitlines()
        logged = {json.loads(line)["x_request_id"] for line in lines} - {None, ""}
        records: dict[str, list[dict[str, Any]]] = {}
        for item in deployment.admin.pages("/traces", {"limit": 200}):
            records.setdefault(item["request_id"], []).append(item)
        return cls(answered, logged, records)

    def __str__(self) -> str:
        """Count them."""
        return f"{len(self.answered)} answered, {len(self.logged)} logged by the backend, {len(self.records)} records"

    @property
    def lost(self) -> set[str]:
        """Answered or seen by the backend, and not recorded."""
        return ({*self.answered} | self.logged) - self.records.keys()

    @property
    def doubled(self) -> set[str]:
        """Recorded more than once."""
        return {request_id for request_id, records in self.records.items() if len(records) > 1}

    def cut_off(self, began: datetime) -> list[dict[str, Any]]:
        """Records of calls since then whose answer did not come whole."""
        answered = {*self.answered}
        unanswered = [record for request_id, (record, *_) in self.records.items() if request_id not in answered]
        return [record for record in unanswered if datetime.fromisoformat(record["started_at"]) >= began]

    @staticmethod
    def outcome(record: dict[str, Any]) -> str:
        """Tell how a record says that its call ended."""
        return str(record["fault"] or record["delivery"])


def balance_when_all_has_come(deployment: Deployment, within_seconds: float = COMES_SECONDS) -> dict[str, Any]:
    """Wait until nothing is under way any more, by the numbers that nodes tell. Returns that balance."""
    found: dict[str, Any] = {}
    began = datetime.now(UTC)

    def come() -> bool:
        found.clear()
        try:
            found.update(deployment.admin.get("/usage/balance", {"limit": 1000}))
        except Answered as problem:
            assert problem.status == UNAVAILABLE, problem  # a database that is just coming back
            return False
        living = [one for one in found["items"] if one["state"] in {"polls", "followed"}]
        if any(one["state"] == "followed" or one["under_way"] for one in living):
            return False
        return not living or (found["told_at"] is not None and datetime.fromisoformat(found["told_at"]) > began)

    deployment.wait_for(come, "all records", within_seconds)
    return found
