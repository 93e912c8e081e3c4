"""The control role: admin API and pages by waitress in the main thread, the internal listener beside it."""

from __future__ import annotations

import logging
import signal
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from waitress import wasyncore
from waitress.server import BaseWSGIServer, create_server

from portazgo.control.boot import boot
from portazgo.control.connections import (
    HEAD_SECONDS,
    LARGE_BODY_BYTES,
    LARGEST_HEAD_BYTES,
    connections_at_most,
)
from portazgo.control.streams import Channel
from portazgo.kit.clock import SYSTEM_CLOCK
from portazgo.kit.memory import without_collecting

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from portazgo.settings import Settings

logger = logging.getLogger(__name__)

API_THREADS = 8
# Twice what middleware.Bodies takes: what is a little too large is told so in a problem document, not by waitress.
LARGEST_BODY_BYTES = 32 * 1024 * 1024
FINISH_SECONDS = 2
LOOP_SECONDS = 1


def serve_control(settings: Settings, *, ready: Callable[[], None] = lambda: None) -> int:
    """Serve until SIGTERM or SIGINT, then end within 5 s. Returns the exit code: 0, or 130 when interrupted.

    `ready` is called once both ports answer. The databases must be migrated. Call it from the main thread.
    Raises StartRefused: database away, older or newer than the code; master key missing or another's; port taken; a recovery
    is under way.
    """
    boot(settings)
    from portazgo.control.databases import require_migrated  # noqa: PLC0415 - Django is set up now
    from portazgo.control.internal import InternalListener, bound_socket  # noqa: PLC0415
    from portazgo.control.presence import share  # noqa: PLC0415
    from portazgo.control.provider import require_wrapper, wrapper  # noqa: PLC0415
    from portazgo.control.upkeep import Upkeep  # noqa: PLC0415
    from portazgo.control.wsgi import application  # noqa: PLC0415
    from portazgo.keys.graves import bury  # noqa: PLC0415
    from portazgo.partners import data_keys, erasing  # noqa: PLC0415
    from portazgo.snapshot.revocations import catch_up  # noqa: PLC0415
    from portazgo.traces.following import tails  # noqa: PLC0415
    from portazgo.traces.search.files import Forgetting  # noqa: PLC0415
    from portazgo.traces.search.process import search  # noqa: PLC0415

    require_migrated()
    require_wrapper()
    share(settings)
    catch_up(settings.data_dir)
    bury(settings.data_dir, clock=SYSTEM_CLOCK)
    erasing.catch_up(settings.data_dir)
    erasing.bury_erased(settings.data_dir, clock=SYSTEM_CLOCK)
    erasing.tell_nodes(clock=SYSTEM_CLOCK)
    data_keys.make_for_month(wrapper=wrapper(), clock=SYSTEM_CLOCK)
    application.load_middleware()
    internal, upkeep = InternalListener(settings), Upkeep(settings.data_dir)
    socket = bound_socket(settings.control_listen.host, settings.control_listen.port, "PORTAZGO_CONTROL_PORT")
    connections: dict[int, Any] = {}
    # Of several sockets it would make another kind.
    server = cast(
        "BaseWSGIServer",
        create_server(
            application,
            map=connections,
            sockets=[socket],
            threads=API_THREADS,
            ident=None,
            clear_untrusted_proxy_headers=True,
            max_request_header_size=LARGEST_HEAD_BYTES,
            max_request_body_size=LARGEST_BODY_BYTES,
            inbuf_overflow=LARGE_BODY_BYTES,
            connection_limit=connections_at_most(),
            channel_timeout=HEAD_SECONDS,
            cleanup_interval=HEAD_SECONDS // 2,
        ),
    )
    server.channel_class = Channel
    stopping = _Stopping(wake=server.pull_trigger)
    with stopping:
        internal.start()
        forgetting = Forgetting()
        forgetting.start()
        upkeep.start()
        # Nodes are served by now. Django would put the admin API together while its first request waits.
        with without_collecting():
            import_module("portazgo.control.urls")
        logger.info(
            "the control plane is ready",
            extra={"control": f"{settings.control_listen.host}:{socket.getsockname()[1]}", "internal": internal.port},
        )
        ready()
        try:
            while not stopping.asked:
                wasyncore.loop(LOOP_SECONDS, use_poll=True, map=connections, count=1)
        finally:
            upkeep.stop()
            forgetting.close()
            tails.close()
            search.close()
            _end(server, internal.stop)
    return stopping.exit_code


class _Stopping:
    """Notes SIGTERM and SIGINT, and wakes waitress's loop so that it is left after the round under way.

    An exception out of the handler would leave it sooner, but waitress closes its buffers, and logging writes its lines,
    under an `except Exception`: thrown there it is lost, and with it the only signal that was to end the process.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self.asked = False
        self.exit_code = 0
        self._wake = wake
        self._before: dict[int, object] = {}

    def __enter__(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._stop)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self.exit_code = 130 if number == signal.SIGINT else 0
        self.asked = True
        # A second signal must not interrupt the ending.
        for one in self._before:
            signal.signal(one, signal.SIG_IGN)
        self._wake()


def _end(server: BaseWSGIServer, stop_internal: Callable[[], None]) -> None:
    """End both listeners at once; requests under way get 2 s."""
    ending = threading.Thread(target=stop_internal, name="stop-internal")
    ending.start()
    server.task_dispatcher.shutdown(cancel_pending=True, timeout=FINISH_SECONDS)
    server.close()
    ending.join()
