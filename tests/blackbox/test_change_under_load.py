"""Ten changes a second, of keys, routes, targets and certificates, and control plane and database restarted: nobody notices.

PORTAZGO_TEST_CHANGE_SECONDS sets for how long (45 here, ten minutes in soak).
"""

from __future__ import annotations

import itertools
import os
import signal
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from cryptography import x509
from support.accounts import every_call_is_recorded_once
from support.certificates import Identity
from support.deployment import Deployment
from support.key import OwnKey, own_key
from support.load import SteadyLoad
from support.postgresql import PostgreSQLServer
from support.strict_origin import Origin

from portazgo.client.admin import Answered
from portazgo.kit.http import Unreachable

SECONDS = float(os.environ.get("PORTAZGO_TEST_CHANGE_SECONDS", "45"))
PAUSE_SECONDS = 0.1
DATABASE_AWAY_SECONDS = 1.0
SERVER_ERRORS = 500
NAMES = ("gate.example", "127.0.0.1")
SMALL = b'{"name": "' + b"x" * 1000 + b'"}'


class Changes(threading.Thread):
    """Makes ten changes a second, of one kind after the other, and later what the control plane could not take."""

    def __init__(self, deployment: Deployment, origins: list[Origin], authority: Identity) -> None:
        super().__init__(daemon=True)
        self._deployment = deployment
        self._admin = deployment.admin
        self._authority = authority
        self._stopping = threading.Event()
        self._numbers = itertools.count(1)
        one, other = ({"targets": [f"http://127.0.0.1:{origin.port}"]} for origin in origins)
        both = {"targets": [*one["targets"], *other["targets"]]}
        self._targets = itertools.cycle([both, one, both, other])
        self._backend = self._admin.post("/backends", {"name": "changing", "environments": self._environments()})["id"]
        self.api: str = self._admin.post("/apis", {"name": "changing"})["id"]
        self._routes = [self._route("thing", method) for method in ("GET", "POST")]
        self._extra: list[str] = []
        self._application = ""
        self._keys: list[OwnKey] = []
        self.made: Counter[str] = Counter()
        self.missed = 0
        self.trouble: list[BaseException] = []
        self.revoked: list[OwnKey] = []
        self.served: Identity | None = None

    def run(self) -> None:
        """Change, until told to stop."""
        kinds = itertools.cycle([self._change_key, self._change_route, self._change_targets, self._change_certificate])
        due = time.monotonic()
        while not self._stopping.is_set():
            try:
                due += PAUSE_SECONDS * self._make(next(kinds))
            except BaseException as problem:  # noqa: BLE001 - the test's own thread tells it
                self.trouble.append(problem)
                return
            self._stopping.wait(max(0.0, due - time.monotonic()))

    def stop(self) -> None:
        """Wait for the last change."""
        self._stopping.set()
        self.join(60)
        assert not self.is_alive()

    def _make(self, change: Callable[[], int]) -> int:
        """Returns how many changes that were; 0: nobody took them."""
        try:
            made = change()
        except (Unreachable, Answered) as problem:
            if isinstance(problem, Answered) and problem.status < SERVER_ERRORS:
                raise
            self.missed += 1
            # Not at once again.
            self._stopping.wait(PAUSE_SECONDS)
            return 0
        self.made[change.__name__.rpartition("_")[2]] += made
        return made

    def begin_with(self, key: OwnKey) -> None:
        """Make further keys for the same application."""
        self._application = self._admin.get(f"/keys/{key.kid}")["application"]

    def _change_key(self) -> int:
        revoked = len(self._keys) > 1
        if revoked:
            self._admin.post(f"/keys/{self._keys[0].kid}/revoke")
            self.revoked.append(self._keys.pop(0))
        made = self._admin.post(f"/applications/{self._application}/keys", {"name": f"key-{next(self._numbers)}"})
        self._keys.append(OwnKey(made["kid"], made["api_key"]))
        return 1 + revoked

    def _change_route(self) -> int:
        self._admin.patch(f"/routes/{self._routes[0]}", {"max_request_bytes": 10_000 + next(self._numbers)})
        deleted = bool(self._extra)
        if deleted:
            # A deletion whose answer was lost may have been made.
            with suppress(Answered):
                self._admin.delete(f"/routes/{self._extra[0]}")
            self._extra.pop(0)
        self._extra.append(self._route(f"extra-{next(self._numbers)}", "GET"))
        return 2 + deleted

    def _change_targets(self) -> int:
        self._admin.patch(f"/backends/{self._backend}", {"environments": self._environments()})
        return 1

    def _change_certificate(self) -> int:
        self.served = self._authority.server(*NAMES)
        self.served.write(self._deployment.folder, "gate")
        self._deployment.processes["gateway"].send_signal(signal.SIGHUP)
        return 1

    def _environments(self) -> dict[str, Any]:
        return {"live": {**next(self._targets), "credential": {"kind": "none"}}}

    def _route(self, name: str, method: str) -> str:
        body = {"name": f"{name}-{method.lower()}", "backend": self._backend, "method": method, "passthrough": True}
        body |= {"path": f"/v1/changing/{name}", "backend_path": f"/{name}", "environments": ["live"]}
        made: str = self._admin.post(f"/apis/{self.api}/routes", body)["id"]
        return made

    @property
    def newest(self) -> OwnKey:
        """A key that lives."""
        return self._keys[-1]


