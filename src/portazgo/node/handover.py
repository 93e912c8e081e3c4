"""A running node hands its place to a successor of the same folder: listening sockets, contact, the folder's files.

The conversation goes over a Unix socket in the node's folder, a JSON object a line; descriptors over a connection of
their own to it (`{"sockets": 1}`), which the successor's native side makes. Why in these steps: ADR 27.

    successor                          running node
    {"take_over": 1, "version": …}     {"epoch": …, "version": …} or {"refused": why}
    takes the sockets, loads what the folder holds
    {"loaded": true}                   stops following: {"yours": true, "contact_age_ms": …, "time_us": …}
    reads what came meanwhile, serves
    {"serving": true}                  {"released": true}, and ends
    {"lane": lines}                    {"taken": sequence}: revocations reach its last calls too

Whoever breaks off before `serving` changes nothing: the running node goes on as if nobody had asked.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import struct
import threading
from typing import TYPE_CHECKING, Any

from portazgo import _native
from portazgo.kit.errors import StartRefused
from portazgo.kit.parent import SUPERVISED
from portazgo.node.lane import revoked_kids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from portazgo.node.follow import Follower
    from portazgo.node.native import Node

logger = logging.getLogger(__name__)

FILE_NAME = "handover.sock"
LONGEST_LINE = 1 << 20
PIECE_BYTES = 1 << 16
ANSWER_SECONDS = 60.0
"""A running node answers at once, but when it is just taking a whole snapshot in."""
LOAD_SECONDS = 600.0
"""What a successor has to load what the folder holds; a stopped one must not stand in the way of the next."""
SERVE_SECONDS = 30.0
"""What a successor has, once everything is its own, to serve: meanwhile nobody follows the control plane."""
LANE_SECONDS = 2.0
_CREDENTIALS = struct.Struct("3i")


class _Talk:
    """One end of the conversation."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        # Not a file of Python's: one that has waited in vain can't be read any more.
        self._received = b""

    def say(self, document: dict[str, Any]) -> None:
        """Send a line. Raises OSError."""
        self._connection.sendall(json.dumps(document).encode() + b"\n")

    def hear(self, seconds: float | None) -> dict[str, Any]:
        """Wait for a line; {} when the other side has gone, or sends what is no object of ours.

        Raises TimeoutError, after which it can be waited for again, and OSError.
        """
        self._connection.settimeout(seconds)
        while b"\n" not in self._received:
            piece = self._connection.recv(PIECE_BYTES)
            self._received += piece
            if not piece or len(self._received) > LONGEST_LINE:
                return {}
        line, _, self._received = self._received.partition(b"\n")
        try:
            heard: Any = json.loads(line)
        except ValueError:
            return {}
        return heard if isinstance(heard, dict) else {}

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class Handover:
    """The running node's side: listens, and tells by `has_successor` that it is to end."""

    def __init__(self, folder: Path, node: Node, follower: Follower | None, wake: Callable[[], None]) -> None:
        self._folder = folder
        self._node = node
        self._follower = follower
        self._wake = wake
        self._asked = threading.Lock()
        self._succeeded = threading.Event()

    @property
    def has_successor(self) -> bool:
        """Whether another process serves instead of this one."""
        return self._succeeded.is_set()

    def open(self) -> None:
        """Listen. Where that can't be, the node serves all the same, and nobody can take it over."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Before it has a name: nobody else may connect, not even for a moment.
            os.fchmod(listener.fileno(), 0o600)
            with _reachable(self._folder) as path:
                # Put in the predecessor's place at once: there is always one to ask.
                listener.bind(f"{path}.new")
                os.replace(f"{path}.new", path)  # noqa: PTH105 - a name below a descriptor
            listener.listen(8)
        except OSError as problem:
            listener.close()
            logger.warning("no successor can take this node over: %s", problem)
            return
        threading.Thread(target=self._accept, args=(listener,), name="handover", daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=self._serve, args=(connection,), name="handover-talk", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        talk = _Talk(connection)
        try:
            if _peer_user(connection) != os.geteuid():
                return
            asked = talk.hear(ANSWER_SECONDS)
            if "sockets" in asked and self._asked.locked():
                self._give_sockets(connection)
            elif "take_over" in asked:
                self._converse(talk, asked)
        except OSError as problem:
            logger.warning("a successor went away: %s", problem)
        finally:
            talk.close()

    def _give_sockets(self, connection: socket.socket) -> None:
        descriptors = self._node.sockets()
        try:
            socket.send_fds(connection, [b'{"sockets": 3}\n'], descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _converse(self, talk: _Talk, asked: dict[str, Any]) -> None:
        if SUPERVISED.is_set():
            # It would find its port taken when it is started again, and the supervisor would end everything.
            talk.say(
                {"refused": "this node belongs to `portazgo up`, which would start it again: restart that instead"}
            )
            return
        if self._succeeded.is_set() or not self._asked.acquire(blocking=False):
            talk.say({"refused": "another process is taking over already"})
            return
        try:
            logger.info("a successor asks to take over", extra={"version": asked.get("version")})
            talk.say({"epoch": self._node.epoch, "version": _native.VERSION})
            if talk.hear(LOAD_SECONDS).get("loaded"):
                self._let_go(talk)
        finally:
            if not self._succeeded.is_set():
                if self._follower is not None:
                    self._follower.resume()
                logger.warning("the successor did not get to serve: this node goes on")
            self._asked.release()
        if self._succeeded.is_set():
            self._listen_to_successor(talk)

    def _let_go(self, talk: _Talk) -> None:
        trouble = self._follower.let_go() if self._follower is not None else None
        if trouble is not None:
            # The successor would read less than this node knows.
            talk.say({"refused": f"what this node knows is not on its disk: {trouble}"})
            return
        state = json.loads(self._node.stats())
        talk.say({"yours": True, "contact_age_ms": state["contact_age_ms"], "time_us": state["time_us"]})
        if talk.hear(SERVE_SECONDS).get("serving"):
            self._succeeded.set()
            self._wake()
            talk.say({"released": True})

    def _listen_to_successor(self, talk: _Talk) -> None:
        """Take the security lane from the one who follows now: a dead key's last calls are here, maybe."""
        while heard := talk.hear(None):
            lines = str(heard.get("lane", "")).encode()
            self._node.revoke_for_ever(revoked_kids(lines))
            sequence, _ = self._node.apply_security(lines)
            talk.say({"taken": sequence})


