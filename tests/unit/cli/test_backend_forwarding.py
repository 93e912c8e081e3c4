"""What the options of forwarding come to, and how a backend with it is shown."""

from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner

from portazgo.cli.backend_environment import for_test, says_something
from portazgo.cli.backend_forwarding import for_people, forwarding_options, forwarding_with
from portazgo.cli.output import show_one
from portazgo.cli.route import for_people as route_for_people


def after(before: dict[str, Any] | None, *words: str) -> Any:
    """What an environment's forwarding is after these options."""
    found: list[Any] = []

    @click.command()
    @forwarding_options
    def command(**wanted: Any) -> None:
        found.append(forwarding_with(before, wanted))
        found.append(says_something(wanted))

    done = CliRunner().invoke(command, list(words), standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    assert found[1] is bool(words)
    return found[0]


def test_what_is_not_said_stays_and_what_is_said_is_put_beside_it() -> None:
    assert after(None) is None
    before = {"pool": {"connections": 8, "waiting": 5}, "ejection": None}
    assert after(before) == before
    assert after(before, "--max-connections", "any", "--max-wait", "250ms") == {
        "pool": {"connections": None, "waiting": 5, "wait_ms": 250},
        "ejection": None,
    }
    assert after(before, "--eject-after", "2") == {**before, "ejection": {"failures": 2}}
    assert after(before, "--usual-forwarding") is None
    assert after(before, "--usual-forwarding", "--balance", "least_in_flight") == {"balance": "least_in_flight"}
    assert after(before, "--http2", "prior_knowledge") == {**before, "http2": "prior_knowledge"}
    assert after({"http2": "alpn"}, "--http2", "off") == {"http2": "off"}


def test_each_policy_is_switched_on_and_off() -> None:
    assert after(None, "--check-path", "/health", "--check-interval", "1s") == {
        "check": {"path": "/health", "interval_ms": 1_000}
    }
    assert after({"check": {"path": "/health"}}, "--check-healthy", "1") == {"check": {"path": "/health", "healthy": 1}}
    assert after({"check": {"path": "/health"}}, "--no-check") == {"check": None}
    with pytest.raises(click.UsageError, match="--check-path"):
        after(None, "--check-interval", "1s")
    assert after(None, "--breaker") == {"breaker": {}}
    assert after(None, "--breaker-open", "1m") == {"breaker": {"open_ms": 60_000}}
    assert after({"breaker": {"open_ms": 1}}, "--no-breaker") == {"breaker": None}
    assert after(None, "--no-ejection", "--weight", "3", "--weight", "1") == {"ejection": None, "weights": [3, 1]}
    assert after(None, "--dns-ttl", "1m", "--retry-percent", "0") == {
        "dns": {"most_ttl_seconds": 60},
        "retry": {"budget_percent": 0},
    }


def test_weights_are_taken_away_again() -> None:
    assert after({"weights": [3, 1], "ejection": None}, "--no-weights") == {"weights": None, "ejection": None}


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--breaker", "--no-breaker"), "--no-breaker and --breaker"),
        (("--no-breaker", "--breaker-open", "1m"), "--no-breaker and --breaker-open"),
        (("--no-check", "--check-path", "/health"), "--no-check and --check-path"),
        (("--eject-after", "2", "--no-ejection"), "--no-ejection and --eject-after"),
        (("--weight", "3", "--no-weights"), "--no-weights and --weight"),
    ],
)
def test_options_that_contradict_each_other_are_refused(words: tuple[str, ...], named: str) -> None:
    with pytest.raises(click.UsageError, match=f"^{named} contradict each other: give one of them$"):
        after(None, *words)


def test_other_targets_for_test_have_no_weights_of_live_ones() -> None:
    live = {"targets": ["http://a:1", "http://b:1"], "forwarding": {"weights": [1, 2], "ejection": None}}
    assert for_test(live, ["http://c:1"]) == {"targets": ["http://c:1"], "forwarding": {"ejection": None}}
    assert for_test({"targets": ["http://a:1"]}, ["http://c:1"])["forwarding"] is None


def test_a_backend_is_shown_with_times_as_people_write_them(capsys: pytest.CaptureFixture[str]) -> None:
    forwarding = {
        "weights": [3, 1],
        "pool": {"connections": None, "waiting": 0, "wait_ms": 0, "idle_ms": 1_500},
        "ejection": None,
        "dns": {"most_ttl_seconds": 60},
    }
    live = {"targets": ["unix:/run/a", "http://b:1"], "forwarding": forwarding}
    show_one(for_people({"name": "shop", "environments": {"live": live, "test": {"targets": ["http://c:1"]}}}), "table")
    lines = [line.split("  ", 1) for line in capsys.readouterr().out.splitlines()]
    assert [[name, text.strip()] for name, text in lines] == [
        ["name", "shop"],
        ["live targets", "unix:/run/a, http://b:1"],
        ["live weights", "3, 1"],
        ["live pool", "connections=any, waiting=0, wait=0s, idle=1500ms"],
        ["live ejection", "off"],
        ["live dns", "most_ttl=1m"],
        ["test targets", "http://c:1"],
    ]


def test_a_route_is_shown_with_times_as_people_write_them() -> None:
    assert route_for_people({"timeouts": {"first_byte_ms": 250, "total_ms": None}}) == {
        "timeouts": {"first_byte": "250ms", "total": "none"}
    }
    assert route_for_people({"timeouts": None}) == {"timeouts": {}}
