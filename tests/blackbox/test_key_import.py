"""Keys of another system go on working for who holds them, and an unknown one is refused like any other."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from support.command import portazgo
from support.deployment import Deployment, Reply

AWS = "NotARealKeyOfAnApiGateway00001"
DRF = "Ab3dEf7h.NotARealSecretOfAnotherSystem000"
LISTED = "NotARealKeyOfAList0000000000003"
UNKNOWN = "NotARealKeyOfAnybody0000000000"
SAME = {"instance"}


def text_of(reply: Reply) -> tuple[int, list[str], dict[str, str]]:
    body = {name: value for name, value in reply.json().items() if name not in SAME}
    return reply.status, list(reply.headers), body


def imported(deployment: Deployment, file: Path, form: str, content: str) -> list[dict[str, str]]:
    file.write_text(content)
    application = deployment.admin.get(f"/keys/{deployment.key['kid']}")["application"]
    command = ("key", "import", str(file), "--format", form, "--application", application, "--json")
    done = portazgo(deployment.environment, deployment.folder, *command)
    assert done.returncode == 0, done.stderr
    keys: list[dict[str, str]] = json.loads(done.stdout)["keys"]
    return keys


@pytest.mark.parametrize("header", ["X_Api_Key", "bearer", "api-key"])
def test_imported_keys_are_let_in_as_they_are_presented_today(
    deployment: Deployment, tmp_path: Path, header: str
) -> None:
    def call(key: str) -> Reply:
        if header == "X_Api_Key":
            return deployment.call(X_Api_Key=key)
        # Without the demo's own key, which a call has by default.
        return deployment.call(X_Api_Key="", Authorization=f"{header} {key}")

    mine = [f"{text}{header}" for text in (AWS, DRF, LISTED)]
    before = text_of(call(mine[0]))
    assert before[0] == 401
    drf = "sha512$$" + hashlib.sha512(mine[1].encode()).hexdigest()
    files = [
        ("aws", f"\ufeffName,key,description,Enabled,usageplanIds\r\ncrm,{mine[0]},,TRUE,abc\r\n"),
        ("drf", f"hashed_key,name,revoked,expiry_date\n{drf},shop,f,\n"),
        ("sha256", hashlib.sha256(mine[2].encode()).hexdigest() + "\n"),
    ]
    kids = [imported(deployment, tmp_path / form, form, content)[0]["kid"] for form, content in files]
    deployment.wait_for(lambda: [call(key).status for key in mine] == [200] * len(mine), "the imported keys")
    assert text_of(call(UNKNOWN)) == before
    deployment.admin.post(f"/keys/{kids[1]}/revoke")
    deployment.wait_for(lambda: call(mine[1]).status == 401, "the end of a revoked key")
    assert text_of(call(mine[1])) == before
    assert text_of(call(deployment.key["api_key"][:-1] + "!")) == before
    assert [call(mine[0]).status, call(mine[2]).status, deployment.call(X_Api_Key=deployment.key["api_key"]).status] == [
        200, 200, 200,
    ]  # fmt: skip
