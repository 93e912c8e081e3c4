"""Secrets of every kind are planted in a whole deployment; what it writes, answers, sends and shows is searched for them."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from http.client import HTTPConnection
from pathlib import Path

import psycopg
import pytest
from support.bare_gateway import Origin
from support.canaries import Canaries, decoded, every_answer, files_under, plant_wrapped, process_texts
from support.careless import (
    REQUEST_ID,
    Gossip,
    Secrets,
    calls,
    refused,
    say,
    say_over_http2,
    say_over_websocket,
    say_to_other_doors,
)
from support.command import portazgo
from support.deployment import PROJECT, Deployment
from support.group import descendants
from support.login_server import PASSWORD, LoginServer
from support.postgresql import PostgreSQLServer, newest_binaries
from support.webhook_receiver import WebhookReceiver

from portazgo.client.admin import Answered
from portazgo.keys.domain import Kid, format_key, inner
from portazgo.kit.http import JsonClient
from portazgo.kit.secret import Secret
from portazgo.kit.wrapping.local import LocalWrapper

IMPORTED = "NotARealKeyOfAnotherSystem-Canary01"
LOOPBACK = "127.0.0.0/8"
WRONG_PASSWORD = "canary-of-a-password-that-is-refused"
PROBLEM = b"application/problem+json"
OLD_PROGRAM = "a-program-that-uses-an-old-secret"
ON_PURPOSE = "on-purpose.log"
"""What the test itself writes, to see that it is found."""
LAKE_SECONDS = 60
EVENTS = ["key.created", "key.rotated", "key.revoked"]
# After these, writes fail half-way with secrets in hand, and records can't be kept: what is logged then is the crash report.
BREAKING = {
    "sqlite": [
        ("state", "ALTER TABLE key_secret RENAME TO key_secret_away"),
        ("state", "PRAGMA ignore_check_constraints=ON; UPDATE backend SET environments = '{'"),
        ("ledger", "ALTER TABLE usage_manifest RENAME TO usage_manifest_away"),
    ],
    "postgresql": [
        ("state", "ALTER TABLE key_secret RENAME TO key_secret_away"),
        ("state", "ALTER TABLE service_credential RENAME TO service_credential_away"),
        ("ledger", "ALTER TABLE usage_manifest RENAME TO usage_manifest_away"),
    ],
}


class Site:
    """A deployment with what holds secrets: keys, a login, a webhook, an import; and the canaries that name them."""

    def __init__(self, deployment: Deployment, stack: ExitStack) -> None:
        self.deployment, self.admin = deployment, deployment.admin
        self.canaries = Canaries()
        self.chosen = Canaries()
        """Texts of callers that records do hold: they show that the search finds what is in a sink."""
        self.told: dict[str, bytes] = {}
        """What partners, operators and receivers were answered or sent, by what it was."""
        self.logins = stack.enter_context(LoginServer())
        self.origin = stack.enter_context(Origin())
        self.receiver = stack.enter_context(WebhookReceiver())
        self.application = self.admin.get(f"/keys/{deployment.key['kid']}")["application"]
        self.internal = JsonClient(deployment.environment["PORTAZGO_INTERNAL_URL"], Secret(self._file("node-token")))
        self._webhook()
        self.key = self._keys()
        self._backends()
        self._careless(stack)
        self._import()
        self.canaries.plant("admin token", self._file("admin-token"), "admin-token")
        self.canaries.plant("node token", self._file("node-token"), "node-token")
        self.canaries.plant("master key", self._file("master.key").split()[1], "master.key", "backup.master.key")
        wrapper = LocalWrapper.open(deployment.data / "master.key")
        kinds = plant_wrapped(self.canaries, self.internal, wrapper)
        assert {"pepper", "lookup_key", "signing_key", "credential"} <= kinds

    def _file(self, name: str) -> str:
        return (self.deployment.data / name).read_text().strip()

    def _keys(self) -> str:
        self._plant_key("first", self.deployment.key["api_key"])
        made = self.admin.post(f"/applications/{self.application}/keys", {"name": "canary"})
        self._plant_key("retiring", made["api_key"])
        rotated = self.admin.post(f"/keys/{made['kid']}/rotate", {"grace": "1h"})
        self._plant_key("current", rotated["api_key"])
        dead = self.admin.post(f"/applications/{self.application}/keys", {"name": "dead"})
        self._plant_key("revoked", dead["api_key"])
        self.admin.post(f"/keys/{dead['kid']}/revoke")
        self.refused = [made["api_key"], dead["api_key"]]
        return str(rotated["api_key"])

    def _plant_key(self, name: str, whole: str) -> None:
        secret = whole[-38:-6]
        self.canaries.plant(f"{name} key", secret)
        # What is kept is a digest of this, under a pepper, and this itself only sealed.
        self.canaries.plant(f"{name} key, inner", inner(Secret(secret)))

    def _webhook(self) -> None:
        new = {"name": "canary", "url": self.receiver.url, "events": EVENTS}
        self.canaries.plant("webhook", self.admin.post("/webhooks/endpoints", new)["secret"].removeprefix("whsec_"))

    def _api(self) -> str:
        plan = self.admin.get(f"/applications/{self.application}")["plan"]
        (api,) = self.admin.get(f"/plans/{plan}")["apis"]
        return str(api)

    def _backends(self) -> None:
        api = self._api()
        exchange = {"kind": "exchange", "login": {"path": "/api/token/"}}
        mint = {"kind": "mint", "audience": "canary"}
        for name, url, credential in (("login", self.logins.url, exchange), ("mint", self.origin.url, mint)):
            live = {"targets": [url], "credential": credential}
            backend = self.admin.post("/backends", {"name": name, "environments": {"live": live}})["id"]
            route = {"name": name, "backend": backend, "method": "GET", "path": f"/v1/{name}", "backend_path": "/api/"}
            self.admin.post(f"/apis/{api}/routes", {**route, "passthrough": True, "environments": ["live"]})
            if name == "login":
                self.login_backend = backend
                self.credential(PASSWORD)
        self.canaries.plant("refused password", WRONG_PASSWORD)

    def _careless(self, stack: ExitStack) -> None:
        wrong = format_key("ptz", "live", Kid(self.key.split("_")[2]), Secret("NotARealSecretOfACarelessCaller0"))
        self.careless = Secrets({"right": self.key, "wrong": wrong, "revoked": self.refused[1]})
        self.gossip = stack.enter_context(Gossip(self.careless))
        self.in_calls = {"current key", "revoked key", *self.careless.plant(self.canaries)}
        self.chosen.plant("request id", REQUEST_ID)
        self.chosen.plant("user agent", OLD_PROGRAM)
        api, live = self._api(), {"targets": [self.gossip.url], "credential": {"kind": "none"}}
        backend = self.admin.post("/backends", {"name": "gossip", "environments": {"live": live}})["id"]
        route = {
            "backend": backend,
            "path": "/v1/gossip/{place}/{way}",
            "backend_path": "/{place}/{way}",
            "query": "all",
        }
        for method, upgrades in (("GET", ["websocket"]), ("POST", [])):
            further = {"name": f"gossip-{method.lower()}", "method": method, "upgrades": upgrades}
            self.admin.post(f"/apis/{api}/routes", {**route, **further, "passthrough": True, "environments": ["live"]})

    def credential(self, password: str, **further: str) -> None:
        """Set what the login is made with. Raises Answered."""
        values = {"username": "portazgo", "password": password, **further}
        self.admin.put(f"/backends/{self.login_backend}/credentials/live", {"values": values})

    def _import(self) -> None:
        self.canaries.plant("imported key", IMPORTED)
        self.canaries.plant("imported key, inner", hashlib.sha256(IMPORTED.encode()).digest())
        # Handed over and taken away again: it is the operator's file.
        file = self.deployment.folder / "import"
        file.write_text(hashlib.sha256(IMPORTED.encode()).hexdigest() + "\n")
        self.run("key", "import", str(file), "--format", "sha256", "--application", self.application)
        file.unlink()

    def run(self, *words: str) -> None:
        """Run a command, and keep what it says."""
        done = portazgo(self.deployment.environment, self.deployment.folder, *words)
        self.told[f"portazgo {' '.join(words[:2])}"] = (done.stdout + done.stderr).encode()

    def call(self, path: str, what: str, **headers: str) -> int:
        """Call the gateway, and keep what it answers."""
        connection = HTTPConnection("127.0.0.1", self.deployment.gateway_port, timeout=30)
        try:
            connection.request("GET", path, headers={name.replace("_", "-"): text for name, text in headers.items()})
            answer = connection.getresponse()
            self.told[f"answer: {what}"] = answer.read() + repr(answer.getheaders()).encode()
            return answer.status
        finally:
            connection.close()

    def settle(self) -> None:
        """Wait until the node serves the newest revision."""
        (node,) = self.admin.get("/nodes")["items"]
        wanted = node["id"]
        self.deployment.wait_for(lambda: bool(self.admin.get(f"/nodes/{wanted}")["current"]), "the newest revision")


def be_careless(site: Site) -> None:
    """Have secrets in every part of calls and answers, over every protocol and at every door; keep what we answer ourselves."""
    secrets, port = site.careless, site.deployment.gateway_port
    answers = {f"HTTP/1.1: {name}": say(port, sent) for name, sent in calls(secrets)}
    answers |= {f"HTTP/2: {name}": answer for name, answer in say_over_http2(port, secrets)}
    answers |= {f"WebSocket: {name}": answer for name, answer in say_over_websocket(port, secrets)}
    understood = {name for name, answer in answers.items() if b" 500 " in answer[:13] or b"'500'" in answer[:18]}
    assert {f"{over}: backend: error" for over in ("HTTP/1.1", "HTTP/2")} <= understood
    told = {f"refused: {name}": say(port, sent) for name, sent in refused(secrets)}
    assert [name for name, answer in told.items() if PROBLEM not in answer] == []
    # Others are the backend's, and go to the partner as they are.
    site.told |= told | {name: answer for name, answer in answers.items() if PROBLEM in answer}
    environment, token = site.deployment.environment, site.deployment.data / "admin-token"
    doors = {
        "/api/v1/partners": site.deployment.control_port,
        "/internal/v1/snapshot": int(environment["PORTAZGO_INTERNAL_LISTEN"].rpartition(":")[2]),
        "/metrics": int(environment["PORTAZGO_ADMIN_LISTEN"].rpartition(":")[2]),
    }
    for path, door in doors.items():
        for name, sent in say_to_other_doors(secrets, path, token.read_text().strip()):
            site.told[f"{path}: {name}"] = say(door, sent)
            assert site.told[f"{path}: {name}"].startswith(b"HTTP/1."), (path, name)
    # They were there to be written down: the backend got them in every part of a request.
    arrived = site.canaries.found({"the backend": b"".join(site.gossip.seen)})
    assert {name for name in site.in_calls if name.startswith("careless") and name != "careless wrong key"} <= {
        *arrived
    }


def use(site: Site) -> None:
    """Call well and badly; have backends, logins and receivers fail; then plant the tokens that were made."""
    whole = site.key
    site.settle()
    be_careless(site)
    site.deployment.wait_for(lambda: site.call("/v1/login", "login", X_Api_Key=whole) == 200, "the first login")
    assert site.call("/v1/mint", "mint", X_Api_Key=whole) == 200
    assert site.call("/v1/mint", "retiring secret", X_Api_Key=site.refused[0], User_Agent=OLD_PROGRAM) == 200
    assert site.call("/v1/badges/", "imported", Authorization=f"Api-Key {IMPORTED}") == 200
    assert site.call("/v1/badges/", "revoked", X_Api_Key=site.refused[1]) == 401
    unknown = format_key("ptz", "live", Kid("Never00001"), Secret(whole[-38:-6]))
    assert site.call("/v1/badges/", "unknown", X_Api_Key=unknown) == 401
    assert site.call("/v1/badges/", "bent", Authorization=f"Bearer {whole[:-1]}") == 401
    assert site.call("/v1/badges/", "two", X_Api_Key=whole, Authorization=f"Bearer {site.refused[0]}") == 400
    assert site.call(f"/v1/mint?api_key={whole}", "in the query", X_Api_Key=whole) in {200, 400}
    assert site.call(f"/v1/nowhere/{whole}", "in the path", X_Api_Key=whole) == 404
    assert site.call("/.well-known/portazgo/whoami", "whoami", X_Api_Key=whole) == 200
    for fault in ("500", "reset"):
        site.deployment.fail(fault)
        site.call("/v1/badges/", f"fault {fault}", X_Api_Key=whole)
    site.deployment.fail(None)
    tokens = [*site.logins.valid]
    # The backend takes its token back, and then the token endpoint repeats what it was sent.
    site.logins.behaviour = "echo"
    site.logins.withdraw()
    site.receiver.status = 500
    assert site.call("/v1/login", "login refused", X_Api_Key=whole) >= 500
    site.run("backend", "test", "login")
    site.run("backend", "test", "mint")
    with suppress(Answered):
        site.credential(PASSWORD, surprise=WRONG_PASSWORD)
    site.credential(WRONG_PASSWORD)
    assert site.call("/v1/login", "wrong password", X_Api_Key=whole) >= 500
    for number, token in enumerate({*tokens, *site.logins.valid}):
        site.canaries.plant(f"fetched token {number}", token.rpartition(".")[2])
    # Without a token it is called by `backend test` alone, to see whether the backend asks for one.
    minted = {text for seen in site.origin.seen if (text := seen.header("authorization"))}
    assert minted
    for number, token in enumerate(minted):
        site.canaries.plant(f"minted token {number}", token.rpartition(".")[2])
    assert site.receiver.wait_for(1)


def look_everywhere(site: Site) -> None:
    """Ask the deployment for all that it tells, when what was done is recorded."""
    deployment = site.deployment
    deployment.trace(deployment.call().request_id)
    for path in ("/metrics", "/health/ready"):
        site.told[f"admin listener: {path}"] = JsonClient(deployment.health_url).request("GET", path).body
    for path in ("jwks.json", "openid-configuration"):
        site.call(f"/.well-known/{path}", path)
    document = json.loads((PROJECT / "schema" / "admin-openapi.json").read_text())
    paths = [path for path, methods in document["paths"].items() if "get" in methods]
    token = Secret((deployment.data / "admin-token").read_text().strip())
    site.told |= every_answer(deployment.control_url, token, paths)
    for command in (["doctor"], ["export"], ["audit", "verify"]):
        site.run(*command)
    site.run("backup", str(deployment.folder / "backup"))
    look_at_records(site)
    pids = {pid for one in deployment.processes.values() for pid in {one.pid, *descendants(one.pid)}}
    site.told |= process_texts(pids)


def look_at_records(site: Site) -> None:
    """Wait until all records are where they are going to be kept, and ask the commands that show them."""
    last = site.deployment.trace(site.deployment.call().request_id)["request_id"]
    if "PORTAZGO_LAKE_AFTER" in site.deployment.environment:
        site.deployment.wait_for(
            lambda: site.admin.get("/lake")["waiting"]["records"] == 0, "the last record in the lake", LAKE_SECONDS
        )
    for command in (
        ["trace", "list", "--json", "--limit", "1000"],
        ["trace", "show", last],
        ["usage", "report", "--by", "fault", "--by", "kid"],
        ["usage", "balance"],
        ["lake", "show"],
        ["lake", "files"],
    ):
        site.run(*command)


def crash(site: Site, kind: str) -> None:
    """Have writes fail half-way that hold a secret, and a collector that can't keep records; then kill what runs."""
    for schema, statements in BREAKING[kind]:
        execute(site.deployment, schema, statements)
    kid = site.key.split("_")[2]
    writes: dict[str, Callable[[], object]] = {
        "create": lambda: site.admin.post(f"/applications/{site.application}/keys", {"name": "never"}),
        "rotate": lambda: site.admin.post(f"/keys/{kid}/rotate", {"grace": "1h", "expected_secret": 2}),
        "credential": lambda: site.credential(PASSWORD),
    }
    for name, write in writes.items():
        with pytest.raises(Answered) as refused:
            write()
        assert refused.value.status >= 500, (name, refused.value.problem)
        site.told[f"crash: {name}"] = json.dumps(refused.value.problem).encode()
    assert site.call("/v1/mint", "while the ledger is broken", X_Api_Key=site.key) == 200
    # What is recorded now stays on the node.
    be_careless(site)
    site.deployment.wait_for(lambda: "usage records wait" in site.deployment.log("gateway"), "the shipper")
    for name in ("gateway", "control", "worker"):
        site.deployment.kill(name)


