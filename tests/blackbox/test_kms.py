"""KMS goes away under a whole deployment: what runs goes on, what starts waits and says for what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from support.deployment import Deployment
from support.kms import CREDENTIALS, KmsServer

from portazgo.client.admin import Answered

CANARY = CREDENTIALS["AWS_SECRET_ACCESS_KEY"]


@pytest.fixture(scope="module")
def kms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KmsServer]:
    with KmsServer(tmp_path_factory.mktemp("kms")) as running:
        yield running


def readiness(deployment: Deployment) -> tuple[int, str]:
    port = deployment.health_url.rpartition(":")[2]
    try:
        with urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as refused:
        return refused.code, refused.read().decode()


def test_running_nodes_go_on_and_a_starting_one_waits_and_says_for_what(
    tmp_path_factory: pytest.TempPathFactory, kms: KmsServer
) -> None:
    folder = tmp_path_factory.mktemp("on-kms")
    with Deployment(folder, tls=None, PORTAZGO_WRAPPING=kms.uri(reuse="0s"), **CREDENTIALS) as deployment:
        assert not (deployment.data / "master.key").exists()
        application = deployment.admin.get(f"/keys/{deployment.key['kid']}")["application"]
        kms.stop()

        # What runs: calls go on, and the control plane refuses only what needs KMS.
        assert deployment.call().status == 200
        with pytest.raises(Answered) as caught:
            deployment.admin.post(f"/applications/{application}/keys", {"name": "late"})
        assert (caught.value.status, caught.value.problem["code"]) == (503, "kms_unavailable")
        assert deployment.admin.post("/partners", {"name": "goes-on"})["name"] == "goes-on"
        revoked = deployment.admin.post(f"/keys/{deployment.key['kid']}/disable")
        assert revoked["status"] == "disabled"
        deployment.wait_for(lambda: deployment.call().status == 401, "a change that needs no secret")
        deployment.admin.post(f"/keys/{deployment.key['kid']}/enable")
        deployment.wait_for(lambda: deployment.call().status == 200, "the key again")

        # What starts: the control plane serves all the same, and the node waits.
        deployment.stop("control")
        deployment.start_control()
        deployment.stop("gateway")
        deployment.spawn_gateway()
        told = f"KMS can't be reached at 127.0.0.1:{kms.port}"
        deployment.wait_for(lambda: told in readiness(deployment)[1], "the readiness that says why")
        status, document = readiness(deployment)
        assert (status, json.loads(document)["ready"]) == (503, False)
        deployment.wait_for(
            lambda: any(
                told in str((node["receipt"] or {}).get("refused")) for node in deployment.admin.pages("/nodes")
            ),
            "the control plane's word of it",
        )
        assert told in deployment.log("gateway")
        waited = deployment.call()
        assert waited.status == 503

        kms.start()
        deployment.wait_for(lambda: readiness(deployment)[0] == 200, "the node that waited")
        # It may serve what it knew last, in which the key was disabled, until it has read on.
        deployment.wait_for(lambda: deployment.call().status == 200, "the key as it is now")
        assert deployment.trace(waited.request_id)["fault"] == "kms_unavailable"
        assert deployment.admin.post(f"/applications/{application}/keys", {"name": "new"})["api_key"]
        for log in deployment.folder.glob("*.log"):
            assert CANARY not in log.read_text()
