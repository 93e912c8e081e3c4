"""Starting, stopping, seeding, and the OpenAPI document."""

from __future__ import annotations

import json
import stat
import subprocess
from typing import TYPE_CHECKING

from openapi_spec_validator import validate

if TYPE_CHECKING:
    from insignia.conftest import Insignia

OPEN_OPERATIONS = {"auth_login", "auth_refresh", "health", "schema"}


def test_a_second_start_is_quick_and_keeps_everything(lonely_insignia: Insignia) -> None:
    token = lonely_insignia.login()["access"]
    path = "/api/awards/1/revoke/"
    before = lonely_insignia.call("POST", path, token=token, body={"reason": "Segundo arranque"}).json
    assert lonely_insignia.stop() == 0
    # 1.5 s on an idle machine; what is asserted leaves room for a busy one.
    assert lonely_insignia.start() < 6
    after = lonely_insignia.call("GET", "/api/awards/?page_size=1", token=token).json
    assert (after["count"], after["results"]) == (420, [before])


def test_without_leave_no_fault_can_be_asked_for(lonely_insignia: Insignia) -> None:
    lonely_insignia.set_faults("status=500")
    reply = lonely_insignia.call("GET", "/api/health/", headers={"X-Insignia-Fault": "status=500"})
    assert reply.status == 200


def test_a_taken_port_is_told_in_a_sentence(insignia: Insignia) -> None:
    ended = subprocess.run(
        insignia.command(), cwd=insignia.project, env=insignia.environment(), capture_output=True, check=False
    )
    message = f"insignia: 127.0.0.1:{insignia.port} is taken; choose another with --port.\n"
    assert (ended.returncode, ended.stderr.decode()) == (1, message)


def test_rows_are_the_same_in_every_installation(insignia: Insignia, token: str) -> None:
    # The last row that chance fills: it changes when anything before it does, or when chance is not seeded.
    award = insignia.call("GET", "/api/awards/420/", token=token).json
    assert (award["serial"], award["storage"]["checksum_sha256"]) == (
        3868199036190555041,
        "09f8ce2340a471040e8ca5e2ebfc74f1138740d94f35b6833025aad50a743551",
    )


def test_files_with_secrets_are_for_their_owner_only(insignia: Insignia) -> None:
    files = [insignia.data / "secret.key", insignia.data / "login.json"]
    assert [stat.S_IMODE(file.stat().st_mode) for file in [*files, insignia.data]] == [0o600, 0o600, 0o700]


def test_the_openapi_document_is_valid_and_complete(insignia: Insignia) -> None:
    reply = insignia.call("GET", "/api/schema/", headers={"Accept": "application/json"})
    document = json.loads(reply.body)
    validate(document)
    assert document["openapi"] == "3.0.3"
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    identifiers = {operation["operationId"] for operation in operations}
    assert len(identifiers) == len(operations) == 19
    known_tags = {tag["name"] for tag in document["tags"]}
    assert all(set(operation["tags"]) <= known_tags for operation in operations)
    closed = {operation["operationId"] for operation in operations if operation.get("security") == [{"bearer": []}]}
    assert closed == identifiers - OPEN_OPERATIONS


def test_yaml_is_what_it_answers_when_nothing_is_asked_for(insignia: Insignia) -> None:
    reply = insignia.call("GET", "/api/schema/")
    assert reply.headers["Content-Type"].startswith("application/vnd.oai.openapi")
    assert reply.body.startswith(b"openapi: 3.0.3\n")
