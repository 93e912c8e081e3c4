"""Ports: free, or answered by the part of ours that belongs there."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator

from portazgo.care.finding import Finding, skipped, well, wrong
from portazgo.care.surroundings import Surroundings, address_of
from portazgo.kit.http import Answer

CONNECT_SECONDS = 2.0


def gateway_port(around: Surroundings) -> Iterator[Finding]:
    """Does the gateway listen where partners call, or nobody?"""
    place = f"http://{around.settings.gateway_listen.reachable}"
    yield from _port(around, place, around.gateway, _is_gateway, "the gateway", "PORTAZGO_GATEWAY_PORT")


def control_port(around: Surroundings) -> Iterator[Finding]:
    """Does the control plane listen where its settings say, or nobody?"""
    place = f"http://{around.settings.control_listen.reachable}"
    if place != around.settings.control_url:
        yield skipped(f"the control plane is elsewhere: {around.settings.control_url}")
        return
    yield from _port(around, place, around.control, _is_control, "the control plane", "PORTAZGO_CONTROL_PORT")


def internal_port(around: Surroundings) -> Iterator[Finding]:
    """Does the internal listener answer where nodes look for it, or nobody?"""
    yield from _port(
        around, around.internal_url, around.internal, _is_internal, "the internal listener", "PORTAZGO_INTERNAL_LISTEN"
    )


def admin_port(around: Surroundings) -> Iterator[Finding]:
    """Does this machine's node tell of itself where its settings say, or nobody?"""
    yield from _port(around, around.admin_url, around.node, _is_node, "the node's health", "PORTAZGO_ADMIN_LISTEN")


def _port(
    around: Surroundings, place: str, answer: Answer | None, ours: Callable[[Answer], bool], name: str, variable: str
) -> Iterator[Finding]:
    if answer is not None and ours(answer):
        yield well(f"{name} answers at {place}")
    elif answer is not None or _listens(place):
        yield wrong(f"something else than {name} listens at {place}", f"stop it, or choose another with {variable}")
    elif around.instance is not None:
        yield wrong(
            f"`portazgo up` runs (process {around.instance.pid}), and nothing listens at {place}",
            "it may be starting: look again; else its log says why",
        )
    else:
        yield skipped(f"nothing listens at {place}")


def _listens(place: str) -> bool:
    try:
        with socket.create_connection(address_of(place), CONNECT_SECONDS):
            return True
    except OSError:
        return False


def _is_gateway(answer: Answer) -> bool:
    return "x-request-id" in answer.headers and ("keys" in _json(answer) or "blame" in _json(answer))


def _is_control(answer: Answer) -> bool:
    return "checks" in _json(answer)


def _is_internal(answer: Answer) -> bool:
    return "X-Portazgo-Time" in answer.headers


def _is_node(answer: Answer) -> bool:
    return "ready" in _json(answer)


def _json(answer: Answer) -> dict[str, object]:
    try:
        document = json.loads(answer.body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
