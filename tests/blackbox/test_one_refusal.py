"""Whatever is wrong with a key, the answer is the same, byte for byte but for request id and date; the record knows why."""

from __future__ import annotations

import hashlib
import json
import re
import socket
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.command import portazgo
from support.deployment import Deployment

from portazgo.keys.domain import Kid, format_key, parse_key
from portazgo.kit.secret import Secret

NEVER_MADE = "Never00001"
ANOTHER_SECRET = Secret("W" * 32)
FOREIGN = "NotARealKeyOfAnotherSystem0000000001"
UUID = rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
# What tells one answer from another of the same kind; each keeps its length.
OF_ITS_OWN = (rb"(?i)(?<=x-request-id: )" + UUID, rb'(?<="instance":")' + UUID, rb"(?i)(?<=date: )[^\r]{29}")
REQUESTS = {
    "GET": "GET /v1/badges/?page_size=1 HTTP/1.1",
    "GET with Authorization": "GET /v1/badges/?page_size=1 HTTP/1.1",
    "whoami": "GET /.well-known/portazgo/whoami HTTP/1.1",
    "HTTP/1.0": "GET /v1/badges/ HTTP/1.0",
}


class Keys:
    """Keys that are refused, by what is wrong with each; `kids` where there is one."""

    def __init__(self, deployment: Deployment) -> None:
        self._admin = deployment.admin
        self._application = self._admin.get(f"/keys/{deployment.key['kid']}")["application"]
        self.texts: dict[str, str] = {}
        self.faults: dict[str, str] = {}
        self._all(deployment)

    def _all(self, deployment: Deployment) -> None:
        good = parse_key(deployment.key["api_key"])
        assert good is not None
        whole = deployment.key["api_key"]
        self._add("unknown", format_key("ptz", "live", Kid(NEVER_MADE), ANOTHER_SECRET), "key_unknown")
        self._add("wrong secret", format_key("ptz", "live", Kid(deployment.key["kid"]), ANOTHER_SECRET), "key_unknown")
        self._add("other environment", format_key("ptz", "test", good.kid, good.secret), "key_unknown")
        self._add("wrong checksum", whole[:-1] + ("0" if whole[-1] != "0" else "1"), "key_malformed")
        self._add("cut short", whole[:-7], "key_malformed")
        self._add("foreign form", FOREIGN, "key_malformed")
        self._add("disabled", self._made("disable"), "key_disabled")
        self._add("canary", self._make(canary=True)["api_key"], "key_disabled")
        self._add("revoked", self._made("revoke"), "key_revoked")
        self._add("deleted", self._made("revoke", delete=True), "key_unknown")
        self._add("expired", self._expired(), "key_expired")
        self._add("secret whose grace has ended", self._rotated(), "key_expired")

    def _add(self, name: str, text: str, fault: str) -> None:
        self.texts[name], self.faults[name] = text, fault

    def _make(self, **members: Any) -> dict[str, Any]:
        made: dict[str, Any] = self._admin.post(f"/applications/{self._application}/keys", members)
        return made

    def _made(self, act: str, *, delete: bool = False) -> str:
        key = self._make()
        self._admin.post(f"/keys/{key['kid']}/{act}")
        if delete:
            self._admin.delete(f"/keys/{key['kid']}")
        return str(key["api_key"])

    def _expired(self) -> str:
        soon = datetime.now(UTC) + timedelta(seconds=1)
        return str(self._make(expires_at=soon.isoformat())["api_key"])

    def _rotated(self) -> str:
        key = self._make()
        self._admin.post(f"/keys/{key['kid']}/rotate", {"grace": "0s", "expected_secret": 1})
        return str(key["api_key"])


@pytest.fixture(scope="module")
def keys(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Keys:
    made = Keys(deployment)
    imported = import_one(deployment, tmp_path_factory.mktemp("import"))
    deployment.admin.post(f"/keys/{imported}/revoke")
    made.texts["imported and revoked"], made.faults["imported and revoked"] = FOREIGN + "2", "key_revoked"

    def settled() -> bool:
        (node,) = deployment.admin.get("/nodes")["items"]
        return bool(node["current"])

    deployment.wait_for(settled, "the newest revision")
    return made


def import_one(deployment: Deployment, folder: Path) -> str:
    """Import the key of another system. Returns its kid."""
    file = folder / "list"
    file.write_text(hashlib.sha256(f"{FOREIGN}2".encode()).hexdigest() + "\n")
    application = deployment.admin.get(f"/keys/{deployment.key['kid']}")["application"]
    command = ("key", "import", str(file), "--format", "sha256", "--application", application, "--json")
    done = portazgo(deployment.environment, deployment.folder, *command)
    assert done.returncode == 0, done.stderr
    kid: str = json.loads(done.stdout)["keys"][0]["kid"]
    return kid


def answer_to(deployment: Deployment, request: str, key: str) -> tuple[bytes, str]:
    """Call on a connection of its own. Returns all bytes of the answer without what is its own, and its request id."""
    header = f"Authorization: Bearer {key}" if request.endswith("Authorization") else f"X-Api-Key: {key}"
    lines = [REQUESTS[request], "Host: gateway", header, "Connection: close", "", ""]
    with closing(socket.create_connection(("127.0.0.1", deployment.gateway_port), timeout=20)) as connection:
        connection.sendall("\r\n".join(lines).encode())
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    found = re.search(OF_ITS_OWN[0], received)
    assert found is not None, received
    for pattern in OF_ITS_OWN:
        received = re.sub(pattern, lambda match: b"*" * len(match[0]), received)
    return received, found[0].decode()


@pytest.mark.parametrize("request_", list(REQUESTS))
def test_no_byte_tells_what_is_wrong_with_a_key(deployment: Deployment, keys: Keys, request_: str) -> None:
    deployment.wait_for(
        lambda: all(b" 401 " in answer_to(deployment, "GET", key)[0] for key in keys.texts.values()), "the ends of keys"
    )
    answers = {name: answer_to(deployment, request_, key) for name, key in keys.texts.items()}
    first = answers["unknown"][0]
    assert first.split(b"\r\n")[0].endswith(b" 401 Unauthorized")
    assert {name: text for name, (text, _) in answers.items() if text != first} == {}
    if request_ == "GET":
        told = {name: deployment.trace(request_id)["fault"] for name, (_, request_id) in answers.items()}
        assert told == keys.faults


def test_the_comparison_sees_another_answer(deployment: Deployment, keys: Keys) -> None:
    good, _ = answer_to(deployment, "whoami", deployment.key["api_key"])
    bad, _ = answer_to(deployment, "whoami", keys.texts["unknown"])
    assert good != bad
