"""The whole of a recovery: hear nodes, plan, and carry out when it is meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from portazgo.care.failed import CareRefused
from portazgo.care.recovery.planning import Plan, Teller
from portazgo.care.recovery.testimonies import Told, of_folder
from portazgo.control.boot import boot
from portazgo.kit.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from portazgo.settings import Settings
    from portazgo.snapshot.feed import HeadNow


@contextmanager
def recovery(
    settings: Settings,
    folders: Sequence[Path],
    *,
    adopted: Sequence[str] = (),
    wait_seconds: float,
    waiting: Callable[[dict[str, str]], None],
) -> Iterator[Plan]:
    """Give the plan, with the database to ourselves until it is left. `waiting` is told for which nodes it waits.

    `wait_seconds` 0: only the folders tell. No transaction is open while nodes are waited for. Raises StartRefused (a
    control plane runs, a port is taken, a database is away), CareRefused (a folder is none of a node's; nobody told
    anything).
    """
    boot(settings)
    from portazgo.care.recovery.carrying_out import known_nodes, make_plan  # noqa: PLC0415 - Django is set up now
    from portazgo.care.recovery.listening import listen  # noqa: PLC0415
    from portazgo.control.databases import require_migrated  # noqa: PLC0415
    from portazgo.control.presence import alone  # noqa: PLC0415

    require_migrated()
    with alone(settings):
        told = [of_folder(folder) for folder in [*folders, *_own_node(settings)]]
        missing = {node: label for node, label in known_nodes().items() if node not in {one.node for one in told}}
        speechless: set[str] = set()
        if wait_seconds > 0:
            waiting(missing)
            # What a node says itself is newer than a copy of its folder, and both count.
            heard, speechless = listen(settings, wait_seconds, missing.keys())
            told += heard
        if not told:
            raise CareRefused(
                "no node told anything",
                "start the nodes and have them reach PORTAZGO_INTERNAL_LISTEN, or name their folders with --node-folder",
            )
        yield make_plan([_teller(one) for one in _by_node(told)], adopted, speechless)


def carry_out(plan: Plan) -> tuple[HeadNow, list[str]]:
    """Do it. Returns where the new history begins, and what could not be closed."""
    from portazgo.care.recovery import carrying_out  # noqa: PLC0415 - Django is set up now

    return carrying_out.carry_out(plan, clock=SYSTEM_CLOCK)


def _own_node(settings: Settings) -> list[Path]:
    """Give the folder of the node that this machine's data folder holds, where there is one."""
    folder = settings.data_dir / "node"
    return [folder] if (folder / "snapshot.ndjson").exists() else []


def _by_node(told: Iterable[Told]) -> Iterable[Told]:
    joined: dict[str, Told] = {}
    for one in told:
        name = one.node or one.label
        if name in joined:
            joined[name].add(one)
        else:
            joined[name] = one
    return joined.values()


def _teller(told: Told) -> Teller:
    return Teller(
        node=told.node,
        called=told.called,
        history=told.history,
        revision=told.revision,
        hash=told.hash,
        dead=frozenset(told.dead),
        entries=told.entries,
        resources=told.resources,
    )
