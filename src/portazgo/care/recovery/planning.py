"""What a recovery is to do: what nodes know and the database forgot, as far as it *closes* something. Pure.

What opens (a key enabled, a partner resumed since the backup) is not done: it is told, and left closed; `last_words` says
whose word counts. What was made
since the backup is told by name; nodes hold only what they need of it, which is not enough to make it again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from portazgo.care.recovery.lapsed import NO_SECRETS, Lapse, Secrets, ahead, lapsed
from portazgo.care.recovery.last_words import KIND, OPENS, Said, all_allow, last_words
from portazgo.keys.domain import narrows

Operation = Literal[
    "revoke_key",
    "disable_key",
    "suspend_partner",
    "suspend_application",
    "withdraw_signing_key",
    "narrow_networks",
    "end_secret",
    "erase_data_key",
]
MOST_REVISIONS = 1_000_000_000
"""So far past the database no node can be. One that says it is does not use up the numbers of the histories to come."""
_CLOSED_BY: Mapping[str, str] = {
    "enable_key": "disable_key",
    "resume_partner": "suspend_partner",
    "resume_application": "suspend_application",
}
ERASED = "erased_data_key"
"""The resource by which nodes keep that a data key was erased."""
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
    secrets: Mapping[tuple[str, str], str] = field(default_factory=dict)
    graves: Mapping[str, str] = field(default_factory=dict)
    lookup_key: str = ""

    @property
    def erased(self) -> frozenset[str]:
        """Ids of data keys that it knows as erased."""
        return frozenset(identifier for kind, identifier in self.resources if kind == ERASED)


@dataclass(frozen=True, slots=True)
class Graves:
    """Imported keys that are dead, and that the database has lost: look-up to kid. `shut`: how many look-up keys don't open."""

    lookups: Mapping[str, str] = field(default_factory=dict)
    lookup_keys: tuple[str, ...] = ()
    """Those that they were made with, wrapped, but for the database's own."""
    shut: int = 0


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
    """(kind, id) of the keys, partners, applications, signing keys and data keys that it has."""
    names: Mapping[tuple[str, str], str]
    resources: frozenset[tuple[str, str]]
    networks: Mapping[str, Sequence[str] | None]
    """From where the keys may be used, by kid; None: from anywhere."""
    buried: frozenset[str]
    """The kids in revocations.log."""
    nodes: Mapping[str, str]
    """Nodes that are not retired: id to label."""
    secrets: Secrets = NO_SECRETS
    graves: Graves = field(default_factory=Graves)
    buried_data_keys: frozenset[str] = frozenset()
    """Those whose destruction stands in revocations.log."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is closed again."""

    operation: Operation
    id: str
    name: str
    networks: tuple[str, ...]
    told_by: tuple[str, ...]
    secret: int = 0
    """The number of the secret that ends, and when."""
    ends_at_us: int = 0


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
    """Nodes of which is not known what they know: id to label."""
    left_out: tuple[str, ...]
    """Ids of nodes that the operator did not want to hear."""
    steps: tuple[Step, ...]
    left_closed: tuple[Step, ...]
    """What was opened since the backup, and is not opened again."""
    uncompared: tuple[str, ...]
    """Kids of keys of which nobody can tell whether they were rotated since: the pepper was changed."""
    graves: Graves
    lost: tuple[Lost, ...]
    dead_unknown: tuple[str, ...]
    """Revoked kids that neither the database nor revocations.log knows: they are written there, and never come back."""
    erased_unknown: tuple[str, ...]
    """Data keys of which the same holds."""

    @property
    def needed(self) -> bool:
        """Whether there is anything to recover, or a node that does not find back by itself."""
        return bool(self.steps or self.dead_unknown or self.erased_unknown or self.astray or self.graves.lookups)


