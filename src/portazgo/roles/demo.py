"""`portazgo demo`: everything in one place, a backend behind it, a partner in front of it, and a key that works.

What it makes, it makes through the admin API like anybody else, and only what isn't there yet: a second run goes on
with the same data.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from portazgo.client.admin import AdminClient, Answered, Document
from portazgo.kit.errors import StartRefused
from portazgo.kit.files import write_private
from portazgo.kit.http import JsonClient
from portazgo.kit.secret import Secret
from portazgo.roles.demo_setup import CONTRACT, TRY_PATH, fields_shown, see_to_backend, set_up
from portazgo.roles.instance import InstanceLock
from portazgo.roles.parts import Part
from portazgo.roles.ports import LOOPBACK, answers
from portazgo.roles.supervisor import EXIT_USAGE, Supervisor
from portazgo.roles.up import READY_SECONDS, core_parts, group_environment, migrate, refuse_taken
from portazgo.settings import Settings
from portazgo.settings_kinds import Listen

logger = logging.getLogger(__name__)

AUDIENCE = "insignia"
INSIGNIA = Path(__file__).resolve().parents[3] / "examples" / "insignia"
FIRST_CALL_SECONDS = 15.0


def run_demo(settings: Settings) -> int:
    """Run the demo until told to stop. Returns the exit code; raises StartRefused."""
    with InstanceLock(settings.data_dir) as lock:
        demo_file(settings).unlink(missing_ok=True)
        environment = group_environment(settings, lock)
        refuse_taken(Listen(LOOPBACK, settings.backend_port), "PORTAZGO_BACKEND_PORT")
        if migrate(environment) == EXIT_USAGE:
            return EXIT_USAGE
        parts = (*core_parts(settings, environment), backend_part(settings))
        return Supervisor(parts, prepare=lambda group: _prepare(group, settings)).run()


def demo_file(settings: Settings) -> Path:
    """Where outside tools find the demo's addresses and credentials."""
    return settings.data_dir / "demo.json"


def backend_part(settings: Settings) -> Part:
    """The demo backend, which trusts tokens of our issuer and knows nothing else of us. Raises StartRefused."""
    source = INSIGNIA
    if not source.is_dir():
        raise StartRefused(
            "the demo backend is part of the source tree, not of the installed package",
            "run the demo from a checkout, or use `portazgo up` with a backend of your own",
        )
    jwks_url = f"http://{settings.control_listen.reachable}/.well-known/jwks.json"
    command = [sys.executable, "-m", "insignia", "serve", "--port", str(settings.backend_port)]
    command += ["--data", str(settings.data_dir / "insignia"), "--jwks-url", jwks_url]
    command += ["--issuer", _issuer_url(settings), "--audience", AUDIENCE]
    return Part(
        "backend",
        tuple(command),
        {"PYTHONPATH": str(source)},
        ready=lambda: answers(f"{backend_url(settings)}/api/health/"),
        stop_order=1,
        stop_seconds=3.0,
        log=settings.data_dir / "logs" / "backend.log",
    )


def backend_url(settings: Settings) -> str:
    """Where the demo backend listens."""
    return f"http://{LOOPBACK}:{settings.backend_port}"


def _prepare(group: Supervisor, settings: Settings) -> None:
    late = group.wait_ready(READY_SECONDS)
    if group.stopping:
        return
    if late is not None:
        raise StartRefused(
            f"the {late.name} is not ready after {READY_SECONDS:.0f} s", f"see its log ({late.log or 'above'})"
        )
    token = settings.admin_token_file.read_text().strip()
    client = AdminClient(f"http://{settings.control_listen.reachable}", Secret(token))
    key = _known_key(settings, client)
    if key is None:
        key = set_up(client, backend_url(settings), AUDIENCE, INSIGNIA / "contract.yaml")
    else:
        # The ports may be others than in the run before.
        see_to_backend(client, backend_url(settings), AUDIENCE)
    gateway_url = f"http://{settings.gateway_listen.reachable}"
    document = {
        "ready": True,
        "gateway_url": gateway_url,
        "control_url": client.url,
        "backend_url": backend_url(settings),
        "api_key": key["api_key"],
        "kid": key["kid"],
        "admin_token": token,
        "try_url": gateway_url + TRY_PATH,
    }
    _first_call(group, document)
    write_private(_key_file(settings), json.dumps({**key, "issuer_url": _issuer_url(settings)}))
    write_private(demo_file(settings), json.dumps(document, indent=2) + "\n")
    _tell(document, fields_shown(client))


def _key_file(settings: Settings) -> Path:
    return settings.data_dir / "demo-key.json"


def _issuer_url(settings: Settings) -> str:
    """The issuer that the first run made: it keeps its name, whatever port the control plane has now."""
    try:
        text: str = json.loads(_key_file(settings).read_text())["issuer_url"]
    except (OSError, ValueError, KeyError):
        return settings.issuer_url
    return text


def _known_key(settings: Settings, client: AdminClient) -> Document | None:
    """The key of an earlier run, while it is alive."""
    try:
        key: Document = json.loads(_key_file(settings).read_text())
        status = client.get(f"/keys/{key['kid']}")["status"]
    except (OSError, ValueError, KeyError, Answered):
        return None
    return key if status == "active" else None


def _first_call(group: Supervisor, document: dict[str, Any]) -> None:
    """Make the call that the demo promises, so that "ready" is true."""
    gateway = JsonClient(document["gateway_url"], Secret(document["api_key"]))
    deadline = time.monotonic() + FIRST_CALL_SECONDS
    while not group.stopping:
        answer = gateway.request("GET", TRY_PATH)
        if answer.status == 200:  # noqa: PLR2004 - HTTP's own number
            return
        if time.monotonic() > deadline:
            said = answer.body[:300].decode(errors="replace")
            raise StartRefused(
                f"the first call through the gateway is answered {answer.status}: {said}",
                "look it up with `portazgo trace list`",
            )
        time.sleep(0.1)


def _tell(document: dict[str, Any], fields: tuple[int, int] | None) -> None:
    header = f"-H 'X-Api-Key: {document['api_key']}'"
    lines = (
        "",
        "Portazgo is ready.",
        f"  Gateway        {document['gateway_url']}",
        f"  Control plane  {document['control_url']}   (admin API: /api/v1/openapi.json)",
        f"  Demo backend   {document['backend_url']}/api/   (wants a JWT, refuses API keys)",
        f"  API key        {document['api_key']}",
        f"  Admin token    {document['admin_token']}",
        "",
        "Try it:"
        if fields is None
        else f"Try it, and see {fields[0]} of the {fields[1]} fields that the backend has there:",
        f"  curl -i {header} '{document['try_url']}'",
        f"  {_own_command()} trace list",
        "",
        *(() if fields is None else _about_contract(document["gateway_url"], header)),
    )
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _about_contract(gateway_url: str, header: str) -> tuple[str, ...]:
    return (
        f"What partners see is a contract, {CONTRACT}. Its fields, and the OpenAPI document that partners read:",
        f"  {_own_command()} contract fields {CONTRACT}",
        f"  curl {header} '{gateway_url}/.well-known/portazgo/openapi.json'",
        "",
    )


def _own_command() -> str:
    """Spell this command as a reader in this folder can type it."""
    # `make` has a PATH of its own, which the reader's other terminal hasn't.
    if shutil.which("portazgo") is not None and "MAKELEVEL" not in os.environ:
        return "portazgo"
    path = Path(sys.argv[0])
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
