"""Reads server-sent events (HTML Living Standard, section 9.2), and comes again where they broke off."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from portazgo.client.admin import BASE, AdminClient, Answered, Document
from portazgo.kit.http import Unreachable

SILENCE_SECONDS = 20.0
"""The control plane shows every 2 s that it is there."""
PAUSE_SECONDS = 1.0
_TYPE = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Event:
    """One event; without data it only says where one is."""

    name: str
    data: str
    id: str | None


def events(chunks: Iterator[bytes]) -> Iterator[Event]:
    """Read events out of a stream's bytes."""
    rest = b""
    name, data, identifier = "message", list[str](), None
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            member, _, value = line.decode("utf-8", "replace").rstrip("\r").partition(":")
            value = value.removeprefix(" ")
            match member:
                case "event":
                    name = value
                case "data":
                    data.append(value)
                case "id":
                    identifier = value
                case "" if not line.strip():
                    yield Event(name, "\n".join(data), identifier)
                    name, data = "message", []


def follow(
    client: AdminClient,
    path: str,
    query: Mapping[str, object],
    *,
    away: Callable[[], None],
    back: Callable[[], None],
) -> Iterator[tuple[str, Document]]:
    """Give events for ever, each with its name: what broke off goes on after the last one. Raises Answered.

    `away` is called when the control plane is not there any more, `back` when it is again.
    """
    last: str | None = None
    missed = False
    while True:
        try:
            with client.stream(BASE + path, query, _headers(last), silence_seconds=SILENCE_SECONDS) as chunks:
                if missed:
                    back()
                missed = False
                for event in events(chunks):
                    last = event.id if event.id is not None else last
                    if event.data:
                        yield event.name, json.loads(event.data)
        except Unreachable:
            missed = missed or _now(away)
        except Answered as problem:
            if last is None or problem.status != HTTPStatus.SERVICE_UNAVAILABLE:
                raise
            missed = missed or _now(away)
        time.sleep(PAUSE_SECONDS if missed else 0)


def _headers(last: str | None) -> dict[str, str]:
    return {"Accept": _TYPE, **({} if last is None else {"Last-Event-ID": last})}


def _now(tell: Callable[[], None]) -> Literal[True]:
    tell()
    return True
