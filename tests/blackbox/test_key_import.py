"""Keys of another system go on working for who holds them, and an unknown one is refused like any other."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.command import portazgo
from support.deployment import Deployment, Reply

from portazgo.roles.parts import portazgo_command

AWS = "NotARealKeyOfAnApiGateway00001"
DRF = "Ab3dEf7h.NotARealSecretOfAnotherSystem000"
LISTED = "NotARealKeyOfAList0000000000003"
OURS = "NotARealKeyOfAFileOfOurs000000004"
UNKNOWN = "NotARealKeyOfAnybody0000000000"
SAME = {"instance"}
DRF_KEYS = Path(__file__).parents[1] / "support" / "drf_api_keys.py"
KEYS_AT_ONCE = 100
"""As portazgo.keys.importing has it, which can't be read without a database."""
MANY = 10 * KEYS_AT_ONCE
MOST_WAITED_FOR = 4
"""Of ten transactions: the one that is under way, and what a busy machine makes of it."""


def text_of(reply: Reply) -> tuple[int, list[str], dict[str, str]]:
    body = {name: value for name, value in reply.json().items() if name not in SAME}
    return reply.status, list(reply.headers), body


def call(deployment: Deployment, key: str, header: str) -> Reply:
    """Call with this key alone: a call has the demo's own by default."""
    if header == "X-Api-Key":
        return deployment.call(X_Api_Key=key)
    return deployment.call(X_Api_Key="", Authorization=f"{header} {key}")


def used(deployment: Deployment, reply: Reply) -> tuple[int, str | None, str | None]:
    """Tell which secret of which key let a call in, as its record has it."""
    record = deployment.trace(reply.request_id)
    return reply.status, record["kid"], record["secret_slot"]


def importing(deployment: Deployment, file: Path, form: str) -> tuple[str, ...]:
    application = deployment.admin.get(f"/keys/{deployment.key['kid']}")["application"]
    return ("key", "import", str(file), "--format", form, "--application", application, "--json")


def run(deployment: Deployment, *words: str, exit_code: int = 0) -> subprocess.CompletedProcess[str]:
    done = portazgo(deployment.environment, deployment.folder, *words)
    assert done.returncode == exit_code, (done.stdout, done.stderr)
    return done


def imported(deployment: Deployment, file: Path, form: str) -> dict[str, Any]:
    outcome: dict[str, Any] = json.loads(run(deployment, *importing(deployment, file, form)).stdout)
    return outcome


def kid_of(deployment: Deployment, file: Path, form: str, content: str) -> str:
    file.write_text(content)
    (key,) = imported(deployment, file, form)["keys"]
    kid: str = key["kid"]
    return kid


@pytest.mark.parametrize("header", ["X-Api-Key", "bearer", "api-key"])
def test_imported_keys_are_let_in_as_they_are_presented_today(
    deployment: Deployment, tmp_path: Path, header: str
) -> None:
    mine = [f"{text}{header}" for text in (AWS, DRF, LISTED, OURS)]
    before = text_of(call(deployment, mine[0], header))
    assert before[0] == 401
    drf = "sha512$$" + hashlib.sha512(mine[1].encode()).hexdigest()
    files = [
        ("aws", f"\ufeffName,key,description,Enabled,usageplanIds\r\ncrm,{mine[0]},,TRUE,abc\r\n"),
        ("drf", f"hashed_key,name,revoked,expiry_date\n{drf},shop,f,\n"),
        ("sha256", hashlib.sha256(mine[2].encode()).hexdigest() + "\n"),
        ("portazgo", json.dumps([{"name": "ours", "key": mine[3]}])),
    ]
    kids = [kid_of(deployment, tmp_path / form, form, content) for form, content in files]
    deployment.wait_for(
        lambda: [call(deployment, key, header).status for key in mine] == [200] * len(mine), "the imported keys"
    )
    replies = [call(deployment, key, header) for key in mine]
    assert [used(deployment, reply) for reply in replies] == [(200, kid, "current") for kid in kids]
    assert text_of(call(deployment, UNKNOWN, header)) == before
    run(deployment, "key", "revoke", kids[1], "--yes", "--wait")
    assert text_of(call(deployment, mine[1], header)) == before
    assert text_of(call(deployment, deployment.key["api_key"][:-1] + "!", header)) == before
    others = [mine[0], mine[2], mine[3], deployment.key["api_key"]]
    assert [call(deployment, key, header).status for key in others] == [200] * 4


def test_rows_of_the_real_djangorestframework_api_key_are_read(deployment: Deployment, tmp_path: Path) -> None:
    made = subprocess.run([sys.executable, DRF_KEYS, tmp_path], check=True, capture_output=True, text=True, timeout=120)
    keys = json.loads(made.stdout)
    refused = run(deployment, *importing(deployment, tmp_path / "slow.json", "drf"), exit_code=2).stderr
    assert "slow, salted hasher (PBKDF2" in refused
    dump = imported(deployment, tmp_path / "dump.json", "drf")
    assert sorted(one["why"] for one in dump["left_out"]) == ["it has expired", "it was revoked"]
    rows = imported(deployment, tmp_path / "table.csv", "drf")
    kids = {key["name"]: key["kid"] for key in dump["keys"] + rows["keys"]}
    assert sorted(kids) == ["billing", "by table", "shop"]
    deployment.wait_for(lambda: call(deployment, keys["by table"], "Api-Key").status == 200, "the imported keys")
    replies = {kid: call(deployment, keys[name], "Api-Key") for name, kid in kids.items()}
    assert {kid: used(deployment, reply) for kid, reply in replies.items()} == {
        kid: (200, kid, "current") for kid in replies
    }
    for name in ("revoked", "expired"):
        assert call(deployment, keys[name], "Api-Key").status == 401


