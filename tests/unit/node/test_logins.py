"""Logins of a node: every ticket is answered, and a backend that hangs takes nothing from others."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable

from portazgo.kit.secret import Secret
from portazgo.logins.answers import Granted, LoginFailed
from portazgo.logins.orders import Order
from portazgo.node.logins import (
    AT_ONCE,
    AT_ONE_BACKEND,
    STALE_SECONDS,
    WAITING,
    WAITING_AT_ONE_BACKEND,
    LoginRunner,
)

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


def run(
    node: Tokens, login: Callable[[Order], Granted], until: int, monotonic: Callable[[], float] = time.monotonic
) -> None:
    stopping = threading.Event()
    threading.Thread(target=LoginRunner(node, login, monotonic).run, args=(stopping,), daemon=True).start()
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


def granted_but_at(hanging: set[str], release: threading.Event, begun: list[str]) -> Callable[[Order], Granted]:
    """Log in, but hang at some backends."""

    def login(order: Order) -> Granted:
        begun.append(order.backend)
        if order.backend in hanging:
            release.wait(30)
        return Granted(Secret("token"), 60, Secret("next"))

    return login


def test_backends_that_hang_hold_up_no_other_however_many_they_are() -> None:
    release, begun = threading.Event(), list[str]()
    hanging = {f"hangs-{number}" for number in range(AT_ONCE)}
    # Each of them would take its whole share.
    node = Tokens(*sorted(hanging) * AT_ONE_BACKEND, *["works"] * 50)
    run(node, granted_but_at(hanging, release, begun), 50)
    assert len(node.provided) == 50
    assert begun.count("works") == 50
    assert all(1 <= begun.count(backend) <= AT_ONE_BACKEND for backend in hanging)
    release.set()


def test_what_waits_has_a_bound_for_each_backend_and_for_all() -> None:
    release, begun = threading.Event(), list[str]()
    backends = [f"hangs-{number}" for number in range(8)]
    too_many = WAITING_AT_ONE_BACKEND + AT_ONE_BACKEND + 100
    node = Tokens(*[backend for backend in backends for _ in range(too_many)])
    refused = too_many * len(backends) - WAITING - len(backends) * AT_ONE_BACKEND
    run(node, granted_but_at(set(backends), release, begun), refused)
    assert refused <= len(node.refused) <= refused + len(backends) * AT_ONE_BACKEND
    assert set(node.refused.values()) == {("too many logins wait already", False)}
    # Of the first backend those above its own bound were refused, though there was room.
    assert 100 <= sum(ticket < too_many for ticket in node.refused) <= 100 + AT_ONE_BACKEND
    release.set()


def test_a_login_that_waited_too_long_is_not_begun() -> None:
    release, begun = threading.Event(), list[str]()
    now = [0.0]
    node = Tokens(*["hangs"] * (AT_ONE_BACKEND + 5))

    def later() -> None:
        deadline = time.monotonic() + 30
        while len(begun) < AT_ONE_BACKEND and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.2)
        now[0] = STALE_SECONDS
        release.set()

    threading.Thread(target=later, daemon=True).start()
    run(node, granted_but_at({"hangs"}, release, begun), AT_ONE_BACKEND + 5, lambda: now[0])
    assert len(node.provided) == len(begun) == AT_ONE_BACKEND
    assert set(node.refused) == set(range(AT_ONE_BACKEND, AT_ONE_BACKEND + 5))
    assert {why for why, _ in node.refused.values()} == {"the login waited too long for others at its backend"}
