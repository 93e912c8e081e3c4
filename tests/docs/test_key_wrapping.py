"""docs/key-wrapping.md: its way from one master key to another, on a deployment that goes on meanwhile."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from support.command import portazgo
from support.deployment import Deployment
from support.documents import PROJECT

PAGE = PROJECT / "docs" / "key-wrapping.md"
NEW_KEY = "/etc/portazgo/master-2.key"
FOREIGN = "NotARealKeyOfAnotherSystem0001"


def commands_of_the_page() -> list[str]:
    return re.findall(r"`portazgo (wrapping [^`]+)`", PAGE.read_text("utf-8"))


def test_the_page_leads_from_one_master_key_to_another(tmp_path: Path) -> None:
    make, rotate, status = commands_of_the_page()
    with Deployment(tmp_path / "deployment") as deployment:
        application = deployment.admin.get(f"/keys/{deployment.key['kid']}")["application"]
        listed = {"format": "sha256", "content": hashlib.sha256(FOREIGN.encode()).hexdigest()}
        deployment.admin.post(f"/applications/{application}/keys/import", listed)
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
        made = deployment.admin.post(f"/applications/{application}/keys", {})["api_key"]
        for key in (deployment.key["api_key"], FOREIGN, made):
            deployment.wait_for(lambda key=key: deployment.call(X_Api_Key=key).status == 200, "a key")  # type: ignore[misc]  # mypy sees no default


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
