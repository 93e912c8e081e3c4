"""The life of a gateway process: start, serve, and end so that nothing is lost."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import signal
import socket
import threading
from typing import TYPE_CHECKING

from portazgo.kit.errors import StartRefused
from portazgo.kit.http import JsonClient, Unreachable
from portazgo.kit.secret import Secret
from portazgo.kit.wrapping import KeyWrapper, WrappingFailed, WrappingUnavailable, open_wrapper
from portazgo.node.answers import FORBIDDEN, UNAUTHENTICATED, said_in
from portazgo.node.backends import BackendWatcher
from portazgo.node.certificates import CertificateWatcher
from portazgo.node.configuration import certificate_files, native_configuration, node_folder
from portazgo.node.drift import DriftReporter
from portazgo.node.ending import Leaving, end
from portazgo.node.follow import Follower, boottime_ms
from portazgo.node.handover import Handover, Predecessor, socket_path
from portazgo.node.last_known_good import LastKnownGood
from portazgo.node.logins import LoginRunner
from portazgo.node.native import Node, SnapshotRefused, Update, require
from portazgo.node.reporting import LoginReporter
from portazgo.node.ship import Shipper
from portazgo.node.waiting import WaitingSnapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from portazgo.settings import Settings

logger = logging.getLogger(__name__)

NO_CONTACT_MS = 2**63
"""Of a poll that was sent before the host was started there is only the time (docs/wire.md, section 7)."""

FOLDER_TROUBLES = frozenset({errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EEXIST})
ENDING = frozenset({signal.SIGTERM, signal.SIGINT})
RELOADING = signal.SIGHUP
CHUNK_BYTES = 1 << 20
TOKEN_REFUSED = frozenset({UNAUTHENTICATED, FORBIDDEN})
# A position in no history: answered at once, whatever the log holds.
NOWHERE = {"history": "", "after": 0, "hash": "", "security_after": 0}
SUCCEEDED = signal.SIGUSR2
"""What the thread that talks with a successor wakes the main one by."""
ADOPT_SECONDS = 0.5


def run_gateway(settings: Settings, *, snapshot_file: Path | None = None, take_over: bool = False) -> int:
    """Serve until told to end; `take_over`: in the place of the node that runs in this folder, if one does.

    Returns 0 when everything was answered, 1 when not. Raises StartRefused.
    """
    require()
    # Before the native threads start, so that they inherit the mask and this thread alone takes the signals.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING | {SUCCEEDED})
    files = certificate_files(settings)
    if files:
        signal.pthread_sigmask(signal.SIG_BLOCK, {RELOADING})
    wrapper = _open_wrapper(settings)
    # What can be judged is judged before a port is taken and an epoch begins.
    snapshot = None if snapshot_file is None else _read_snapshot(snapshot_file, wrapper)
    token = _node_token(settings) if snapshot is None else None
    predecessor = Predecessor.find(node_folder(settings)) if take_over and node_folder(settings).is_dir() else None
    node = _open_node(settings, follows_control_plane=snapshot is None, predecessor=predecessor)
    watcher = CertificateWatcher(node, files) if files else None
    kept = LastKnownGood(node_folder(settings), shared=predecessor is not None)
    # What this node once heard of stays dead, also when it is given an older snapshot.
    _revoke(node, kept)
    follower: Follower | None = None
    shipper: Shipper | None = None
    loops: list[Callable[[threading.Event], None]] = [BackendWatcher(node).run, LoginRunner(node).run]
    if snapshot is not None and snapshot_file is not None:
        loops += _apply_snapshot(node, snapshot_file, snapshot, wrapper)
    else:
        client = JsonClient(settings.internal_url, token)
        follower = _follower(settings, node, client, kept, wrapper, predecessor)
        shipper = Shipper(node, client)
        loops += [follower.run, shipper.run, LoginReporter(node, client).run, DriftReporter(node, client).run]
        # Before the first call is answered: half of what is known would refuse good keys and honour disabled ones.
        if not follower.load_last_known_good() and predecessor is None:
            _refuse_unknown_token(settings, node, client)
        elif predecessor is None:
            _take_the_time(node, client)
    if predecessor is not None:
        _take_over(node, predecessor, follower)
        loops = [*loops, lambda stopping: _adopt(node, stopping)]
    return _serve(settings, node, loops, shipper, watcher, follower, predecessor)


def _serve(
    settings: Settings,
    node: Node,
    loops: list[Callable[[threading.Event], None]],
    shipper: Shipper | None,
    watcher: CertificateWatcher | None,
    follower: Follower | None,
    predecessor: Predecessor | None,
) -> int:
    node.start()
    if predecessor is not None:
        _begin_in_its_place(node, predecessor, Leaving.of(settings))
    logger.info(
        "gateway serves",
        extra={"port": node.gateway_port, "admin_port": node.admin_port, "node": node.node_id, "epoch": node.epoch},
    )
    stopping = threading.Event()
    for loop in [*loops, watcher.run] if watcher is not None else loops:
        threading.Thread(target=loop, args=(stopping,), name=loop.__qualname__, daemon=True).start()
    handover = Handover(node_folder(settings), node, follower, lambda: os.kill(os.getpid(), SUCCEEDED))
    handover.open()
    _wait_for_the_end(watcher, handover)
    leaving = Leaving.of(settings)
    outcome: list[bool] = []
    ending = threading.Thread(
        target=lambda: outcome.append(end(node, stopping, shipper, leaving, has_successor=handover.has_successor)),
        name="ending",
    )
    ending.start()
    while ending.is_alive():
        if signal.sigtimedwait(ENDING, 0.05) is not None:
            logger.warning("gateway was told twice and ends at once: the slabs keep its records for the next start")
            os._exit(1)
    return 0 if outcome == [True] else 1


def _begin_in_its_place(node: Node, predecessor: Predecessor, leaving: Leaving) -> None:
    """Have the running node end. Raises StartRefused when it went on: then what was begun here is finished, and no more."""
    try:
        predecessor.serving()
    except StartRefused:
        node.drain(leaving.answer_seconds)
        node.stop()
        raise


def _take_over(node: Node, predecessor: Predecessor, follower: Follower | None) -> None:
    """Make everything the running node's ours but its calls. Raises StartRefused: then it goes on."""
    asked_ms = boottime_ms()
    try:
        yours = predecessor.take()
        told_ms = boottime_ms()
        if follower is not None:
            follower.catch_up_with_predecessor()
    except (StartRefused, SnapshotRefused):
        predecessor.hang_up()
        node.stop()
        raise
    if yours["contact_age_ms"] is not None:
        # What it heard is in its files, and so in ours: its contact is ours too, older by what reading them took.
        age_ms = int(yours["contact_age_ms"]) + boottime_ms() - asked_ms
        node.contact(age_ms, int(yours["time_us"]) + (boottime_ms() - told_ms) * 1000, 0)
    logger.info("gateway takes over", extra={"from_epoch": predecessor.epoch})


