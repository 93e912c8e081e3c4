"""The whole of a recovery: hear nodes, plan, and carry out when it is meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from portazgo.care.failed import CareRefused
from portazgo.care.recovery.planning import Plan, Teller
from portazgo.care.recovery.testimonies import Told, of_folder
from portazgo.control.boot import boot
from portazgo.kit.clock import SYSTEM_CLOCK
from portazgo.kit.ids import parse_id, uuid7

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from portazgo.settings import Settings
    from portazgo.snapshot.feed import HeadNow


@contextmanager
def recovery(
    settings: Settings,
    folders: Sequence[Path],
    *,
    adopted: Sequence[str] = (),
    without: Sequence[str] = (),
    wait_seconds: float,
    waiting: Callable[[dict[str, str]], None],
) -> Iterator[Plan]:
    """Give the plan, with the database to ourselves until it is left. `waiting` is told for which nodes it waits.

    `wait_seconds` 0: only the folders tell. `without`: nodes that are left out, by id or label, whatever they or others tell
    of them. No transaction is open while nodes are waited for. Raises StartRefused (a control plane runs, a port is taken, a
    database is away), CareRefused (a folder is none of a node's; a node that is left out is not known; nobody told anything).
    """
    boot(settings)
    from portazgo.care.recovery.carrying_out import known_nodes, make_plan  # noqa: PLC0415 - Django is set up now
    from portazgo.care.recovery.listening import listen  # noqa: PLC0415
    from portazgo.control.databases import require_migrated  # noqa: PLC0415
    from portazgo.control.presence import alone  # noqa: PLC0415

    require_migrated()
    with alone(settings):
        nodes, question = known_nodes(), str(uuid7())
        left_out = _leave_out(without, nodes)
        told = [of_folder(folder, question) for folder in [*folders, *_own_node(settings)]]
        heard_of = left_out | {one.node for one in told}
        missing = {node: label for node, label in nodes.items() if node not in heard_of}
        speechless: set[str] = set()
        if wait_seconds > 0:
            waiting(missing)
            # A node's own word and a copy of its folder both count, each for itself, as if two nodes had told.
            heard, speechless = listen(settings, wait_seconds, missing.keys(), question)
            told += [replace(one, label=nodes.get(one.node, "")) for one in heard]
        told = [one for one in told if one.node not in left_out]
        if not told:
            raise CareRefused(
                "no node told anything",
                "start the nodes and have them reach PORTAZGO_INTERNAL_LISTEN, or name their folders with --node-folder",
            )
        yield make_plan(
            [_teller(one) for one in told], adopted, speechless, left_out, question=question, clock=SYSTEM_CLOCK
        )


def carry_out(plan: Plan) -> tuple[HeadNow, list[str]]:
    """Do it. Returns where the new history begins, and what could not be closed."""
    from portazgo.care.recovery import carrying_out  # noqa: PLC0415 - Django is set up now

    return carrying_out.carry_out(plan, clock=SYSTEM_CLOCK)


def _own_node(settings: Settings) -> list[Path]:
    """Give the folder of the node that this machine's data folder holds, where there is one."""
    folder = settings.data_dir / "node"
    return [folder] if (folder / "snapshot.ndjson").exists() else []


def _leave_out(without: Sequence[str], nodes: Mapping[str, str]) -> set[str]:
    """Give the ids of the nodes that are named so, by id or label. Raises CareRefused."""
    ids = {node for node, label in nodes.items() if node in without or label in without}
    unknown = [name for name in without if name not in nodes and name not in nodes.values() and parse_id(name) is None]
    if unknown:
        raise CareRefused(
            f"the database knows no node {', '.join(unknown)}",
            "name it by its id, as the table of what nodes told does",
        )
    return ids | {name for name in without if parse_id(name)}


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
        secrets=told.secrets,
        graves=told.graves,
        lookup_key=told.lookup_key,
    )
