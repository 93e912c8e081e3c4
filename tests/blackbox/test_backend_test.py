"""`portazgo backend test` names the cause of a refusal: real backends, each set up wrong in its own way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import jwt
import pytest
from support.certificates import Identity
from support.command import portazgo
from support.deployment import INSIGNIA, Deployment
from support.http2_servers import Server
from support.picky import Answer, backend, drips, echoes, floods, no_http, redirects, send, shared_secret_only
from support.ports import free_port

from portazgo.backends.probing import NoReply, get
from portazgo.logins.replies import NoReplyReason
from portazgo.roles.ports import answers

READY_SECONDS = 60.0
PATH = "/api/badges/"
Try = Callable[..., dict[str, Any]]

OTHER_KEYS = {
    "keys": [
        {
            "kty": "EC",
            "crv": "P-256",
            "alg": "ES256",
            "use": "sig",
            "kid": "another",
            # The point of RFC 7517, appendix A.1.
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        }
    ]
}


@pytest.fixture(scope="module")
def insignias(deployment: Deployment) -> Iterator[dict[str, str]]:
    """The demo backend, wrongly set up in several ways; gives their addresses."""
    jwks = f"{deployment.control_url}/.well-known/jwks.json"
    right = {"issuer": deployment.control_url, "audience": "insignia", "jwks_url": jwks}
    with backend(lambda request: send(request, 200, OTHER_KEYS)) as other_keys:
        wrong: dict[str, dict[str, str]] = {
            "issuer": {**right, "issuer": "https://elsewhere.example"},
            "audience": {**right, "audience": "another"},
            "no key set": {**right, "jwks_url": f"http://127.0.0.1:{free_port()}/jwks.json"},
            "other keys": {**right, "jwks_url": other_keys},
            "nobody trusted": {},
            "slow clock": {**right, "clock": "-120s"},
            "fast clock": {**right, "clock": "+900s"},
        }
        started = {name: start(deployment.folder, **options) for name, options in wrong.items()}
        try:
            for process, port in started.values():
                wait_for(process, f"http://127.0.0.1:{port}/api/health/")
            yield {name: f"http://127.0.0.1:{port}" for name, (_, port) in started.items()}
        finally:
            for process, _ in started.values():
                process.terminate()
            for process, _ in started.values():
                process.wait(30)


def start(
    folder: Path, issuer: str = "", audience: str = "", jwks_url: str = "", clock: str | None = None
) -> tuple[subprocess.Popen[bytes], int]:
    """Start a demo backend over the data of the deployment's own, in a time of its own: `clock` is what it is off by.

    On the standard library's server: gunicorn ends at once under libfaketime, where sleeping fails when only the wall
    clock is faked.
    """
    port = free_port()
    serve = "from wsgiref.simple_server import make_server; from insignia.wsgi import application; "
    serve += f"make_server('127.0.0.1', {port}, application).serve_forever()"
    environment = {
        "PYTHONPATH": str(INSIGNIA),
        "DJANGO_SETTINGS_MODULE": "insignia.settings",
        "INSIGNIA_DATA_DIR": str(folder / "insignia"),
        "INSIGNIA_JWKS_URL": jwks_url,
        "INSIGNIA_TRUSTED_ISSUER": issuer,
        "INSIGNIA_TRUSTED_AUDIENCE": audience,
    }
    if clock is not None:
        library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))  # scripts/test-services installs it
        environment |= {"LD_PRELOAD": str(library), "FAKETIME": clock, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    with (folder / "wrong-backends.log").open("ab") as log:
        command = [sys.executable, "-c", serve]
        settings = {**os.environ, **environment}
        return subprocess.Popen(command, env=settings, cwd=folder, stdout=log, stderr=log), port


def wait_for(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not answers(url):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture(scope="module")
def tried(deployment: Deployment) -> Try:
    """Make a backend of a target and test it: `tried(target, path=…, audience=…, claims=…)`."""
    count = iter(range(1_000))

    def try_out(target: str, *, path: str = PATH, claims: dict[str, Any] | None = None, **members: Any) -> Any:
        told = {"token_type": "access"} if claims is None else claims
        credential = members.pop("credential", {"kind": "mint", "audience": "insignia", "claims": told})
        live = {"targets": [target], "credential": credential, **members.pop("live", {})}
        new = {"name": f"tried-{next(count)}", "environments": {"live": live}}
        made = deployment.admin.post("/backends", new)
        return deployment.admin.post(f"/backends/{made['id']}/test", {"path": path, **members})

    return try_out


def causes(outcome: dict[str, Any]) -> list[str]:
    return [finding.partition(":")[0] for finding in outcome["findings"][1:]]


def test_a_backend_that_is_set_up_right_accepts_the_token(deployment: Deployment, tried: Try) -> None:
    outcome = tried(deployment.backend_url)
    assert (outcome["ok"], outcome["status"]) == (True, 200)
    assert outcome["findings"] == ["The backend accepted the token: 200."]
    assert outcome["claims"]["iss"] == deployment.control_url
    assert outcome["claims"]["exp"] - outcome["claims"]["iat"] == 125


@pytest.mark.parametrize(
    ("wrong", "status", "cause", "word"),
    [
        ("issuer", 401, "Issuer", "--issuer"),
        ("audience", 401, "Audience", "--audience"),
        ("nobody trusted", 401, "Issuer", "trusted issuer"),
        ("other keys", 401, "Key set", "/.well-known/jwks.json"),
        ("no key set", 503, "Key set", "/.well-known/jwks.json"),
        ("slow clock", 401, "Clock", "behind ours"),
        ("fast clock", 401, "Clock", "ahead of ours"),
    ],
)
def test_a_backend_that_is_set_up_wrong_is_told_what_is_wrong(
    insignias: dict[str, str], tried: Try, wrong: str, status: int, cause: str, word: str
) -> None:
    outcome = tried(insignias[wrong])
    assert (outcome["ok"], outcome["status"]) == (False, status)
    assert causes(outcome) == [cause]
    assert word in outcome["findings"][1]


def test_a_backend_with_a_shared_secret_is_told_of_the_algorithm(tried: Try) -> None:
    with backend(shared_secret_only) as target:
        assert causes(tried(target)) == ["Algorithm"]


def test_the_token_is_the_gateway_s_and_the_key_set_verifies_it(deployment: Deployment, tried: Try) -> None:
    seen: list[str] = []

    def keep(request: BaseHTTPRequestHandler) -> None:
        seen.append(request.headers["Authorization"])
        send(request, 200, {})

    application = next(deployment.admin.pages("/applications", {"name": "demo"}))
    claims = {
        "partner": "{partner.name}",
        "tier": "{partner.metadata.tier}",
        "environment": "{application.environment}",
    }
    with backend(keep) as target:
        outcome = tried(target, claims=claims, application=application["id"])
    token = seen[0].removeprefix("Bearer ")
    key = jwt.PyJWKClient(f"{deployment.control_url}/.well-known/jwks.json").get_signing_key_from_jwt(token)
    verified = jwt.decode(token, key, algorithms=["ES256"], audience="insignia", issuer=deployment.control_url)
    assert verified == outcome["claims"]
    assert (verified["sub"], verified["partner"], verified["tier"]) == (application["id"], "demo-partner", "demo")


def test_no_token_is_repeated_whatever_the_backend_says(deployment: Deployment, tried: Try) -> None:
    seen: list[str] = []

    def keep_and_echo(request: BaseHTTPRequestHandler) -> None:
        seen.append(request.headers["Authorization"].removeprefix("Bearer "))
        echoes(request)

    with backend(keep_and_echo) as target:
        outcome = tried(target)
    said = json.dumps(outcome)
    assert "[token]" in said
    assert "\x1b" not in "".join(outcome["findings"])
    signature = seen[0].rpartition(".")[2]
    logs = "".join(path.read_text("utf-8", "replace") for path in deployment.folder.glob("*.log"))
    assert signature not in said + logs
    audit = next(deployment.admin.pages("/audit", {"action": "backend.tested"}))
    assert audit["details"] == {"path": PATH, "environment": "live"}
    assert signature not in json.dumps(audit)


def test_a_backend_that_lets_a_call_without_a_token_in_is_told_so(tried: Try) -> None:
    sent: list[str | None] = []

    def takes_all(request: BaseHTTPRequestHandler) -> None:
        sent.append(request.headers["Authorization"])
        send(request, 200, {})

    with backend(takes_all) as target:
        outcome = tried(target)
    assert (outcome["ok"], outcome["status"]) == (True, 200)
    accepted, warning = outcome["findings"]
    assert accepted == "The backend accepted the token: 200."
    assert warning.startswith(
        f"Beware: this backend does not check tokens at {PATH}: without any it answered 200 as well."
    )
    # Once with the token, once without; nothing else is called.
    assert [one is not None for one in sent] == [True, False]


def test_a_backend_is_called_over_the_protocol_that_nodes_speak(tmp_path: Path, tried: Try) -> None:
    authority = Identity.authority()
    tls = {"ca": authority.pem}
    at_socket = tmp_path / "origin.sock"
    with (
        Server.node(tmp_path / "plain") as plain,
        Server.node(tmp_path / "socket", socket_path=at_socket),
        Server.node(tmp_path / "tls", tls=authority.server("127.0.0.1").write(tmp_path, "origin")) as secure,
    ):
        for target, http2, version in [
            (f"http://{plain.address}", "prior_knowledge", "2.0"),
            (f"unix:{at_socket}", "prior_knowledge", "2.0"),
            (f"https://{secure.address}", "prior_knowledge", "2.0"),
            (f"https://{secure.address}", "alpn", "2.0"),
            (f"https://{secure.address}", "off", "1.1"),
        ]:
            reply = get(target, "/told?page=2", {"Accept": "application/json"}, tls=tls, http2=http2)
            told = {"version": version, "method": "GET", "path": "/told?page=2", "bytes": 0}
            assert (reply.status, json.loads(reply.body), reply.headers["content-type"]) == (
                200,
                told,
                "application/json",
            )
        speaks = {"forwarding": {"http2": "prior_knowledge"}}
        outcome = tried(f"http://{plain.address}", live=speaks)
        assert (outcome["status"], outcome["findings"][0]) == (200, "The backend accepted the token: 200.")
        # It has no answer for HTTP/1.1, and who speaks HTTP/1.1 none for HTTP/2.
        assert tried(f"http://{plain.address}")["status"] is None
        with pytest.raises(NoReply) as refused, backend(no_http) as target:
            get(target, "/told", {}, http2="prior_knowledge", whole_seconds=5)
        assert refused.value.reason in {NoReplyReason.NOT_HTTP2, NoReplyReason.BROKEN}


@pytest.mark.parametrize(
    ("answer", "status", "word"),
    [
        (redirects, 302, "The gateway never follows."),
        (floods, 200, "accepted"),
        (drips, None, "did not answer in time"),
        (no_http, None, "doesn't speak HTTP/1.1"),
    ],
    ids=["redirect", "endless", "dripping", "no HTTP"],
)
def test_a_backend_that_misbehaves_is_left_in_time(tried: Try, answer: Answer, status: int | None, word: str) -> None:
    began = time.monotonic()
    with backend(answer) as target:
        outcome = tried(target)
    assert time.monotonic() - began < 30
    assert (outcome["status"], word in outcome["findings"][0]) == (status, True)


def test_what_can_t_be_called_or_minted_is_a_finding(tried: Try) -> None:
    silent = tried(f"http://127.0.0.1:{free_port()}")
    assert (silent["ok"], silent["status"]) == (False, None)
    assert silent["findings"][0].startswith("Nothing listens at http://127.0.0.1:")
    unknown = tried("http://no-such-host.invalid:80")
    assert "is not known" in unknown["findings"][0]
    unmade = tried("http://127.0.0.1:1", claims={"tier": "{partner.metadata.tier}"})
    assert unmade["claims"] is None
    assert unmade["findings"][0].startswith("No token can be made: the claim tier reads {partner.metadata.tier}")
    assert unmade["findings"][0].endswith("name an application with --application.")


def test_a_backend_without_a_credential_is_called_without_a_token(deployment: Deployment, tried: Try) -> None:
    outcome = tried(deployment.backend_url, credential={"kind": "none"})
    assert (outcome["claims"], causes(outcome)) == (None, ["No token was sent"])


def test_the_command_prints_the_findings_and_exits_7_until_it_is_well(
    deployment: Deployment, insignias: dict[str, str]
) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return portazgo(deployment.environment, deployment.folder, "backend", *words)

    claim = ("--claim", "token_type=access")
    run("create", "tested", "--target", insignias["audience"], "--audience", "insignia", *claim)
    wrong = run("test", "tested", "--path", PATH)
    assert wrong.returncode == 7
    assert "Audience: the token's `aud` is insignia" in wrong.stdout
    assert "portazgo backend change tested --audience AUDIENCE" in wrong.stdout
    # As it says:
    run("change", "tested", "--audience", "another")
    assert run("test", "tested", "--path", PATH).returncode == 0
    assert json.loads(run("test", "tested", "--path", PATH, "--json").stdout)["ok"] is True
    refused = run("test", "tested", "--environment", "test")
    assert (refused.returncode, "has no test environment" in refused.stderr) == (2, True)