class Predecessor:
    """The successor's side of the conversation with the node that runs."""

    def __init__(self, folder: Path, talk: _Talk, epoch: str) -> None:
        self._folder = folder
        self._talk: _Talk | None = talk
        self._owed = 0
        self.epoch = epoch

    @classmethod
    def find(cls, folder: Path) -> Predecessor | None:
        """Ask the node that runs in this folder; None: none does. Raises StartRefused."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        talk = None
        try:
            with _reachable(folder) as path:
                connection.connect(path)
            talk = _Talk(connection)
            talk.say({"take_over": 1, "version": _native.VERSION})
            return cls(folder, talk, _epoch_in(talk.hear(ANSWER_SECONDS)))
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            return None
        except OSError as problem:
            (talk or connection).close()
            raise _not_taken_over(str(problem)) from None

    def take(self) -> dict[str, Any]:
        """Have it stop following: contact, and the folder's files, are ours on return. Raises StartRefused."""
        heard = self._ask({"loaded": True}, ANSWER_SECONDS)
        if not heard.get("yours"):
            raise _not_taken_over(str(heard.get("refused", "it has ended")))
        return heard

    def serving(self) -> None:
        """Tell it that it may end; when it has gone, so much the better.

        Raises StartRefused when it lost patience and went on: two nodes must not write the files of one folder.
        """
        if not self._ask({"serving": True}, ANSWER_SECONDS).get("released") and self._still_runs():
            raise _not_taken_over("this process took too long to serve, and it went on by itself")

    def _still_runs(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection, _reachable(self._folder) as path:
            try:
                connection.connect(path)
            except (FileNotFoundError, ConnectionRefusedError):
                return False
        return True

    def tell_lane(self, lines: bytes) -> bool:
        """Have it take these lines of the security lane, if it still runs, and whatever it has not taken yet.

        Returns whether it has taken all: until then a call of a dead key may be under way there.
        """
        if self._talk is None:
            return True
        try:
            if lines:
                self._talk.say({"lane": lines.decode()})
                self._owed += 1
            while self._owed:
                try:
                    heard = self._talk.hear(LANE_SECONDS)
                except TimeoutError:
                    return False
                self._owed = self._owed - 1 if heard else 0
                if not heard:
                    self.hang_up()
        except OSError:
            self.hang_up()
        return True

    def hang_up(self) -> None:
        """End the conversation; before `serving` it goes on alone."""
        if self._talk is not None:
            self._talk.close()
            self._talk = None

    def _ask(self, document: dict[str, Any], seconds: float) -> dict[str, Any]:
        if self._talk is None:
            return {}
        try:
            self._talk.say(document)
            heard = self._talk.hear(seconds)
        except OSError:
            heard = {}
        if not heard:
            self.hang_up()
        return heard


@contextlib.contextmanager
def socket_path(folder: Path) -> Iterator[str]:
    """Name the socket of the node that runs in a folder, for as long as the `with` lasts."""
    with _reachable(folder) as path:
        yield path


@contextlib.contextmanager
def _reachable(folder: Path) -> Iterator[str]:
    # A Unix socket's path has 107 bytes at most, and a data folder's may have more: go by the folder's descriptor.
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{FILE_NAME}"
    finally:
        os.close(descriptor)


def _epoch_in(heard: dict[str, Any]) -> str:
    if not isinstance(heard.get("epoch"), str):
        raise _not_taken_over(str(heard.get("refused", "it does not answer")))
    epoch: str = heard["epoch"]
    return epoch


def _peer_user(connection: socket.socket) -> int:
    # Source: unix(7), SO_PEERCRED: process, user, group.
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    user: int = _CREDENTIALS.unpack(packed)[1]
    return user


def _not_taken_over(why: str) -> StartRefused:
    return StartRefused(
        f"the node that runs in this folder can't be taken over: {why}",
        "it goes on serving; put right what it says and try again, or stop it and start without --take-over",
    )