def _adopt(node: Node, stopping: threading.Event) -> None:
    """Take in what the predecessor leaves, as soon as it has ended."""
    while not stopping.wait(ADOPT_SECONDS):
        try:
            if node.adopt() == 0:
                return
        except OSError:
            logger.exception("what the predecessor left can't be taken in yet")


def _revoke(node: Node, kept: LastKnownGood) -> None:
    """Kill what is dead for ever. Raises StartRefused: without that list dead keys would live again."""
    try:
        node.revoke_for_ever(kept.revoked())
    except OSError as problem:
        node.stop()
        raise StartRefused(
            f"the list of revoked keys {problem.filename} can't be read ({problem.strerror})",
            "give this user the right to read it, or restore it; without it revoked keys could be honoured",
        ) from None


def _wait_for_the_end(watcher: CertificateWatcher | None, handover: Handover) -> None:
    waited = ENDING | {SUCCEEDED} | ({RELOADING} if watcher is not None else set())
    while (number := signal.sigwait(waited)) not in ENDING:
        if number == RELOADING and watcher is not None:
            watcher.reload()
        elif handover.has_successor:
            return


def _open_node(settings: Settings, *, follows_control_plane: bool, predecessor: Predecessor | None) -> Node:
    folder = node_folder(settings)
    with contextlib.ExitStack() as held:
        path = None if predecessor is None else held.enter_context(socket_path(folder))
        configuration = native_configuration(settings, follows_control_plane=follows_control_plane, take_over=path)
        try:
            return Node(configuration)
        except ValueError as problem:
            # Settings were checked; what is left are files that they name.
            raise StartRefused(
                str(problem), "correct the file, or the setting PORTAZGO_GATEWAY_TLS_… that names it"
            ) from None
        except OSError as problem:
            raise _start_refused(settings, problem) from None


def _start_refused(settings: Settings, problem: OSError) -> StartRefused:
    folder = node_folder(settings)
    said = str(problem.strerror or problem)
    if said.startswith("can't listen on"):
        return StartRefused(
            re.sub(r" \(os error [0-9]+\)$", "", said),
            "stop what listens there, or choose another address with PORTAZGO_GATEWAY_LISTEN or PORTAZGO_ADMIN_LISTEN",
        )
    if problem.errno in FOLDER_TROUBLES:
        return StartRefused(
            f"the node's folder {folder} can't be written ({problem.strerror})",
            "give this user the right to write there, or set PORTAZGO_DATA_DIR",
        )
    return StartRefused(
        f"the node can't start in {folder}: {said}",
        "stop the other process, or give each node a data folder of its own",
    )