def test_partners_notice_no_change_and_no_restart(tmp_path: Path, postgresql: PostgreSQLServer) -> None:
    authority = Identity.authority()
    chain, its_key = authority.server(*NAMES).write(tmp_path, "gate")
    tls = ssl.create_default_context(cadata=authority.pem)
    settings = {
        "PORTAZGO_STATE_URL": postgresql.new_database("changing"),
        "PORTAZGO_GATEWAY_TLS_CERTIFICATES": f"{chain}:{its_key}",
        "PORTAZGO_THREADS": "2",
    }
    with Origin() as one, Origin() as other, Deployment(tmp_path, tls=tls, **settings) as deployment:
        changes = Changes(deployment, [one, other], authority)
        key = own_key(deployment, "load", changes.api)
        changes.begin_with(key)
        load = partial(SteadyLoad, deployment.gateway_port, key.whole, path="/v1/changing/thing", tls=tls)
        loads = [load(pause=0.02), load(pause=0.02, body=SMALL), load(pause=0.1, calls_per_connection=2)]
        with loads[0], loads[1], loads[2]:
            changes.start()
            restarts(deployment, postgresql, until=time.monotonic() + SECONDS)
            changes.stop()
            print(f"{dict(changes.made)} changes in {SECONDS} s, {changes.missed} missed while nobody took them")
            assert changes.trouble == []
            assert sum(changes.made.values()) > SECONDS * 4
            newest_is_served(deployment, changes, authority)
        calls = [call for load in loads for call in load.calls]
        assert [call for call in calls if call.status != 200 or call.trouble] == []
        assert len(calls) > SECONDS * 20
        assert one.trouble + other.trouble == []
        assert all(len(origin.seen) > SECONDS for origin in (one, other))
        every_call_is_recorded_once(deployment, calls, [seen.request_id for seen in [*one.seen, *other.seen]])


def restarts(deployment: Deployment, postgresql: PostgreSQLServer, until: float) -> None:
    """Kill the control plane a third of the time on, take the database away after two thirds."""
    third = (until - time.monotonic()) / 3
    time.sleep(third)
    deployment.kill("control")
    deployment.start_control()
    time.sleep(max(0.0, until - third - time.monotonic()))
    postgresql.restart_after(DATABASE_AWAY_SECONDS)
    time.sleep(max(third / 2, until - time.monotonic()))


def newest_is_served(deployment: Deployment, changes: Changes, authority: Identity) -> None:
    """Wait until the node has all that was changed, and see it there."""
    deployment.wait_for(lambda: all(node["current"] for node in deployment.admin.pages("/nodes")), "the last change")
    path = "/.well-known/portazgo/whoami"
    assert deployment.call(path, X_Api_Key=changes.newest.whole).status == 200
    assert {deployment.call(path, X_Api_Key=dead.whole).status for dead in changes.revoked} == {401}
    assert changes.served is not None
    wanted = changes.served.certificate.serial_number
    deployment.wait_for(lambda: serial(deployment, authority) == wanted, "the last certificate")


def serial(deployment: Deployment, authority: Identity) -> int:
    """Which certificate a new connection is shown."""
    shown = ssl.get_server_certificate(("127.0.0.1", deployment.gateway_port), timeout=20)
    certificate = x509.load_pem_x509_certificate(shown.encode())
    certificate.verify_directly_issued_by(authority.certificate)
    return certificate.serial_number
