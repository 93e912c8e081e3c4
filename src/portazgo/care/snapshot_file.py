"""A snapshot as a file, for a gateway that runs without a control plane (`portazgo gateway --snapshot FILE`)."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from portazgo.care.failed import CareFailed
from portazgo.kit.files import sync_folder
from portazgo.kit.http import JsonClient
from portazgo.kit.secret import Secret
from portazgo.node.native import SnapshotRefused, Update, require
from portazgo.roles.instance import running_instance

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

    from portazgo.settings import Settings

OK = 200
TOKEN_REFUSED = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class SavedSnapshot:
    """What was saved."""

    file: Path
    history: str | None
    revision: int | None
    bytes: int


def save_snapshot(settings: Settings, file: Path) -> SavedSnapshot:
    """Write the control plane's snapshot to `file`: whole or not at all, 0600, judged by the nodes' own code.

    Raises CareFailed, StartRefused for a stale native module, `kit.http.Unreachable`.
    """
    require()
    client = JsonClient(internal_url(settings), _node_token(settings))
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    except OSError as problem:
        raise CareFailed(
            f"{file} can't be written ({problem.strerror})", "name a file in a folder that can be written"
        ) from None
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as partial:
            update = _receive(client, partial)
            partial.flush()
            os.fsync(partial.fileno())
            size = partial.tell()
        temporary.replace(file)
        sync_folder(file.parent)
    except OSError as problem:
        raise CareFailed(f"{file} can't be written ({problem.strerror})", "make room, or name another file") from None
    finally:
        temporary.unlink(missing_ok=True)
        client.close()
    return SavedSnapshot(file, update.history, update.revision, size)


def internal_url(settings: Settings) -> str:
    """Give where the control plane serves nodes: a `portazgo up` of this data folder chose a port of its own."""
    running = running_instance(settings.data_dir)
    return running.internal_url if running is not None and running.internal_url else settings.internal_url


def _receive(client: JsonClient, partial: IO[bytes]) -> Update:
    update = Update.snapshot()
    with client.stream("GET", "/internal/v1/snapshot") as answer:
        if answer.status in TOKEN_REFUSED:
            raise CareFailed(
                f"the control plane at {client.base_url} refuses this node token",
                "make one with `portazgo node token create`, and name its file with PORTAZGO_NODE_TOKEN_FILE",
            )
        if answer.status != OK:
            raise CareFailed(
                f"{client.base_url} answered {answer.status}", "is this the control plane's internal listener?"
            )
        try:
            for chunk in _written(answer.chunks, partial):
                update.push(chunk)
            update.finish()
        except SnapshotRefused as problem:
            why = ": ".join(map(str, problem.args))
            raise CareFailed(f"the snapshot did not come whole or can't be used ({why})", "try again") from None
    return update


def _written(chunks: Iterator[bytes], file: IO[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        file.write(chunk)
        yield chunk


def _node_token(settings: Settings) -> Secret:
    try:
        return Secret(settings.node_token_file.read_text("utf-8").strip())
    except OSError as problem:
        raise CareFailed(
            f"there is no node token in {settings.node_token_file} ({problem.strerror})",
            "make one with `portazgo node token create`, and name its file with PORTAZGO_NODE_TOKEN_FILE",
        ) from None
