"""What the security lane said last, as each node tells it, of what the database has lost. Pure.

Each node is judged alone: no word of another takes back what it told. So something is closed where any node's last word of
it closes it, and an opening counts only where everybody who told the closing told the opening too. A node that lies can
close, and whoever reads the plan sees which did; it can neither open what others closed nor keep it from being closed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from portazgo.keys.domain import check_networks, common

if TYPE_CHECKING:
    from portazgo.care.recovery.planning import Database, Teller

Thing = tuple[str, str]
"""What can be said of something one after the other, the last word counting: (family, id)."""
Entry = Mapping[str, Any]

KIND: Mapping[str, str] = {
    "revoke_key": "key",
    "disable_key": "key",
    "enable_key": "key",
    "narrow_networks": "key",
    "suspend_partner": "partner",
    "resume_partner": "partner",
    "suspend_application": "application",
    "resume_application": "application",
    "withdraw_signing_key": "signing_key",
    "erase_data_key": "data_key",
}
OPENS = frozenset({"enable_key", "resume_partner", "resume_application"})
MOST_NETWORKS = 1_000
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


@dataclass(slots=True)
class Said:
    """An operation that was the last word of some of the nodes, and who these are."""

    operation: str
    id: str
    told_by: list[str] = field(default_factory=list)
    networks: list[Any] = field(default_factory=list)
    """Of a narrowing: what each of them said is allowed."""


def last_words(tellers: Sequence[Teller], database: Database) -> list[Said]:
    """Give what is the last word of a node or more, of things that the database has; its own later word counts for more."""
    own = _own_times(database)
    said: dict[tuple[Thing, str], Said] = {}
    for teller in tellers:
        for thing, entry in _last_of(teller, database):
            operation, identifier = str(entry["operation"]), str(entry["id"])
            if own.get(thing, "") > str(entry.get("at", "")) or (KIND[operation], identifier) not in database.known:
                continue
            one = said.setdefault((thing, operation), Said(operation, identifier))
            one.told_by.append(teller.called)
            one.networks.append(entry.get("networks"))
    return [one for _, one in sorted(said.items(), key=lambda item: item[0])]


def all_allow(networks: Sequence[str] | None, told: Sequence[Any]) -> tuple[str, ...]:
    """Give what the database and each of those who told allow: a narrowing may have let in others, and nothing is opened here.

    What can't be read allows nothing.
    """
    allowed = networks
    for one in told:
        if not isinstance(one, list | tuple) or len(one) > MOST_NETWORKS:
            return ()
        try:
            allowed = common(allowed, check_networks([str(text) for text in one]))
        except ValueError:
            return ()
    return tuple(allowed or ())


def _last_of(teller: Teller, database: Database) -> Iterator[tuple[Thing, Entry]]:
    # By time first: histories number anew, and a node may have slept through a recovery.
    newest: dict[Thing, tuple[tuple[str, int], Entry]] = {}
    for sequence, entry in teller.entries.items():
        family = _FAMILY.get(str(entry.get("operation")))
        if family is None or _same(database.entries.get(sequence), entry):
            continue
        thing = (family, str(entry.get("id")))
        order = (str(entry.get("at", "")), sequence)
        if thing not in newest or order >= newest[thing][0]:
            newest[thing] = (order, entry)
    return ((thing, entry) for thing, (_, entry) in newest.items())


def _own_times(database: Database) -> dict[Thing, str]:
    times: dict[Thing, str] = {}
    for entry in database.entries.values():
        thing = (_FAMILY.get(str(entry["operation"]), ""), str(entry["id"]))
        times[thing] = max(times.get(thing, ""), str(entry["at"]))
    return times


def _same(ours: Entry | None, theirs: Entry) -> bool:
    return ours is not None and all(ours.get(name) == theirs.get(name) for name in ("operation", "id", "at"))
