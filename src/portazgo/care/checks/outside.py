"""What lies outside: backends' targets, and where backends find the keys that verify our tokens."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from portazgo.care.checks.plane import NOT_ASKED
from portazgo.care.finding import Finding, count, skipped, well, wrong
from portazgo.care.surroundings import OK, Surroundings, address_of, ask

CONNECT_SECONDS = 3.0
AT_ONCE = 8
JWKS = "/.well-known/jwks.json"


def backends(around: Surroundings) -> Iterator[Finding]:
    """Can every target be connected to from here?"""
    if around.admin is None:
        yield skipped(NOT_ASKED)
        return
    targets: dict[str, str] = {}
    for backend in around.admin.pages("/backends"):
        for name, environment in backend["environments"].items():
            for target in (environment or {}).get("targets", ()):
                targets.setdefault(target, f"{backend['name']} ({name})")
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for (target, whose), trouble in zip(targets.items(), threads.map(_connect, targets), strict=True):
            if trouble is None:
                yield well(f"{target} of {whose} takes connections")
            else:
                yield wrong(f"{target} of {whose} can't be connected to ({trouble})", "start it, or correct the target")
    if not targets:
        yield skipped("there are none yet")


def _connect(target: str) -> str | None:
    try:
        if target.startswith("unix:"):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as local:
                local.settimeout(CONNECT_SECONDS)
                local.connect(target.removeprefix("unix:"))
                return None
        with socket.create_connection(address_of(target), CONNECT_SECONDS):
            return None
    except OSError as problem:
        return problem.strerror or str(problem) or type(problem).__name__


def issuers(around: Surroundings) -> Iterator[Finding]:
    """Are the keys that verify our tokens found at the URL that the tokens name?"""
    if around.admin is None:
        yield skipped(NOT_ASKED)
        return
    keys = [key for key in around.admin.pages("/signing-keys") if key["state"] != "withdrawn"]
    for issuer in around.admin.pages("/issuers"):
        yield _issuer(str(issuer["url"]), {key["kid"] for key in keys if key["issuer"] == issuer["id"]})


def _issuer(url: str, wanted: set[str]) -> Finding:
    answer = ask(url, JWKS)
    if answer is None or answer.status != OK:
        said = "nothing answers" if answer is None else f"the answer is {answer.status}"
        return wrong(
            f"{url}{JWKS} can't be had from here ({said}): backends that look there refuse every token",
            "see that the control plane or a node is reached at that address",
        )
    missing = wanted - _kids(answer.body)
    if missing:
        return wrong(
            f"{url}{JWKS} lacks {count(len(missing), 'key')} of ours: it is another deployment's, or a cache's",
            "see that the control plane or a node is reached at that address",
        )
    return well(f"{url}{JWKS} shows {count(len(wanted), 'key')}")


def _kids(body: bytes) -> set[str]:
    try:
        keys: Iterable[dict[str, object]] = json.loads(body)["keys"]
        return {str(key["kid"]) for key in keys}
    except (ValueError, KeyError, TypeError):
        return set()