def test_an_imported_key_is_rotated_and_killed_like_any_other(deployment: Deployment, tmp_path: Path) -> None:
    old = "Zz9dEf7h.NotARealSecretThatIsReplaced00000"
    digest = "sha512$$" + hashlib.sha512(old.encode()).hexdigest()
    kid = kid_of(deployment, tmp_path / "rows.csv", "drf", f"hashed_key,name\n{digest},shop\n")
    assert "; imported, drf" in run(deployment, "key", "show", kid).stdout
    new = json.loads(run(deployment, "key", "rotate", kid, "--grace", "1h", "--json").stdout)["api_key"]
    assert f"_{kid}_" in new
    deployment.wait_for(lambda: deployment.admin.get(f"/keys/{kid}/propagation")["proven"], "the rotation")
    replies = [call(deployment, old, "Api-Key"), call(deployment, new, "Bearer")]
    assert [used(deployment, reply) for reply in replies] == [(200, kid, "retiring"), (200, kid, "current")]
    shown = run(deployment, "key", "show", kid).stdout
    (retiring,) = [line for line in shown.splitlines() if line.startswith("retiring secret")]
    (current,) = [line for line in shown.splitlines() if line.startswith("current secret")]
    assert (retiring.endswith("; imported, drf"), "imported" in current) == (True, False)
    assert "confirmed" in run(deployment, "key", "revoke", kid, "--yes", "--wait").stdout
    assert [call(deployment, old, "Api-Key").status, call(deployment, new, "Bearer").status] == [401, 401]
    again = run(deployment, *importing(deployment, tmp_path / "rows.csv", "drf"), exit_code=2)
    assert f"under kid {kid}, which is final" in again.stderr


def test_an_import_that_was_killed_is_completed_and_each_key_is_there_once(
    deployment: Deployment, tmp_path: Path
) -> None:
    file = many(tmp_path, "killed")
    process = start(deployment, file)
    deployment.wait_for(lambda: count(deployment, "killed") >= KEYS_AT_ONCE, "the first keys")
    deployment.kill("control")
    assert process.wait(60) != 0
    there = count(deployment, "killed")
    assert 0 < there < MANY
    deployment.start_control()
    outcome = imported(deployment, file, "sha256")
    # A batch is there wholly or not at all.
    assert (outcome["already_there"], outcome["made"], there % KEYS_AT_ONCE) == (there, MANY - there, 0)
    assert len({key["name"] for key in outcome["keys"]}) == count(deployment, "killed") == MANY
    assert imported(deployment, file, "sha256")["made"] == 0
    kids = {key["name"]: key["kid"] for key in outcome["keys"]}
    for number in (0, MANY - 1):  # one of before the kill, one of after it
        text = text_of_key("killed", number)
        deployment.wait_for(lambda text=text: call(deployment, text, "Bearer").status == 200, text)  # type: ignore[misc]  # mypy sees no default
        assert used(deployment, call(deployment, text, "Bearer")) == (200, kids[f"killed {number}"], "current")


def test_a_revocation_does_not_wait_for_a_long_import(deployment: Deployment, tmp_path: Path) -> None:
    application = deployment.admin.get(f"/keys/{deployment.key['kid']}")["application"]
    kids = [deployment.admin.post(f"/applications/{application}/keys", {})["kid"] for _ in range(20)]
    file = many(tmp_path, "long")
    process = start(deployment, file)
    deployment.wait_for(lambda: count(deployment, "long") >= KEYS_AT_ONCE, "the first keys")
    waited_for = []
    while process.poll() is None and kids:
        before = count(deployment, "long")
        deployment.admin.post(f"/keys/{kids.pop()}/revoke")
        waited_for.append((count(deployment, "long") - before) // KEYS_AT_ONCE)
    assert process.wait(60) == 0
    # In transactions, not in seconds: of those there are as many on a machine that has other things to do.
    assert len(waited_for) > 1
    assert max(waited_for) <= MOST_WAITED_FOR, waited_for
    assert count(deployment, "long") == MANY


def text_of_key(name: str, number: int) -> str:
    return f"NotARealKey-{name}-{number:06}"


def many(folder: Path, name: str) -> Path:
    """Write a list of as many keys as a file may have."""
    rows = [(hashlib.sha256(text_of_key(name, number).encode()).hexdigest(), number) for number in range(MANY)]
    file = folder / f"{name}.txt"
    file.write_text("".join(f"{digest},{name} {number}\n" for digest, number in rows))
    return file


def start(deployment: Deployment, file: Path) -> subprocess.Popen[bytes]:
    command = portazgo_command(*importing(deployment, file, "sha256"))
    with (deployment.folder / "import.log").open("ab") as log:
        return subprocess.Popen(command, env=deployment.environment, cwd=deployment.folder, stdout=log, stderr=log)


def count(deployment: Deployment, name: str) -> int:
    """Look how many keys of this name there are, behind the control plane's back."""
    with closing(sqlite3.connect(f"file:{deployment.data / 'state.sqlite3'}?mode=ro", uri=True)) as database:
        (number,) = database.execute("SELECT count(*) FROM key WHERE name LIKE ?", [f"{name} %"]).fetchone()
    return int(number)