def plan(
    tellers: Sequence[Teller],
    database: Database,
    adopted: Sequence[str] = (),
    speechless: Collection[str] = (),
    left_out: Collection[str] = (),
) -> Plan:
    """Decide. `adopted`: histories that the operator calls our own, though the database does not know them.

    `speechless`: nodes of which is not known what they know, also such as the database does not know. `left_out`: nodes that
    the operator does not want to hear.
    """
    # Of a node of another deployment only the dead keys count; a node that slept through a recovery is still one of ours.
    known = {database.history, *database.past, *adopted}
    ours = [teller for teller in tellers if teller.history in known]
    revocations = list(_revocations(tellers, database))
    revoked = {step.id for step in revocations}
    closing, opening = _by_last_words(ours, database, revoked)
    lapses, uncompared = lapsed(ahead(tellers, database, adopted), database.secrets)
    has_lost = {key: name for teller in ours for key, name in teller.resources.items() if key not in database.resources}
    erased = {key for teller in tellers for key in teller.erased}
    dead = {kid for teller in tellers for kid in teller.dead}
    return Plan(
        history=database.history,
        base=_furthest(database.revision, (teller.revision for teller in ours)),
        security=_furthest(database.security, (sequence for teller in ours for sequence in teller.entries)),
        tellers=tuple(tellers),
        astray=frozenset(teller.node for teller in ours if _is_astray(teller, database)),
        strangers=tuple(teller for teller in tellers if teller.history not in {"", *known}),
        adopted=tuple(sorted(set(adopted) - {database.history, *database.past})),
        silent=_silent(tellers, database, speechless, left_out),
        left_out=tuple(sorted(left_out)),
        steps=(
            *revocations,
            *closing,
            *(_ending(one, database) for one in lapses if one.kid not in revoked),
            *_erasures(tellers, database),
        ),
        left_closed=tuple(opening),
        uncompared=tuple(kid for kid in uncompared if kid not in revoked),
        graves=database.graves,
        lost=tuple(
            Lost(kind, identifier, name) for (kind, identifier), name in sorted(has_lost.items()) if kind != ERASED
        ),
        dead_unknown=tuple(sorted(kid for kid in dead - database.buried if ("key", kid) not in database.known)),
        erased_unknown=tuple(
            sorted(key for key in erased - database.buried_data_keys if ("data_key", key) not in database.known)
        ),
    )


def _furthest(own: int, told: Iterable[int]) -> int:
    return max([own, *(number for number in told if number <= own + MOST_REVISIONS)])


def _silent(
    tellers: Sequence[Teller], database: Database, speechless: Collection[str], left_out: Collection[str]
) -> dict[str, str]:
    told = {teller.node for teller in tellers}
    nodes = {**dict.fromkeys(speechless, NOT_KNOWN), **database.nodes}
    return {
        node: label
        for node, label in nodes.items()
        if node not in left_out and (node in speechless or node not in told)
    }


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
    found["data_key"] = set()
    for teller in tellers:
        found["key"] |= teller.dead
        found["data_key"] |= teller.erased
        for entry in teller.entries.values():
            kind = KIND.get(str(entry.get("operation")))
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


def _erasures(tellers: Sequence[Teller], database: Database) -> Iterable[Step]:
    """What was erased is final, as a revocation is: any node's word counts, of whatever history."""
    told: dict[str, list[str]] = {}
    for teller in tellers:
        for key in teller.erased:
            told.setdefault(key, []).append(teller.called)
    for key, by in sorted(told.items()):
        if ("data_key", key) in database.known and ("erase_data_key", key) not in database.closed:
            yield _step("erase_data_key", key, (), by, database)


def _by_last_words(
    tellers: Sequence[Teller], database: Database, revoked: Collection[str]
) -> tuple[list[Step], list[Step]]:
    """Give what is closed by what nodes told last, and what some opened that is closed, and stays so."""
    said = last_words(tellers, database)
    closing: dict[tuple[str, str], Step] = {}
    for one in said:
        if one.operation not in OPENS and not (KIND[one.operation] == "key" and one.id in revoked):
            step = _closing(one, database)
            before = closing.get((step.operation, step.id))
            told_by = [*step.told_by, *(before.told_by if before else ())]
            closing[step.operation, step.id] = replace(step, told_by=tuple(sorted(set(told_by))))
    steps = [step for step in closing.values() if not _is_done(step, database)]
    closed = {*database.closed, *((step.operation, step.id) for step in steps)}
    opening = [
        _step(one.operation, one.id, (), one.told_by, database)
        for one in said
        if (_CLOSED_BY.get(one.operation, ""), one.id) in closed
    ]
    return steps, opening


def _ending(lapse: Lapse, database: Database) -> Step:
    name = database.names.get(("key", lapse.kid), "")
    return Step("end_secret", lapse.kid, name, (), lapse.told_by, lapse.number, lapse.ends_at_us)


def _closing(said: Said, database: Database) -> Step:
    if said.operation != "narrow_networks":
        return _step(said.operation, said.id, (), said.told_by, database)
    allowed = all_allow(database.networks.get(said.id), said.networks)
    return _step(said.operation if allowed else "disable_key", said.id, allowed, said.told_by, database)


def _is_done(step: Step, database: Database) -> bool:
    dead = ("revoke_key", step.id) in database.closed
    if step.operation == "narrow_networks" and not narrows(database.networks.get(step.id), step.networks):
        return True
    return (dead and KIND[step.operation] == "key") or (step.operation, step.id) in database.closed


def _step(operation: Any, identifier: str, networks: tuple[str, ...], by: Iterable[str], database: Database) -> Step:
    name = database.names.get((KIND[operation], identifier), "")
    return Step(operation, identifier, name, networks, tuple(sorted(set(by))))
