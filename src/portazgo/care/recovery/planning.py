"""What a recovery is to do: what nodes know and the database forgot, as far as it *closes* something. Pure.

What opens (a key enabled, a partner resumed since the backup) is not done: it is told, and left closed. What was made
since the backup is told by name; nodes hold only what they need of it, which is not enough to make it again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from portazgo.keys.domain import common, narrows

Operation = Literal[
    "revoke_key",
    "disable_key",
    "suspend_partner",
    "suspend_application",
    "withdraw_signing_key",
    "narrow_networks",
]
_FAMILY: Mapping[str, str] = {
    "disable_key": "switch",
    "enable_key": "switch",
    "suspend_partner": "standing",
    "resume_partner": "standing",
    "suspend_application": "standing",
    "resume_application": "standing",
    "withdraw_signing_key": "signing",
    "narrow_networks": "networks",
}
_OPENS = frozenset({"enable_key", "resume_partner", "resume_application"})
NOT_KNOWN = "not in the database"
"""The label of a node that asked, and that the backup does not hold."""


@dataclass(frozen=True, slots=True)
class Teller:
    """What one node told, as far as a plan needs it."""

    node: str
    called: str
    history: str
    revision: int
    hash: str
    dead: frozenset[str]
    entries: Mapping[int, Mapping[str, Any]]
    resources: Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Database:
    """What the restored database says of what was told. `entries`: its lane, by sequence; `names`: of what is in it."""

    history: str
    past: frozenset[str]
    """Histories that earlier recoveries ended."""
    revision: int
    security: int
    floor: int
    hashes: Mapping[int, str]
    """Of the revisions that were told of: the log's hash there."""
    entries: Mapping[int, Mapping[str, Any]]
    closed: frozenset[tuple[str, str]]
    """(operation, id) of what is closed already: revoked or disabled keys, suspended partners, …"""
    known: frozenset[tuple[str, str]]
    """(kind, id) of the keys, partners, applications and signing keys that it has."""
    names: Mapping[tuple[str, str], str]
    resources: frozenset[tuple[str, str]]
    networks: Mapping[str, Sequence[str] | None]
    """From where the keys may be used, by kid; None: from anywhere."""
    buried: frozenset[str]
    """The kids in revocations.log."""
    nodes: Mapping[str, str]
    """Nodes that are not retired: id to label."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is closed again."""

    operation: Operation
    id: str
    name: str
    networks: tuple[str, ...]
    told_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lost:
    """Something that nodes have and the database has not."""

    kind: str
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole recovery. `base` and `security`: past these the new history begins."""

    history: str
    base: int
    security: int
    tellers: tuple[Teller, ...]
    astray: frozenset[str]
    """Ids of the tellers that know more than the database, or something else: they refuse its feed."""
    strangers: tuple[Teller, ...]
    """Tellers of a history that the database does not know, and that was not said to be one of its own."""
    adopted: tuple[str, ...]
    """Histories that the database does not know, and that count as its own."""
    silent: Mapping[str, str]
    """Nodes that the database knows and that told nothing: id to label."""
    steps: tuple[Step, ...]
    left_closed: tuple[Step, ...]
    """What was opened since the backup, and is not opened again."""
    lost: tuple[Lost, ...]
    dead_unknown: tuple[str, ...]
    """Revoked kids that neither the database nor revocations.log knows: they are written there, and never come back."""

    @property
    def needed(self) -> bool:
        """Whether there is anything to recover, or a node that does not find back by itself."""
        return bool(self.steps or self.dead_unknown or self.astray)


_KIND = {
    "revoke_key": "key",
    "disable_key": "key",
    "enable_key": "key",
    "narrow_networks": "key",
    "suspend_partner": "partner",
    "resume_partner": "partner",
    "suspend_application": "application",
    "resume_application": "application",
    "withdraw_signing_key": "signing_key",
}


def plan(
    tellers: Sequence[Teller], database: Database, adopted: Sequence[str] = (), speechless: Collection[str] = ()
) -> Plan:
    """Decide. `adopted`: histories that the operator calls our own, though the database does not know them.

    `speechless`: nodes that asked and did not tell, also such as the database does not know.
    """
    # Of a node of another deployment only the dead keys count; a node that slept through a recovery is still one of ours.
    known = {database.history, *database.past, *adopted}
    ours = [teller for teller in tellers if teller.history in known]
    steps = [*_revocations(tellers, database)]
    last = _last_words(ours, database)
    steps += [step for step in last if step.operation not in _OPENS and not _is_done(step, database)]
    has_lost = {key: name for teller in ours for key, name in teller.resources.items() if key not in database.resources}
    dead = {kid for teller in tellers for kid in teller.dead}
    return Plan(
        history=database.history,
        base=max([database.revision, *(teller.revision for teller in ours)]),
        security=max([database.security, *(sequence for teller in ours for sequence in teller.entries)]),
        tellers=tuple(tellers),
        astray=frozenset(teller.node for teller in ours if _is_astray(teller, database)),
        strangers=tuple(teller for teller in tellers if teller.history not in {"", *known}),
        adopted=tuple(sorted(set(adopted) - {database.history, *database.past})),
        silent=_silent(tellers, {**dict.fromkeys(speechless, NOT_KNOWN), **database.nodes}),
        steps=tuple(steps),
        left_closed=tuple(step for step in last if step.operation in _OPENS and _was_closed(step, database)),
        lost=tuple(Lost(kind, identifier, name) for (kind, identifier), name in sorted(has_lost.items())),
        dead_unknown=tuple(sorted(kid for kid in dead - database.buried if ("key", kid) not in database.known)),
    )


def _silent(tellers: Sequence[Teller], nodes: Mapping[str, str]) -> dict[str, str]:
    told = {teller.node for teller in tellers}
    return {node: label for node, label in nodes.items() if node not in told}


def _is_astray(teller: Teller, database: Database) -> bool:
    if teller.history in database.past:
        return False  # It is told to take the snapshot.
    if teller.history != database.history or teller.revision > database.revision:
        return True
    # Below the floor it is told to take the snapshot.
    return teller.revision >= database.floor and database.hashes.get(teller.revision) != teller.hash


def mentioned(tellers: Iterable[Teller]) -> dict[str, set[str]]:
    """Name what of each kind was told of, so that a database of millions is asked for these only."""
    found: dict[str, set[str]] = {"key": set(), "partner": set(), "application": set(), "signing_key": set()}
    for teller in tellers:
        found["key"] |= teller.dead
        for entry in teller.entries.values():
            kind = _KIND.get(str(entry.get("operation")))
            if kind is not None:
                found[kind].add(str(entry.get("id")))
    return found


def _revocations(tellers: Sequence[Teller], database: Database) -> Iterable[Step]:
    told: dict[str, list[str]] = {}
    for teller in tellers:
        for kid in teller.dead:
            told.setdefault(kid, []).append(teller.called)
    for kid, by in sorted(told.items()):
        if ("key", kid) in database.known and ("revoke_key", kid) not in database.closed:
            yield _step("revoke_key", kid, (), by, database)


def _last_words(tellers: Sequence[Teller], database: Database) -> list[Any]:
    """Give, of what the database has lost, the last that was said of each thing; its own later word counts for more."""
    # By time first: histories number anew, and a node may have slept through a recovery.
    newest: dict[tuple[str, str], tuple[tuple[str, int], Mapping[str, Any]]] = {}
    by: dict[int, list[str]] = {}
    for teller in tellers:
        for sequence, entry in teller.entries.items():
            if _same(database.entries.get(sequence), entry):
                continue
            by.setdefault(sequence, []).append(teller.called)
            family = _FAMILY.get(str(entry.get("operation")))
            thing = (family or "", str(entry.get("id")))
            order = (str(entry.get("at", "")), sequence)
            if family is not None and (thing not in newest or order >= newest[thing][0]):
                newest[thing] = (order, entry)
    own = _own_times(database)
    steps = []
    for thing, ((_, sequence), entry) in sorted(newest.items(), key=lambda item: item[0]):
        if own.get(thing, "") > str(entry.get("at", "")):
            continue
        operation, identifier = str(entry["operation"]), str(entry["id"])
        if (_KIND[operation], identifier) in database.known:
            steps.append(_last_word(entry, operation, identifier, by[sequence], database))
    return steps


def _last_word(entry: Mapping[str, Any], operation: str, identifier: str, by: list[str], database: Database) -> Step:
    if operation != "narrow_networks":
        return _step(operation, identifier, (), by, database)
    # What both allow: a narrowing may have let in others, and nothing is opened here.
    told = tuple(map(str, entry.get("networks") or ()))
    try:
        allowed = tuple(common(database.networks.get(identifier), told))
    except ValueError:
        allowed = ()  # Not to be read: closed altogether.
    return _step(operation if allowed else "disable_key", identifier, allowed, by, database)


def _own_times(database: Database) -> dict[tuple[str, str], str]:
    times: dict[tuple[str, str], str] = {}
    for entry in database.entries.values():
        thing = (_FAMILY.get(str(entry["operation"]), ""), str(entry["id"]))
        times[thing] = max(times.get(thing, ""), str(entry["at"]))
    return times


def _same(ours: Mapping[str, Any] | None, theirs: Mapping[str, Any]) -> bool:
    return ours is not None and all(ours.get(name) == theirs.get(name) for name in ("operation", "id", "at"))


def _is_done(step: Step, database: Database) -> bool:
    dead = ("revoke_key", step.id) in database.closed
    if step.operation == "narrow_networks" and not narrows(database.networks.get(step.id), step.networks):
        return True
    return (dead and _KIND[step.operation] == "key") or (step.operation, step.id) in database.closed


def _was_closed(step: Step, database: Database) -> bool:
    closing = {"enable_key": "disable_key", "resume_partner": "suspend_partner"}
    return (closing.get(step.operation, "suspend_application"), step.id) in database.closed


def _step(operation: Any, identifier: str, networks: tuple[str, ...], by: list[str], database: Database) -> Step:
    name = database.names.get((_KIND[operation], identifier), "")
    return Step(operation, identifier, name, networks, tuple(sorted(set(by))))
