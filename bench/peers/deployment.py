"""A deployment for the benchmark, as a snapshot file: keys of many applications, one backend, routes that pass all through.

The keys are made by Portazgo's own functions and written beside the snapshot, so that every contender knows the same ones.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    known = keys[: variant.keys]
    write_files(folder, _resources(known, variant, target, wrapper), known)
    _write_certificate(folder)


def write_files(folder: Path, resources: Iterable[Resource], keys: Iterable[Issued]) -> None:
    """Write the snapshot, and the keys as their owners hold them."""
    count = 0
    with (folder / SNAPSHOT_FILE).open("w") as file:
        file.write(snapshot_head(str(uuid7()), 1, NO_HASH) + "\n")
        for one in resources:
            file.write(canonical(one.document()) + "\n")
            count += 1
        file.write(last_line(count) + "\n")
    (folder / KEYS_FILE).write_text("".join(f"{key.whole}\n" for key in keys))


def _resources(keys: Sequence[Issued], variant: Variant, target: str, wrapper: LocalWrapper) -> Iterator[Resource]:
    api, plan_id, backend_id, issuer = (str(uuid7()) for _ in range(4))
    applications = []
    owner = ""
    for number in range(APPLICATIONS):
        if number % APPLICATIONS_PER_PARTNER == 0:
            owner = str(uuid7())
            yield partner(owner, f"company-{number}")
        applications.append(str(uuid7()))
        yield application(applications[-1], f"integration-{number}", owner, plan_id)
    for number, one in enumerate(keys):
        yield key(one, applications[number % APPLICATIONS])
    yield pepper(wrapper)
    yield from _issuer(issuer, wrapper)
    yield plan(plan_id, api, THROTTLES if variant.throttles else ())
    yield backend(backend_id, "orders", target, _credential(issuer) if variant.credential else None)
    for method in ("GET", "POST"):
        yield route(api, backend_id, {"name": method.lower(), "method": method, "path": PATH, "backend_path": PATH})


def partner(identifier: str, name: str) -> Resource:
    """Give a company."""
    return resource("partner", identifier, {"name": name, "status": "active", "metadata": {}})


def application(identifier: str, name: str, owner: str, on_plan: str) -> Resource:
    """Give an integration of a company's, on a plan."""
    body = {"name": name, "partner": owner, "environment": "live", "status": "active"}
    return resource("application", identifier, {**body, "plan": on_plan, "metadata": {}})


def key(issued: Issued, owner: str) -> Resource:
    """Give an application's key, which opens all that the plan does."""
    secrets = [{"slot": "current", "digest": issued.digest, "pepper": 1, "ends_at_us": None}]
    body = {
        "application": owner,
        "status": "active",
        "name": "server",
        "secrets": secrets,
        "expires_at_us": None,
        "scopes": None,
        "networks": None,
    }
    return resource("key", issued.kid, body)


def pepper(wrapper: LocalWrapper) -> Resource:
    """Give what the digests of the keys are keyed with."""
    return resource("pepper", "1", {"wrapped": wrapper.wrap("pepper/1", PEPPER)})


def plan(identifier: str, api: str, throttles: Iterable[Mapping[str, Any]] = ()) -> Resource:
    """Give a plan that opens an API."""
    return resource("plan", identifier, {"name": "basic", "apis": [api], "scopes": None, "throttles": list(throttles)})


def _issuer(identifier: str, wrapper: LocalWrapper) -> Iterator[Resource]:
    pair = generate(Algorithm.ES256)
    wrapped = wrapper.wrap(f"signing_key/{pair.kid}", pair.private)
    yield resource("issuer", identifier, {"url": "https://gate.example", "name": "main"})
    body = {"issuer": identifier, "algorithm": Algorithm.ES256.value, "wrapped": wrapped, "state": "signing"}
    yield resource("signing_key", pair.kid, {**body, "public_jwk": pair.public_jwk})


def _credential(issuer: str) -> dict[str, Any]:
    claims = {"partner": "{partner.name}", "environment": "{application.environment}"}
    minted = {"kind": "mint", "issuer": issuer, "audience": "orders", "algorithm": Algorithm.ES256.value}
    return {**minted, "life_seconds": 300, "claims": claims}


def backend(identifier: str, name: str, target: str, credential: Mapping[str, Any] | None = None) -> Resource:
    """Give a backend, whose calls carry a token where there is a credential."""
    live = {"targets": [target], "timeouts": TIMEOUTS, "credential": credential or {"kind": "none"}}
    return resource("backend", identifier, {"name": name, "environments": {"live": live}})


def route(api: str, to: str, where: Mapping[str, str], identifier: str | None = None, **more: Any) -> Resource:
    """Give a route that passes all through, by default: `where` has its name, method, path and backend_path."""
    body = {
        "api": api,
        "api_name": "orders",
        "hosts": None,
        **where,
        "backend": to,
        "backend_method": where["method"],
        "environments": ["live"],
        "scopes": [],
        "passthrough": True,
        "max_request_bytes": 1 << 20,
        "max_response_bytes": None,
        "query": "all",
        "request_headers": [],
        "response_headers": [],
        **more,
    }
    return resource("route", identifier or str(uuid7()), body)


def resource(kind: Kind, identifier: str, body: Mapping[str, Any], requires: Sequence[str] = ()) -> Resource:
    """Give a line of the snapshot."""
    return Resource(kind, identifier, tuple(requires), body)


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
