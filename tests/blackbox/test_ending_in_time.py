"""A node that is told to end ends in time, whatever waits to be shipped: its next start ships what is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from http.client import HTTPResponse
from pathlib import Path

import pytest
from support.accounts import every_call_is_recorded_once
from support.deployment import Deployment
from support.key import own_key
from support.load import SteadyLoad
from support.objects_server import BadWay, Handler, passed_on, refused, silence
from support.ports import free_port

from portazgo.node.ending import STOP_SECONDS

SHIP_SECONDS = 2
MOST_SECONDS = 5 * (SHIP_SECONDS + STOP_SECONDS)
"""Nothing is under way, so no more than that is promised; five times as long on a machine that does other things."""
BACKLOG_SECONDS = 8.0
"""A node seals what it has each second."""
SLOWLY_SECONDS = 3.0


def slowly(caller: Handler, body: bytes, answer: Callable[[], tuple[HTTPResponse, bytes]]) -> None:
    time.sleep(SLOWLY_SECONDS)
    passed_on(caller, body, answer)


@pytest.mark.parametrize("collector", [slowly, silence], ids=["slow", "silent"])
def test_a_collector_that_is_late_keeps_no_node_from_ending(tmp_path: Path, collector: Callable[..., None]) -> None:
    port = free_port()
    with (
        BadWay(f"http://127.0.0.1:{port}") as way,
        Deployment(
            tmp_path,
            PORTAZGO_INTERNAL_LISTEN=f"127.0.0.1:{port}",
            PORTAZGO_INTERNAL_URL=way.url,
            PORTAZGO_DRAIN_SHIP=f"{SHIP_SECONDS}s",
        ) as deployment,
    ):
        key = own_key(deployment, "load")
        with SteadyLoad(deployment.gateway_port, key.whole) as load:
            way.always = _of_segments(refused(503, "SlowDown"))
            time.sleep(BACKLOG_SECONDS)
        way.always = _of_segments(collector)
        deployment.wait_for(lambda: way.calls.count("POST /internal/v1/segments") > 0, "a segment on its way")
        waiting = sum(1 for path in (deployment.data / "node" / "segments").rglob("*") if path.is_file())
        assert waiting * SLOWLY_SECONDS > MOST_SECONDS

        began = time.monotonic()
        assert deployment.stop("gateway") == 0
        assert time.monotonic() - began < MOST_SECONDS

        way.always = None
        deployment.start_gateway()
        every_call_is_recorded_once(deployment, load.calls)


def _of_segments(trouble: Callable[..., None]) -> Callable[..., None]:
    """Let the node follow the control plane meanwhile."""

    def of_segments(caller: Handler, body: bytes, answer: Callable[[], tuple[HTTPResponse, bytes]]) -> None:
        (trouble if "/segments" in caller.path else passed_on)(caller, body, answer)

    return of_segments
