"""What of an import's order means nothing in its document: a misspelt name would take nothing, and nobody would notice."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from portazgo.routes.domain import map_prefix
from portazgo.routes.openapi.drafts import Pick
from portazgo.routes.openapi.operations import Operation

_NAMED_AT_MOST = 12
_HINTS_AT_MOST = 20
"""To look for what was meant takes a moment for each name that is known, and thousands may mean nothing."""


class Idle(NamedTuple):
    """One thing that means nothing: at which member of the order (RFC 6901), and a sentence."""

    pointer: str
    sentence: str


def idle_parts(found: Sequence[Operation], pick: Pick, prefixes: Mapping[str, str]) -> list[Idle]:
    """Say which names pick no operation, and which prefixes begin no path of what is picked; of the first, what was meant."""
    idle = [*_picks(found, pick), *_prefixes(found, pick, prefixes)]
    return [
        Idle(one.pointer, one.sentence + (_nearest(one.name, one.known) if number < _HINTS_AT_MOST else ""))
        for number, one in enumerate(idle)
    ]


class _Meaningless(NamedTuple):
    """Such a thing before it is known what was meant: a name, and what there is in its place."""

    pointer: str
    sentence: str
    name: str
    known: Collection[str]


def _picks(found: Sequence[Operation], pick: Pick) -> Iterator[_Meaningless]:
    ids = [one.operation_id for one in found if one.operation_id]
    for name in sorted(pick.operations.difference(ids)):
        yield _Meaningless("/pick/operations", f"the document has no operation {name!r}", name, ids)
    tags = {tag for one in found for tag in one.tags}
    for name in sorted(pick.tags - tags):
        yield _Meaningless("/pick/tags", f"no operation of the document has the tag {name!r}", name, tags)
    addresses = {one.path for one in found}
    for pattern in pick.paths:
        if not any(Pick(paths=(pattern,)).takes(one) for one in found):
            sentence = f"no operation of the document has a path like {pattern!r}"
            yield _Meaningless("/pick/paths", sentence, pattern, addresses)


def _prefixes(found: Sequence[Operation], pick: Pick, prefixes: Mapping[str, str]) -> Iterator[_Meaningless]:
    paths = [one.path for one in found if pick.takes(one)]
    first = {f"/{path.split('/')[1]}" for path in paths}
    for prefix in prefixes if paths else ():
        # By another target than its own: a prefix that is mapped to itself changes nothing, and is meant.
        if all(map_prefix(path, {prefix: "/*"}) == path for path in paths):
            yield _Meaningless("/prefix_map", f"no path that is imported begins with {prefix!r}", prefix, first)


def _nearest(name: str, known: Collection[str]) -> str:
    among = sorted(set(known))
    near = get_close_matches(name, among, n=1)
    if near:
        return f'; did you mean "{near[0]}"?'
    return f" (there is: {', '.join(among)})" if 0 < len(among) <= _NAMED_AT_MOST else ""
