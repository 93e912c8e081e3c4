"""Addresses of the backend: by which of them a version's program knows that a URL in an answer is the backend's own.

A version keeps those that the backend had when it was published, as it keeps all else. Backends move meanwhile: nodes are
given the present ones too (docs/decisions/0057-addresses-follow-the-backend.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from portazgo.backends.domain import targets_of
from portazgo.kit.targets import is_socket

_OF_SOCKETS = "http://localhost"
"""What a backend behind a Unix socket is told to be called."""


def addresses(environments: Mapping[str, Any]) -> tuple[str, ...]:
    """Give where a backend is called, in every environment, as its answers have it: `https://backend.example:8000`."""
    called = (_OF_SOCKETS if is_socket(target) else target for target in targets_of(environments))
    return tuple(dict.fromkeys(called))


def with_addresses(wire: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """Give a ROUTE (docs/programs.md) whose program knows these addresses, and those that it was compiled with.

    The earlier ones stay: a backend that moves may still write them, and no partner may read them.
    """
    now = list(known)
    return _with_prefixes(wire, lambda prefixes: list(dict.fromkeys([*now, *prefixes])))


def without_addresses(compiled: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a version keeps, without addresses: for comparing what was compiled at different times."""
    routes = {
        identifier: {**kept, "wire": _with_prefixes(kept["wire"], lambda _: [])}
        for identifier, kept in compiled["routes"].items()
    }
    return {**compiled, "routes": routes}


def _with_prefixes(wire: Mapping[str, Any], change: Callable[[list[str]], list[str]]) -> dict[str, Any]:
    program = wire["program"]
    if "urls" not in program:
        return dict(wire)
    urls = [{**one, "prefixes": change(one["prefixes"])} for one in program["urls"]]
    return {**wire, "program": {**program, "urls": urls}}