def _open_wrapper(settings: Settings) -> KeyWrapper:
    try:
        return open_wrapper(settings.wrapping, settings.data_dir, also=settings.wrapping_also)
    except WrappingFailed as problem:
        raise StartRefused(
            str(problem), "the control plane's `portazgo migrate` makes the key; a node elsewhere needs the same one"
        ) from None


def _node_token(settings: Settings) -> Secret:
    try:
        token = settings.node_token_file.read_text("utf-8").strip()
        why = "" if token else "the file is empty"
    except (OSError, UnicodeDecodeError) as problem:
        token, why = "", getattr(problem, "strerror", None) or "it is no text"
    if why:
        raise StartRefused(
            f"there is no node token in {settings.node_token_file} ({why})",
            "make one with `portazgo node token create`, and name its file with PORTAZGO_NODE_TOKEN_FILE",
        )
    return Secret(token)


def _refuse_unknown_token(settings: Settings, node: Node, client: JsonClient) -> None:
    """Raise StartRefused when the control plane answers and doesn't know the token: such a node never gets to serve."""
    headers = {"X-Portazgo-Node": node.node_id, "X-Portazgo-Epoch": node.epoch}
    try:
        answer = client.request("GET", "/internal/v1/changes", query=NOWHERE, headers=headers, read_seconds=5)
    except Unreachable:
        return
    if answer.status in TOKEN_REFUSED:
        node.stop()
        raise StartRefused(
            f"the control plane at {settings.internal_url} refuses the node token in {settings.node_token_file}"
            + (f": {said_in(answer.body)}" if answer.status == FORBIDDEN else ""),
            "make one with `portazgo node token create`, and write it to that file",
        )


def _take_the_time(node: Node, client: JsonClient) -> None:
    """Go by the control plane's time before the first call, where it can be had.

    A host that is two hours slow would else honour secrets that have ended until the first poll is answered, and one that is
    fast would refuse those still in grace. It is no contact: nothing was learnt that could have been revoked.
    """
    headers = {"X-Portazgo-Node": node.node_id, "X-Portazgo-Epoch": node.epoch}
    try:
        answer = client.request("GET", "/internal/v1/changes", query=NOWHERE, headers=headers, read_seconds=2)
    except Unreachable:
        return  # by the host's own clock, until the control plane is heard of
    server_time = answer.headers.get("X-Portazgo-Time", "")
    if server_time.isdigit():
        node.contact(NO_CONTACT_MS, int(server_time), 0)


def _follower(
    settings: Settings,
    node: Node,
    client: JsonClient,
    kept: LastKnownGood,
    wrapper: KeyWrapper,
    predecessor: Predecessor | None,
) -> Follower:
    staleness = settings.revocation_max_staleness
    return Follower(
        node,
        client,
        kept,
        wrapper,
        label=socket.gethostname(),
        max_staleness_seconds=None if staleness is None else staleness.total_seconds(),
        tell_lane=None if predecessor is None else predecessor.tell_lane,
    )


def _read_snapshot(path: Path, wrapper: KeyWrapper) -> Update:
    """Read a whole snapshot and see that its secrets can be opened here. Raises StartRefused."""
    update = Update.snapshot()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                update.push(chunk)
        update.finish()
        for context, wrapped in update.wrapped():
            wrapper.unwrap(context, wrapped)
    except WrappingUnavailable:
        return update  # It shows when the provider answers: until then the node waits, and says for what.
    except SnapshotRefused as problem:
        raise _unserved(path, ": ".join(map(str, problem.args))) from None
    except WrappingFailed as problem:
        raise StartRefused(
            f"the snapshot {path} can't be served: {problem}",
            "name the key file of its control plane with PORTAZGO_WRAPPING",
        ) from None
    except OSError as problem:
        raise _unserved(path, f"it can't be read ({problem.strerror})") from None
    return update


def _apply_snapshot(
    node: Node, path: Path, snapshot: Update, wrapper: KeyWrapper
) -> list[Callable[[threading.Event], None]]:
    """Serve the snapshot, or return what applies it once the wrapping provider answers. Raises StartRefused."""
    waiting = WaitingSnapshot(node, snapshot, wrapper)
    try:
        return [] if waiting.applied() else [waiting.run]
    except SnapshotRefused as problem:
        node.stop()
        raise _unserved(path, ": ".join(map(str, problem.args))) from None


def _unserved(path: Path, why: str) -> StartRefused:
    return StartRefused(f"the snapshot {path} can't be served: {why}", "write a new one with `portazgo snapshot save`")
