"""docs/key-wrapping.md: its way from one master key to another, file or KMS, on a deployment that goes on meanwhile."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.command import portazgo
from support.deployment import Deployment
from support.documents import PROJECT
from support.kms import ALIAS, CREDENTIALS, KmsServer

from portazgo.node.native import Update

PAGE = PROJECT / "docs" / "key-wrapping.md"
NEW_KEY = "/etc/portazgo/master-2.key"
FOREIGN = "NotARealKeyOfAnotherSystem0001"


def commands_of_the_page() -> list[str]:
    return re.findall(r"`portazgo (wrapping [^`]+)`", PAGE.read_text("utf-8"))


@pytest.fixture(scope="module")
def kms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KmsServer]:
    with KmsServer(tmp_path_factory.mktemp("kms")) as running:
        yield running


def policies() -> list[dict[str, Any]]:
    """What the page grants: first to control plane and worker, then to a node."""
    blocks = re.findall(r"^```json\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [json.loads(block)["Statement"][0] for block in blocks]


def test_the_page_leads_from_one_master_key_to_another(tmp_path: Path) -> None:
    make, rotate, status = commands_of_the_page()
    with Deployment(tmp_path / "deployment") as deployment:
        application = seal_one_of_each(deployment)
        deployment.start_worker()
        new = tmp_path / "master-2.key"
        types(deployment, make.replace(NEW_KEY, str(new)))
        assert new.stat().st_mode & 0o777 == 0o600
        deployment.environment |= {"PORTAZGO_WRAPPING": f"local:{new}", "PORTAZGO_WRAPPING_ALSO": "local:"}
        start_anew(deployment)
        types(deployment, rotate)
        assert re.search(r"seals now; 0 secrets were sealed by others", types(deployment, status))
        # Nothing needs the old one any more.
        del deployment.environment["PORTAZGO_WRAPPING_ALSO"]
        (deployment.data / "master.key").unlink()
        start_anew(deployment)
        every_key_works(deployment, application)


def start_anew(deployment: Deployment) -> None:
    """Start all parts with the settings as they are now, nodes first."""
    for part, start in (
        ("gateway", deployment.start_gateway),
        ("worker", deployment.start_worker),
        ("control", deployment.start_control),
    ):
        deployment.stop(part)
        start()


def types(deployment: Deployment, command: str) -> str:
    done = portazgo(deployment.environment, deployment.folder, *command.split())
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout + done.stderr


def test_the_page_leads_from_a_file_to_kms_and_from_one_key_of_kms_to_another(tmp_path: Path, kms: KmsServer) -> None:
    _, rotate, status = commands_of_the_page()
    with Deployment(tmp_path / "deployment", tls=None, **CREDENTIALS) as deployment:
        application = seal_one_of_each(deployment)
        deployment.start_worker()
        # Steps 2 to 4, from the file to KMS.
        deployment.environment |= {
            "PORTAZGO_WRAPPING": kms.uri(deployment="production", reuse="0s"),
            "PORTAZGO_WRAPPING_ALSO": "local:",
        }
        start_anew(deployment)
        types(deployment, rotate)
        assert f"aws-kms:{kms.key_id} seals now; 0 secrets were sealed by others" in types(deployment, status)
        del deployment.environment["PORTAZGO_WRAPPING_ALSO"]
        (deployment.data / "master.key").unlink()

        # What the page's policies allow is what is done: by purpose, and under the deployment's name.
        whole, of_nodes = policies()
        context = "kms:EncryptionContext:portazgo:"
        assert whole["Action"] == ["kms:GenerateDataKey", "kms:Decrypt"]
        assert of_nodes["Action"] == "kms:Decrypt"
        for policy in (whole, of_nodes):
            assert policy["Condition"]["StringEquals"][f"{context}deployment"] == "production"
        saved = tmp_path / "snapshot"
        types(deployment, f"snapshot save {saved}")
        update = Update.snapshot()
        update.push(saved.read_bytes())
        update.finish()
        sent = {sealed_context.partition("/")[0] for sealed_context, _ in update.wrapped()}
        assert sent == set(of_nodes["Condition"]["StringEquals"][f"{context}purpose"])

        # An alias that is pointed to another key: steps 3 and 4 alone, and then the old key may go.
        second = kms.new_key()
        kms.client.update_alias(AliasName=ALIAS, TargetKeyId=second)
        types(deployment, rotate)
        assert f"aws-kms:{second} seals now; 0 secrets were sealed by others" in types(deployment, status)
        kms.client.disable_key(KeyId=kms.key_id)
        start_anew(deployment)
        every_key_works(deployment, application)


def seal_one_of_each(deployment: Deployment) -> str:
    """Make what a deployment may hold sealed and send to its nodes. Returns the application of the demo's key."""
    application: str = deployment.admin.get(f"/keys/{deployment.key['kid']}")["application"]
    listed = {"format": "sha256", "content": hashlib.sha256(FOREIGN.encode()).hexdigest()}
    deployment.admin.post(f"/applications/{application}/keys/import", listed)
    credential = {"kind": "exchange", "login": {"path": "/token/"}}
    environments = {"live": {"targets": [deployment.backend_url], "credential": credential}}
    backend = deployment.admin.post("/backends", {"name": "with-login", "environments": environments})["id"]
    values = {"username": "portazgo", "password": "not-a-real-password"}
    deployment.admin.put(f"/backends/{backend}/credentials/live", {"values": values})
    return application


def every_key_works(deployment: Deployment, application: str) -> None:
    made = deployment.admin.post(f"/applications/{application}/keys", {})["api_key"]
    for key in (deployment.key["api_key"], FOREIGN, made):
        deployment.wait_for(lambda key=key: deployment.call(X_Api_Key=key).status == 200, "a key")  # type: ignore[misc]  # mypy sees no default
