"""Who takes part, how each is started, and what of a gateway's duties it does.

A contender gets an empty folder, a port of its own, the origin's port and the file of keys. What it claims to do is proven
by `parity.py` before anything is timed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from peers import deployment, envoy
from peers.build import PEERS, Tools
from peers.deployment import KEYS_FILE, MANY, MASTER_KEY, SNAPSHOT_FILE, Variant
from peers.load import Load

CONFIGURATIONS = PEERS / "configurations"
BEARER = "x" * 400
ALL_KEYS = Load()
ONE_KEY = Load(requests=1)
ALL_DUTIES = Variant()
# 32 requests at a time, each way.
ONE_BY_ONE = ("-c32", "-m1", "--h1")
MULTIPLEXED = ("-c4", "-m8")


@dataclass(frozen=True, slots=True)
class Place:
    """What a contender gets."""

    folder: Path
    port: int
    admin_port: int
    origin_port: int
    data: Path
    """Where the deployment is: the keys, and Portazgo's snapshot."""
    tools: Tools

    @property
    def keys(self) -> Path:
        """The keys, one a line."""
        return self.data / KEYS_FILE


@dataclass(frozen=True, slots=True)
class Start:
    """What is run, and with what beside the environment."""

    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contender:
    """One row of the results."""

    name: str
    does: str
    start: Callable[[Place], Start]
    checks_keys: bool = True
    load: Load = ALL_KEYS
    variant: Variant = ALL_DUTIES
    warm_seconds: float = 1.0


def all_contenders() -> list[Contender]:
    """List them, cheapest duties first."""
    bare = [
        Contender("byte pump", "passes bytes, reads none of them", _pump, checks_keys=False),
        Contender("nginx", "reverse proxy", _nginx("nginx.conf"), checks_keys=False),
        Contender("HAProxy", "reverse proxy", _haproxy, checks_keys=False),
        Contender("hyper", "reverse proxy on hyper 1.x (h1p)", _h1p("bare"), checks_keys=False),
        Contender("Envoy", "router", _envoy_bare, checks_keys=False),
    ]
    policy = [
        Contender(
            "nginx, policy",
            "clear keys in a map, rate per key, bearer, traceparent, buffered log",
            _nginx("nginx_policy.conf"),
        ),
        Contender(
            "hyper, policy",
            "HMAC of keys, rate per key, bearer per key, traceparent, synced record, two timeouts (h1p)",
            _h1p("policy"),
        ),
        Contender(
            "Envoy, policy",
            "clear keys, local rate per key, bearer, request id, JSON log",
            _envoy_own,
            warm_seconds=2.0,
        ),
        Contender("Envoy, module", "SHA-256 of keys, call count, bearer (our Rust module)", _envoy_module),
    ]
    return [*bare, *policy, *portazgos()]


def portazgos() -> list[Contender]:
    """List Portazgo alone, in each of its rows."""

    def portazgo(name: str, does: str, load: Load, variant: Variant = ALL_DUTIES) -> Contender:
        warm = 4.0 if variant.keys == MANY else 1.0
        return Contender(name, does, _portazgo(tls=load.tls), load=load, variant=variant, warm_seconds=warm)

    return [
        portazgo("Portazgo", "all duties", ALL_KEYS),
        portazgo("Portazgo, no throttles", "a plan without throttles", ALL_KEYS, Variant(throttles=False)),
        portazgo("Portazgo, no credential", "a backend without JWT", ALL_KEYS, Variant(credential=False)),
        portazgo("Portazgo, one key", "all duties, one key in play", ONE_KEY),
        portazgo("Portazgo, POST", "all duties, 1 KB to the backend", Load(body_bytes=1024)),
        portazgo("Portazgo, 1,000,000 keys", "200,000 of them in play", Load(requests=200_000), Variant(keys=MANY)),
        portazgo("Portazgo, h2load HTTP/1.1", "32 connections", Load(h2load=ONE_BY_ONE)),
        portazgo("Portazgo, h2load HTTP/1.1 TLS", "32 connections", Load(h2load=ONE_BY_ONE, tls=True)),
        portazgo("Portazgo, h2load HTTP/2", "4 connections with 8 streams", Load(h2load=MULTIPLEXED)),
        portazgo("Portazgo, h2load HTTP/2 TLS", "4 connections with 8 streams", Load(h2load=MULTIPLEXED, tls=True)),
    ]