def execute(deployment: Deployment, schema: str, statements: str) -> None:
    url = deployment.environment.get("PORTAZGO_STATE_URL")
    if url is not None:
        with psycopg.connect(url) as server:
            server.execute(f"SET search_path TO {schema}; {statements}")
        return
    with closing(sqlite3.connect(deployment.data / f"{schema}.sqlite3", timeout=30)) as file:
        file.executescript(statements)


def dumps(deployment: Deployment) -> dict[str, bytes]:
    """Both databases as text."""
    url = deployment.environment.get("PORTAZGO_STATE_URL")
    if url is not None:
        command = [str(newest_binaries() / "pg_dump"), "--inserts", f"--dbname={url}"]
        return {"pg_dump": subprocess.run(command, check=True, capture_output=True).stdout}
    found = {}
    for schema in ("state", "ledger"):
        with closing(sqlite3.connect(deployment.data / f"{schema}.sqlite3")) as file:
            found[f"dump of {schema}"] = "\n".join(file.iterdump()).encode()
    return found


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_no_secret_of_any_kind_is_in_anything_that_is_left_behind(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    if kind == "postgresql":
        server: PostgreSQLServer = request.getfixturevalue("postgresql")
        # Segments are objects there, as those are that were spilled.
        kept = {"PORTAZGO_STATE_URL": server.new_database("canaries"), "PORTAZGO_USAGE_SEGMENTS": "objects"}
    else:
        kept = {"PORTAZGO_LAKE_AFTER": "1s"}
    started = Deployment(tmp_path, tls=None, PORTAZGO_WEBHOOK_NETWORKS=LOOPBACK, **kept)
    with ExitStack() as stack:
        deployment = stack.enter_context(started)
        deployment.start_worker()
        site = Site(deployment, stack)
        use(site)
        look_everywhere(site)
        crash(site, kind)
        sent = [repr(message).encode() for message in site.receiver.messages]
        received = [repr((seen.headers, seen.body)).encode() for seen in site.origin.seen]
        text = dumps(deployment)
    (tmp_path / ON_PURPOSE).write_text(json.dumps({"level": "info", "message": f"called with {site.careless.text}"}))
    left = files_under(tmp_path)
    everything = {**site.told, **left, **decoded(left), **text}
    everything |= {f"webhook {number}": message for number, message in enumerate(sent)}
    # The search finds what callers wrote where it is, and it is nowhere but there.
    assert site.canaries.found(everything) == {name: [str(tmp_path / ON_PURPOSE)] for name in site.in_calls}
    assert_searched(everything, kind)
    assert_chosen_texts_are_found(site, everything, kind)
    # What a backend gets holds the token that is for it, and nothing of the partner's key, but where it wrote it into a query.
    seen = site.canaries.found({f"request {number}": one for number, one in enumerate(received)})
    assert set(seen) == {name for name in site.canaries.by_name if name.startswith("minted token")}
    # The search finds what is there.
    holders = {"admin token": {"admin-token"}, "node token": {"node-token"}}
    for name, files in holders.items():
        assert {Path(place).name for place in site.canaries.holding(name, everything)} == files
    assert site.canaries.holding("master key", everything)


def assert_searched(everything: dict[str, bytes], kind: str) -> None:
    """The places that matter were there to be searched, with something in them."""
    names = {Path(place).name for place, content in everything.items() if content}
    databases = {"state.sqlite3", "ledger.sqlite3", "dump of state"} if kind == "sqlite" else {"pg_dump"}
    logs = {"gateway.log", "control.log", "worker.log"}
    assert {*databases, *logs, "revocations.log", "environ", "cmdline", "manifest.json"} <= names
    assert any("/slabs/" in place for place in everything)
    assert any("/segments/" in place and place.endswith(".seg") for place in everything)
    assert b"Traceback" in b"".join(content for place, content in everything.items() if place.endswith("control.log"))
    for path in ("audit", "webhooks/deliveries", "traces", "peppers", "signing-keys", "tokens", "declarative/export"):
        assert everything[f"/api/v1/{path}"], path


def assert_chosen_texts_are_found(site: Site, everything: dict[str, bytes], kind: str) -> None:
    """A caller's own words in a record are found in every sink of records; sealed ones only where they are opened."""
    found = site.chosen.holding("request id", everything)
    sinks = {"a segment of the node": "/node/segments/", "the API": "/api/v1/traces"}
    sinks |= {"the command line": "portazgo trace list"}
    if kind == "sqlite":
        sinks |= {"the ledger": "dump of ledger", "the lake": ".parquet, decoded"}
    else:
        sinks |= {"an object": "/objects/segments/"}
    assert [name for name, part in sinks.items() if not any(part in place for place in found)] == []
    opened = ("/api/v1/", "portazgo trace ", str(site.deployment.data / "node" / "slabs"))
    sealed = site.chosen.holding("user agent", everything)
    assert any(place.startswith("/api/v1/traces") for place in sealed)
    assert [place for place in sealed if not place.startswith(opened)] == []
