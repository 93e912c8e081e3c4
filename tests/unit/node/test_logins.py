"""Logins of a node: every ticket is answered, and a backend that hangs takes nothing from others."""

from __future__ import annotations

import json
import threading
import time
from collections import deque

from portazgo.kit.secret import Secret
from portazgo.logins.answers import Granted, LoginFailed
from portazgo.logins.orders import Order
from portazgo.node.logins import AT_ONE_BACKEND, LoginRunner

Row = tuple[int, str, bytes | None, str | None, bytes | None]


class Tokens:
    """A native node whose calls want tokens."""

    def __init__(self, *backends: str) -> None:
        self._waiting = deque(enumerate(backends))
        self.provided: dict[int, str] = {}
        self.refused: dict[int, tuple[str, bool]] = {}

    def token_requests(self, timeout_seconds: float, most: int) -> list[Row]:
        taken = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        if not taken:
            time.sleep(min(timeout_seconds, 0.01))
        about = {"environment": "live", "whose": "all calls", "values": {}, "login": {}}
        return [(number, json.dumps({"backend": name, **about}), None, None, None) for number, name in taken]

    def provide_token(self, ticket: int, token: str, life_seconds: float, refresh: bytes | None = None) -> None:
        assert (life_seconds, refresh) == (60, b"next")
        self.provided[ticket] = token

    def refuse_token(self, ticket: int, why: str, refused: bool) -> None:
        self.refused[ticket] = (why, refused)


def run(node: Tokens, login: object, until: int) -> None:
    stopping = threading.Event()
    threading.Thread(target=LoginRunner(node, login).run, args=(stopping,), daemon=True).start()  # type: ignore[arg-type]
    deadline = time.monotonic() + 30
    while len(node.provided) + len(node.refused) < until and time.monotonic() < deadline:
        time.sleep(0.01)
    stopping.set()


def test_every_ticket_is_answered_whatever_a_login_does() -> None:
    def login(order: Order) -> Granted:
        if order.backend == "refuses":
            raise LoginFailed("It said no.", refused=True)
        if order.backend == "breaks":
            raise RuntimeError("canary-secret")
        return Granted(Secret("token"), 60, Secret("next"))

    node = Tokens("works", "refuses", "breaks")
    run(node, login, 3)
    assert node.provided == {0: "token"}
    assert node.refused == {1: ("It said no.", True), 2: ("the login failed in an unforeseen way", False)}


def test_a_backend_that_hangs_takes_no_more_than_its_share() -> None:
    release = threading.Event()
    hanging = []

    def login(order: Order) -> Granted:
        if order.backend == "hangs":
            hanging.append(order)
            release.wait(30)
        return Granted(Secret("token"), 60, Secret("next"))

    node = Tokens(*["hangs"] * 50, *["works"] * 50)
    run(node, login, 50)
    assert set(node.provided) == set(range(50, 100))
    assert len(hanging) == AT_ONE_BACKEND
    release.set()
