"""A deployment for the benchmark, as a snapshot file: keys of many applications, one backend, routes that pass all through.

The keys are made by Portazgo's own functions and written beside the snapshot, so that every contender knows the same ones.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portazgo.keys.domain import PEPPER_BYTES, Kid, digest, format_key, inner, new_secret
from portazgo.kit.ids import BASE62, base62, uuid7
from portazgo.kit.secret import Secret
from portazgo.kit.wrapping.local import LocalWrapper
from portazgo.signing.algorithms import Algorithm
from portazgo.signing.keypairs import generate
from portazgo.snapshot.compile import canonical, last_line, snapshot_head
from portazgo.snapshot.wire import NO_HASH, Kind, Resource

APPLICATIONS = 1_000
APPLICATIONS_PER_PARTNER = 2
FEW, MANY = 10_000, 1_000_000
KEYS_FILE, SNAPSHOT_FILE, MASTER_KEY = "keys.txt", "snapshot.ndjson", "master.key"
CERTIFICATE, CERTIFICATE_KEY = "certificate.pem", "certificate.key"
PATH = "/v1/orders/{id}"
PEPPER = b"pepper of a benchmark".ljust(PEPPER_BYTES, b".")
TIMEOUTS = {"connect_ms": 2_000, "first_byte_ms": 10_000, "idle_ms": 10_000, "total_ms": 30_000}
# Decided for each call, and never what stops one.
THROTTLES = (
    {"name": "second", "per": "key", "quota": 1_000_000, "window_seconds": 1, "burst": None},
    {"name": "day", "per": "key", "quota": 100_000_000, "window_seconds": 86_400, "burst": None},
)


@dataclass(frozen=True, slots=True)
class Variant:
    """What of the duties a snapshot asks for."""

    keys: int = FEW
    throttles: bool = True
    credential: bool = True


@dataclass(frozen=True, slots=True)
class Issued:
    """A key: its public part, its digest, and the whole as its owner holds it."""

    kid: Kid
    digest: str
    whole: str


def issue_keys(count: int) -> list[Issued]:
    """Make keys. The first few have secrets of their own, drawn as Portazgo draws them.

    All others share one: drawing a million costs more than the benchmark, and nothing is looked up by secret.
    """
    shared = new_secret()
    return [_issue(number, new_secret() if number < FEW else shared) for number in range(count)]


def _issue(number: int, secret: Secret) -> Issued:
    # Kids are numbers with their digits stirred: kids of real keys differ everywhere.
    kid = Kid(base62(number * 2_654_435_761 % len(BASE62) ** 10, 10))
    return Issued(kid, digest(PEPPER, inner(secret)), format_key("ptz", "live", kid, secret))


def write(folder: Path, keys: Sequence[Issued], variant: Variant, target: str) -> None:
    """Write the snapshot, the keys and the key that opens its secrets into a folder."""
    folder.mkdir(parents=True)
    wrapper = LocalWrapper.open(folder / MASTER_KEY, create=True)
    count = 0
    with (folder / SNAPSHOT_FILE).open("w") as file:
        file.write(snapshot_head(str(uuid7()), 1, NO_HASH) + "\n")
        for resource in _resources(keys[: variant.keys], variant, target, wrapper):
            file.write(canonical(resource.document()) + "\n")
            count += 1
        file.write(last_line(count) + "\n")
    (folder / KEYS_FILE).write_text("".join(f"{key.whole}\n" for key in keys[: variant.keys]))
    _write_certificate(folder)


def _resources(keys: Sequence[Issued], variant: Variant, target: str, wrapper: LocalWrapper) -> Iterator[Resource]:
    api, plan, backend, issuer = (str(uuid7()) for _ in range(4))
    applications = []
    partner = ""
    for number in range(APPLICATIONS):
        if number % APPLICATIONS_PER_PARTNER == 0:
            partner = str(uuid7())
            yield _resource("partner", partner, {"name": f"company-{number}", "status": "active", "metadata": {}})
        applications.append(str(uuid7()))
        body = {"name": f"integration-{number}", "partner": partner, "environment": "live", "status": "active"}
        yield _resource("application", applications[-1], {**body, "plan": plan, "metadata": {}})
    for number, key in enumerate(keys):
        yield _key(key, applications[number % APPLICATIONS])
    yield _resource("pepper", "1", {"wrapped": wrapper.wrap("pepper/1", PEPPER)})
    yield from _issuer(issuer, wrapper)
    throttles = list(THROTTLES) if variant.throttles else []
    yield _resource("plan", plan, {"name": "basic", "apis": [api], "scopes": None, "throttles": throttles})
    yield _backend(backend, target, issuer if variant.credential else None)
    for method in ("GET", "POST"):
        yield _route(api, backend, method)


def _key(key: Issued, application: str) -> Resource:
    secrets = [{"slot": "current", "digest": key.digest, "pepper": 1, "ends_at_us": None}]
    body = {
        "application": application,
        "status": "active",
        "name": "server",
        "secrets": secrets,
        "expires_at_us": None,
        "scopes": None,
        "networks": None,
    }
    return _resource("key", key.kid, body)


def _issuer(identifier: str, wrapper: LocalWrapper) -> Iterator[Resource]:
    pair = generate(Algorithm.ES256)
    wrapped = wrapper.wrap(f"signing_key/{pair.kid}", pair.private)
    yield _resource("issuer", identifier, {"url": "https://gate.example", "name": "main"})
    body = {"issuer": identifier, "algorithm": Algorithm.ES256.value, "wrapped": wrapped, "state": "signing"}
    yield _resource("signing_key", pair.kid, {**body, "public_jwk": pair.public_jwk})


def _backend(identifier: str, target: str, issuer: str | None) -> Resource:
    credential: dict[str, Any] = {"kind": "none"}
    if issuer is not None:
        claims = {"partner": "{partner.name}", "environment": "{application.environment}"}
        credential = {"kind": "mint", "issuer": issuer, "audience": "orders", "algorithm": Algorithm.ES256.value}
        credential |= {"life_seconds": 300, "claims": claims}
    live = {"targets": [target], "timeouts": TIMEOUTS, "credential": credential}
    return _resource("backend", identifier, {"name": "orders", "environments": {"live": live}})


def _route(api: str, backend: str, method: str) -> Resource:
    body = {
        "api": api,
        "api_name": "orders",
        "name": method.lower(),
        "hosts": None,
        "method": method,
        "path": PATH,
        "backend": backend,
        "backend_method": method,
        "backend_path": PATH,
        "environments": ["live"],
        "scopes": [],
        "passthrough": True,
        "max_request_bytes": 1 << 20,
        "max_response_bytes": None,
        "query": "all",
        "request_headers": [],
        "response_headers": [],
    }
    return _resource("route", str(uuid7()), body)


def _resource(kind: Kind, identifier: str, body: Mapping[str, Any]) -> Resource:
    return Resource(kind, identifier, (), body)


def _write_certificate(folder: Path) -> None:
    key = (
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-keyout",
        str(folder / CERTIFICATE_KEY),
    )
    name = ("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost")
    command = ["openssl", "req", "-x509", *key, "-out", str(folder / CERTIFICATE), "-days", "30", *name]
    subprocess.run(command, check=True, capture_output=True)
    (folder / CERTIFICATE_KEY).chmod(0o600)
