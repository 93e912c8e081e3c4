"""What a plan closes, whatever one of the nodes that tell makes up."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portazgo.care.recovery.planning import MOST_REVISIONS, Database, Plan, Teller, plan

Entry = Mapping[str, Any]

OURS = "01a20e60-e200-7018-af02-000000000001"
KID, OTHER_KID, PARTNER, APPLICATION, SIGNER = "AAAAAAAAAA", "BBBBBBBBBB", "a-partner", "an-application", "a-signer"
LANE, REVISION = 10, 100
NETWORKS = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "192.0.2.0/24", "0.0.0.0/0", "2001:db8::/32"]

CLOSES = {
    "disable_key": "enable_key",
    "suspend_partner": "resume_partner",
    "suspend_application": "resume_application",
    "withdraw_signing_key": None,
}
THINGS = [
    ("disable_key", KID),
    ("disable_key", OTHER_KID),
    ("suspend_partner", PARTNER),
    ("suspend_application", APPLICATION),
    ("withdraw_signing_key", SIGNER),
]
KNOWN = frozenset(
    {("key", KID), ("key", OTHER_KID), ("partner", PARTNER), ("application", APPLICATION), ("signing_key", SIGNER)}
)


def database(networks: Sequence[str] | None = None, **members: Any) -> Database:
    """A restored one: everything is open in it, and its lane ended at `LANE`."""
    empty: dict[str, Any] = {
        "history": OURS,
        "past": frozenset(),
        "revision": REVISION,
        "security": LANE,
        "floor": 0,
        "hashes": {},
        "entries": {},
        "closed": frozenset(),
        "known": KNOWN,
        "names": {},
        "resources": frozenset(),
        "networks": {KID: networks, OTHER_KID: None},
        "buried": frozenset(),
        "nodes": {},
    }
    return Database(**{**empty, **members})


def teller(node: str, entries: Mapping[int, Entry], **members: Any) -> Teller:
    """A node that is ahead."""
    told: dict[str, Any] = {"history": OURS, "revision": REVISION + 50, "hash": "f" * 64, "dead": frozenset()}
    return Teller(node=node, called=node, entries=entries, resources={}, **{**told, **members})


def at(second: int) -> str:
    """A time; later ones sort later."""
    return f"2026-11-26T12:{second // 60:02}:{second % 60:02}Z"


words = st.one_of(
    st.sampled_from(
        [(operation, one) for closes, one in THINGS for operation in (closes, CLOSES[closes]) if operation]
    ),
    st.lists(st.sampled_from(NETWORKS), min_size=1, max_size=3).map(lambda some: ("narrow_networks", KID, some)),
)


def said(sequence: int, second: int, word: Sequence[Any]) -> Entry:
    """An entry of the lane."""
    entry = {"sequence": sequence, "operation": word[0], "id": word[1], "at": at(second)}
    return {**entry, "networks": list(word[2])} if word[0] == "narrow_networks" else entry


@st.composite
def honest(draw: st.DrawFn) -> list[dict[int, Entry]]:
    """What honest nodes of one history tell: each all of the lane, as far as it had come."""
    lane = {
        LANE + number: said(LANE + number, number, word)
        for number, word in enumerate(draw(st.lists(words, max_size=12)), start=1)
    }
    reached = draw(st.lists(st.integers(LANE, LANE + len(lane)), min_size=1, max_size=4))
    return [{number: entry for number, entry in lane.items() if number <= until} for until in reached]


@st.composite
def forged(draw: st.DrawFn) -> dict[int, Entry]:
    """What a node makes up: under numbers and times of its choice, also such as others really told."""
    count = draw(st.integers(0, 12))
    numbers = draw(st.lists(st.integers(0, LANE + 20), min_size=count, max_size=count, unique=True))
    return {number: said(number, draw(st.integers(0, 3_000)), draw(words)) for number in numbers}


def closed_after(made: Plan) -> set[tuple[str, str]]:
    """What is closed once the plan was carried out."""
    return {(step.operation, step.id) for step in made.steps}


def allows(networks: Sequence[str] | None, address: str) -> bool:
    """Whether a call from there is let in."""
    if networks is None:
        return True
    call = ipaddress.ip_address(address)
    return any(call in ipaddress.ip_network(one) for one in networks)


def last_words(entries: Mapping[int, Entry], closes: str, identifier: str) -> list[str]:
    """What one node told of a thing, in order."""
    ours = {closes, CLOSES[closes]}
    return [
        one["operation"] for _, one in sorted(entries.items()) if one["operation"] in ours and one["id"] == identifier
    ]


@given(honest(), forged(), st.booleans())
@settings(max_examples=300)
def test_nothing_is_open_that_an_honest_node_told_closed_and_not_opened_again(
    true: list[dict[int, Entry]], lie: dict[int, Entry], liar_first: bool
) -> None:
    tellers = [teller(f"honest-{number}", entries) for number, entries in enumerate(true)]
    liar = teller("liar", lie)
    made = plan([liar, *tellers] if liar_first else [*tellers, liar], database())
    closed = closed_after(made)
    for closes, identifier in THINGS:
        for entries in true:
            if last_words(entries, closes, identifier)[-1:] == [closes]:
                assert (closes, identifier) in closed
    for entries in true:
        narrowed = [one["networks"] for _, one in sorted(entries.items()) if one["operation"] == "narrow_networks"]
        if not narrowed or ("disable_key", KID) in closed:
            continue
        allowed = next(step.networks for step in made.steps if step.operation == "narrow_networks")
        for address in ("10.1.2.3", "10.1.9.9", "10.9.9.9", "192.0.2.1", "198.51.100.1", "2001:db8::1"):
            assert allows(narrowed[-1], address) or not allows(allowed, address)


@given(honest())
@settings(max_examples=200)
def test_what_all_that_tell_opened_again_is_left_open(true: list[dict[int, Entry]]) -> None:
    made = plan([teller(f"honest-{number}", entries) for number, entries in enumerate(true)], database())
    closed = closed_after(made)
    for closes, identifier in THINGS:
        told = [last_words(entries, closes, identifier) for entries in true]
        if all(words[-1:] != [closes] for words in told) and identifier != KID:
            assert (closes, identifier) not in closed


def test_an_opening_that_one_node_alone_tells_is_listed_and_left_closed() -> None:
    closing = {11: said(11, 1, ("disable_key", KID))}
    opened = {**closing, 12: said(12, 2, ("enable_key", KID))}
    made = plan([teller("behind", closing), teller("ahead", opened)], database())
    assert [(step.operation, step.id, step.told_by) for step in made.steps] == [("disable_key", KID, ("behind",))]
    assert [(step.operation, step.told_by) for step in made.left_closed] == [("enable_key", ("ahead",))]


def test_who_told_something_is_named_and_not_who_told_another_thing_under_that_number() -> None:
    true = {11: said(11, 1, ("suspend_partner", PARTNER))}
    lie = {11: said(11, 9, ("disable_key", KID))}
    made = plan([teller("honest", true), teller("liar", lie)], database())
    assert {step.operation: step.told_by for step in made.steps} == {
        "suspend_partner": ("honest",),
        "disable_key": ("liar",),
    }


@pytest.mark.parametrize("networks", [["no network"], ["10.0.0.1/8"], 5, None, {}, ["0.0.0.0/0"] * 5_000, "10.0.0.0/8"])
def test_networks_that_can_t_be_read_close_the_key_and_stop_nothing(networks: Any) -> None:
    lie = {11: {**said(11, 1, ("narrow_networks", KID, [])), "networks": networks}}
    true = {12: said(12, 2, ("disable_key", OTHER_KID))}
    made = plan([teller("liar", lie), teller("honest", true)], database())
    assert closed_after(made) == {("disable_key", KID), ("disable_key", OTHER_KID)}


def test_of_a_key_that_is_revoked_nothing_more_is_closed() -> None:
    entries = {11: said(11, 1, ("disable_key", KID)), 12: said(12, 2, ("narrow_networks", KID, ["10.0.0.0/8"]))}
    made = plan([teller("edge", entries, dead=frozenset({KID}))], database())
    assert closed_after(made) == {("revoke_key", KID)}


def test_numbers_that_no_deployment_reaches_do_not_use_up_those_of_the_new_history() -> None:
    far = {2**62 - 1: said(2**62 - 1, 1, ("disable_key", KID))}
    made = plan([teller("liar", far, revision=2**62 - 1), teller("honest", {})], database())
    assert (made.base, made.security) == (REVISION + 50, LANE)
    near = {LANE + MOST_REVISIONS: said(LANE + MOST_REVISIONS, 1, ("disable_key", KID))}
    made = plan([teller("edge", near, revision=REVISION + MOST_REVISIONS)], database())
    assert (made.base, made.security) == (REVISION + MOST_REVISIONS, LANE + MOST_REVISIONS)
