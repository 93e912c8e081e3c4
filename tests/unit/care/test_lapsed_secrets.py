"""Which secrets end in a restored database, by what nodes tell of rotations that it has lost."""

from __future__ import annotations

from typing import Any

import pytest

from portazgo.care.recovery.lapsed import Held, Lapse, Marked, Secrets, in_common, lapsed, read
from portazgo.care.recovery.planning import Teller
from portazgo.node.testimony import mark, marks

KID, QUESTION, NOW = "AAAAAAAAAA", "a question", 1_000_000
OLD, NEW, OTHER = "a" * 64, "b" * 64, "c" * 64


def teller(*secrets: tuple[str, int, int | None], node: str = "edge") -> Teller:
    """A node that has these secrets of the key."""
    told = {("key", KID): marks(QUESTION, secrets)}
    return Teller(node, node, "h", 9, "f" * 64, frozenset(), {}, {}, told)


def held(*secrets: tuple[str, int, int | None], peppers: Any = (1,), nodes: Any = ("edge", "second")) -> Secrets:
    """What the database has of it, numbered from 1."""
    numbered = [Held(number, Marked(mark(QUESTION, one[0]), *one[1:])) for number, one in enumerate(secrets, start=1)]
    return Secrets({KID: numbered}, frozenset((node, pepper) for node in nodes for pepper in peppers), NOW)


def ends(*tellers: Teller, database: Secrets) -> list[tuple[int, int]]:
    """The numbers of the secrets that end, and when."""
    return [(one.number, one.ends_at_us) for one in lapsed(tellers, database)[0]]


@pytest.mark.parametrize(
    ("told", "own", "expected"),
    [
        # Rotated since: the old one retires, and ends when the node says.
        ([(NEW, 1, None), (OLD, 1, 7_000_000)], [(OLD, 1, None)], [(1, 7_000_000)]),
        # Rotated, and forgotten since: it ends now.
        ([(NEW, 1, None)], [(OLD, 1, None)], [(1, NOW)]),
        # Nothing happened.
        ([(OLD, 1, None)], [(OLD, 1, None)], []),
        # A grace that was ended early, and one that was put off: nothing gets a later end.
        ([(NEW, 1, None), (OLD, 1, 2_000_000)], [(NEW, 1, None), (OLD, 1, 9_000_000)], [(2, 2_000_000)]),
        ([(NEW, 1, None), (OLD, 1, 9_000_000)], [(NEW, 1, None), (OLD, 1, 2_000_000)], []),
        # What has ended here has ended.
        ([(NEW, 1, None)], [(NEW, 1, None), (OLD, 1, NOW)], []),
        # The schedule gave the current one an end.
        ([(OLD, 1, 5_000_000)], [(OLD, 1, None)], [(1, 5_000_000)]),
        # Rotated twice since.
        ([(OTHER, 1, None), (NEW, 1, 8_000_000)], [(OLD, 1, None)], [(1, NOW)]),
        # A rotation that was cancelled: the new one that the backup had is dead, the old one goes on.
        ([(OLD, 1, None)], [(NEW, 1, None), (OLD, 1, 9_000_000)], [(1, NOW)]),
    ],
)
def test_a_secret_ends_when_the_node_says_and_never_later(told: Any, own: Any, expected: Any) -> None:
    assert ends(teller(*told), database=held(*own)) == expected


def test_of_two_nodes_the_first_end_holds_whatever_the_other_says() -> None:
    liar = teller((OLD, 1, None), node="second")
    true = teller((NEW, 1, None), (OLD, 1, 7_000_000))
    own = held((OLD, 1, None))
    for tellers in ((liar, true), (true, liar)):
        assert lapsed(tellers, own) == ([Lapse(KID, 1, 7_000_000, ("edge",))], [])


def test_under_another_pepper_nothing_can_be_told_and_the_key_is_named() -> None:
    own = held((OLD, 1, None))
    assert lapsed([teller((OLD, 2, None))], own) == ([], [KID])
    # Pepper 1 was made anew by a database that went on: that a mark is missing says nothing.
    assert lapsed([teller((NEW, 1, None))], held((OLD, 1, None), peppers=())) == ([], [KID])
    # In the middle of a change of pepper: the other secret may be this one.
    assert lapsed([teller((NEW, 1, None), (OLD, 2, 7_000_000))], own) == ([], [KID])


def test_a_node_of_an_earlier_version_tells_nothing_of_secrets() -> None:
    silent = Teller("edge", "edge", "h", 9, "f" * 64, frozenset(), {}, {})
    assert lapsed([silent], held((OLD, 1, None))) == ([], [])


def test_a_mark_is_made_for_one_question_and_shows_nothing_of_the_digest() -> None:
    assert mark(QUESTION, OLD) != mark("another question", OLD)
    assert len(mark(QUESTION, OLD)) == 16
    theirs, ours = read(marks(QUESTION, [(OLD, 1, None), (NEW, 2, 5)])), [Marked(mark(QUESTION, NEW), 2, None)]
    assert in_common(theirs, ours) == {2}
