"""How targets may be called: what we accept is what nodes accept, and what can't work with the targets is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest

from portazgo import _native
from portazgo.backends.domain import TARGETS_AT_MOST, UNIX_PATH_BYTES, check_target, check_targets
from portazgo.backends.forwarding import BOUNDS, CHECK, WEIGHTS, complete, contradictions, settled
from portazgo.keys.domain import check_certificates
from portazgo.snapshot.compile import canonical, chain, changes_head, page_of_changes, with_hash
from portazgo.snapshot.wire import NO_HASH, Resource

ID = "01a20e60-e200-7018-af02-628cc3d9f17f"
HISTORY = "01a20e60-e200-7018-af02-628cc3d9f180"
TWO = ["http://a:1", "http://b:1"]
# A node takes any cap that fits its type; ours is what an operator can mean.
OURS_ALONE = {("pool", "connections")}


def node_refuses(kind: Any, body: dict[str, Any], *features: str) -> str | None:
    """What a node says against a resource; None: nothing."""
    document = {"revision": 1, "put": [Resource(kind, ID, features, body).document()], "delete": []}
    line = canonical(document)
    hashed = chain(NO_HASH, line)
    page = page_of_changes(changes_head(HISTORY, 0, 1, hashed), [with_hash(line, hashed)])
    try:
        _native.validate(page, changes=True)
    except ValueError as problem:
        return str(problem)
    return None


def refused(targets: list[str], forwarding: dict[str, Any] | None) -> str | None:
    timeouts = {"connect_ms": 1, "first_byte_ms": 1, "idle_ms": 1, "total_ms": 1}
    live = {"targets": targets, "timeouts": timeouts, "credential": {"kind": "none"}, "forwarding": forwarding}
    body = {"name": "shop", "environments": {"live": live}}
    return node_refuses("backend", body, "backend.http1.1", "backend.forwarding.1", "credential.none.1")


def edges() -> Iterator[tuple[str, str, int, bool]]:
    """Each bound, and what lies just beyond it."""
    for policy, members in BOUNDS.items():
        for member, bounds in members.items():
            beyond = [] if (policy, member) in OURS_ALONE else [bounds.stop]
            for value in [bounds.start, bounds.stop - 1, *beyond, *([bounds.start - 1] if bounds.start else [])]:
                yield policy, member, value, value in bounds


@pytest.mark.parametrize(("policy", "member", "value", "fits"), list(edges()))
def test_a_node_draws_each_bound_where_we_do(policy: str, member: str, value: int, fits: bool) -> None:
    said = {**(asdict(CHECK) if policy == "check" else {}), member: value}
    if member == "first_ms":
        said["most_ms"] = max(value, 1)
    if member == "most_ms":
        said["first_ms"] = 1
    why = refused(TWO, {policy: said})
    assert (why is None) is fits, why
    assert fits or member.removesuffix("_ms") in str(why)


def test_a_node_takes_the_weights_that_we_take() -> None:
    for weight, fits in (
        (WEIGHTS.start - 1, False),
        (WEIGHTS.start, True),
        (WEIGHTS.stop - 1, True),
        (WEIGHTS.stop, False),
    ):
        assert (refused(TWO, {"weights": [1, weight]}) is None) is fits
    assert refused(TWO, {"weights": [1]}) is not None
    assert [pointer for pointer, _ in contradictions(TWO, {"weights": [1]})] == ["/weights"]


def test_a_node_takes_as_many_targets_and_sockets_as_long_as_we_take() -> None:
    most = [f"http://a{number}:1" for number in range(TARGETS_AT_MOST)]
    assert (check_targets(most), refused(most, None)) == (most, None)
    assert refused([*most, "http://b:1"], None) is not None
    longest = "unix:/" + "s" * (UNIX_PATH_BYTES - 1)
    assert (check_target(longest), refused([longest], None)) == (longest, None)
    assert refused([longest + "s"], None) is not None
    with pytest.raises(ValueError, match="at most 107 bytes"):
        check_target(longest + "s")


def test_every_whole_policy_of_ours_is_one_of_theirs() -> None:
    usual = complete(None, 2)
    assert refused(TWO, usual) is None
    assert refused(TWO, {**usual, "check": asdict(CHECK), "breaker": {}}) is None
    # What we leave out means for a node what it means for us: all said or nothing said is the same to it.
    assert set(usual) == {"weights", "balance", "http2", "pool", "ejection", "check", "breaker", "retry", "dns"}


def test_what_is_as_usual_is_left_out_and_no_ejection_is_something() -> None:
    assert settled(None) is None
    assert settled({}) is None
    assert settled({name: value for name, value in complete(None, 2).items() if name != "ejection"}) is None
    assert settled({"ejection": None, "balance": "round_robin"}) == {"ejection": None}
    kept = {"pool": {**complete(None, 1)["pool"], "waiting": 0}, "balance": "least_in_flight"}
    assert settled({**kept, "check": None}) == kept


def test_ejection_is_on_where_there_are_several_targets() -> None:
    assert complete(None, 1)["ejection"] is None
    assert complete({}, 2)["ejection"] == {"failures": 5, "first_ms": 10_000, "most_ms": 300_000, "most_percent": 50}
    assert complete({"ejection": None}, 2)["ejection"] is None


@pytest.mark.parametrize(
    ("targets", "said", "pointers"),
    [
        (TWO, {"weights": [1, 2, 3]}, ["/weights"]),
        (TWO, {"ejection": {"first_ms": 2, "most_ms": 1}}, ["/ejection/most_ms"]),
        (TWO, {"ejection": None}, []),
        (TWO, {"http2": "alpn"}, ["/http2"]),
        (TWO, {"http2": "prior_knowledge"}, []),
        ([*TWO, "https://c:1"], {"http2": "alpn"}, []),
        (TWO, None, []),
    ],
)
def test_what_can_not_work_together_is_told(
    targets: list[str], said: dict[str, Any] | None, pointers: list[str]
) -> None:
    assert [pointer for pointer, _ in contradictions(targets, said)] == pointers
    # A node draws the line where we do.
    assert (refused(targets, said) is not None) is bool(pointers)


def test_fingerprints_have_one_spelling() -> None:
    plain = "ab" * 32
    colons = ":".join(["AB"] * 32)
    assert check_certificates([colons, plain, plain.upper(), "0" * 64]) == [plain, "0" * 64]
    for text in ("", "ab" * 31, plain + "a", colons[:-1], "g" * 64, f"{plain}\n", "ab:" * 16 + "ab" * 16):
        with pytest.raises(ValueError, match="is no fingerprint"):
            check_certificates([text])
    for several in ([], [f"{number:064x}" for number in range(6)]):
        with pytest.raises(ValueError, match="1 to 5 client certificates"):
            check_certificates(several)