def _pump(place: Place) -> Start:
    return Start([str(place.tools.pump), str(place.port), str(place.origin_port)])


def _nginx(configuration: str) -> Callable[[Place], Start]:
    def start(place: Place) -> Start:
        # Clear keys: nginx has no digest to look up by.
        keys = place.keys.read_text().split()
        callers = "".join(f'"{key}" c{number};\n' for number, key in enumerate(keys))
        (place.folder / "keys.map").write_text(callers)
        path = _configured(place, configuration)
        return Start(["nginx", "-p", str(place.folder), "-e", str(place.folder / "error.log"), "-c", str(path)])

    return start


def _haproxy(place: Place) -> Start:
    return Start(["haproxy", "-db", "-f", str(_configured(place, "haproxy.cfg"))])


def _h1p(duties: str) -> Callable[[Place], Start]:
    def start(place: Place) -> Start:
        files = [str(place.keys), str(place.folder / "usage.bin")] if duties == "policy" else []
        return Start([str(place.tools.h1p), str(place.port), f"127.0.0.1:{place.origin_port}", duties, *files])

    return start


def _envoy_bare(place: Place) -> Start:
    return _envoy(place, envoy.configuration(place.port, place.origin_port))


def _envoy_own(place: Place) -> Start:
    filters = envoy.own_policy(place.keys.read_text().split())
    log = place.folder / "access.log"
    return _envoy(place, envoy.configuration(place.port, place.origin_port, filters, log))


def _envoy_module(place: Place) -> Start:
    return _envoy(place, envoy.configuration(place.port, place.origin_port, envoy.module()))


def _envoy(place: Place, configuration: str) -> Start:
    path = place.folder / "envoy.json"
    path.write_text(configuration)
    environment = {"ENVOY_DYNAMIC_MODULES_SEARCH_PATH": str(place.tools.envoy_modules), "KEYS": str(place.keys)}
    one_worker = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
    return Start([str(place.tools.envoy), *one_worker, "--config-path", str(path)], environment)


def _portazgo(*, tls: bool) -> Callable[[Place], Start]:
    def start(place: Place) -> Start:
        data = place.folder / "data"
        data.mkdir()
        shutil.copy(place.data / MASTER_KEY, data / MASTER_KEY)
        environment = {
            "PYTHONPATH": str(place.tools.portazgo),
            "PORTAZGO_DATA_DIR": str(data),
            "PORTAZGO_GATEWAY_LISTEN": f"127.0.0.1:{place.port}",
            "PORTAZGO_ADMIN_LISTEN": f"127.0.0.1:{place.admin_port}",
            "PORTAZGO_THREADS": "1",
            # Huge pages, as in production; no control plane, so no lease.
            "PORTAZGO_PROFILE": "production",
            "PORTAZGO_REVOCATION_MAX_STALENESS": "off",
            "PORTAZGO_DRAIN_WAIT": "0s",
        }
        if tls:
            pair = f"{place.data / deployment.CERTIFICATE}:{place.data / deployment.CERTIFICATE_KEY}"
            environment["PORTAZGO_GATEWAY_TLS_CERTIFICATES"] = pair
        command = [str(place.tools.python), "-m", "portazgo", "gateway", "--snapshot", str(place.data / SNAPSHOT_FILE)]
        return Start(command, environment)

    return start


def _configured(place: Place, name: str) -> Path:
    text = (CONFIGURATIONS / name).read_text()
    members = {"PORT": place.port, "ORIGIN_PORT": place.origin_port, "FOLDER": place.folder, "BEARER": BEARER}
    for member, value in members.items():
        text = text.replace(f"@{member}@", str(value))
    path = place.folder / name
    path.write_text(text)
    return path
