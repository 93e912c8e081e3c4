"""`portazgo up`: the embedded default, control plane, gateway and worker as one group of processes."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
from collections.abc import Mapping

from portazgo.kit.errors import StartRefused
from portazgo.kit.parent import PARENT_VARIABLE
from portazgo.node.ending import Leaving
from portazgo.roles.instance import InstanceLock
from portazgo.roles.parts import Part, portazgo_command
from portazgo.roles.ports import LOOPBACK, answers, bind_trouble, free_ports
from portazgo.roles.supervisor import EXIT_USAGE, Supervisor
from portazgo.settings import Settings, variable
from portazgo.settings_kinds import Listen

logger = logging.getLogger(__name__)

READY_SECONDS = 60.0


def run_up(settings: Settings) -> int:
    """Run the group until told to stop. Returns the exit code; raises StartRefused."""
    with InstanceLock(settings.data_dir) as lock:
        environment = group_environment(settings, lock)
        if migrate(environment) == EXIT_USAGE:
            return EXIT_USAGE
        supervisor = Supervisor(core_parts(settings, environment), prepare=lambda group: _announce(group, settings))
        return supervisor.run()


def group_environment(settings: Settings, lock: InstanceLock) -> dict[str, str]:
    """Choose what the parts need to find each other; the rest they read as this process did. Raises StartRefused."""
    for name in ("gateway_listen", "control_listen"):
        refuse_taken(getattr(settings, name), variable(name.replace("_listen", "_port")))
    internal, admin = (f"{LOOPBACK}:{port}" for port in free_ports(2))
    control = f"http://{settings.control_listen.reachable}"
    lock.announce(internal_url=f"http://{internal}", admin_url=f"http://{admin}", control_url=control)
    return {
        "PORTAZGO_INTERNAL_LISTEN": internal,
        "PORTAZGO_INTERNAL_URL": f"http://{internal}",
        "PORTAZGO_ADMIN_LISTEN": admin,
    }


def refuse_taken(listen: Listen, name: str) -> None:
    """Raise StartRefused when something else already listens there, or nobody can."""
    trouble = bind_trouble(listen.host, listen.port)
    if trouble is None:
        return
    if trouble.errno == errno.EADDRINUSE:
        raise StartRefused(f"something already listens on {listen}", f"stop it, or choose another port with {name}")
    raise StartRefused(f"{listen} can't be listened on ({trouble.strerror})", f"choose another with {name}")


def migrate(environment: Mapping[str, str]) -> int:
    """Bring the databases up to date, in a process of its own: the supervisor stays small.

    Returns 0, or 2 when it was refused: it has said why. Raises StartRefused when it failed.
    """
    whole = {**os.environ, **environment, PARENT_VARIABLE: str(os.getpid())}
    done = subprocess.run(portazgo_command("migrate"), env=whole, check=False)
    if done.returncode not in {0, EXIT_USAGE}:
        raise StartRefused("the databases could not be brought up to date", "see what `portazgo migrate` said above")
    return done.returncode


def core_parts(settings: Settings, environment: Mapping[str, str]) -> tuple[Part, ...]:
    """The processes of a deployment in one place. The gateway ends first: its last records are still collected."""
    admin = f"http://{environment['PORTAZGO_ADMIN_LISTEN']}"
    control = f"http://{settings.control_listen.reachable}"
    return (
        Part(
            "control",
            portazgo_command("control"),
            environment,
            ready=lambda: answers(f"{control}/health"),
            stop_order=2,
            stop_seconds=4.0,
        ),
        Part(
            "gateway",
            portazgo_command("gateway"),
            environment,
            ready=lambda: answers(f"{admin}/health/ready"),
            stop_order=0,
            # What the settings give it, or a little less than a node that hangs would take.
            stop_seconds=Leaving.of(settings).most_seconds,
        ),
        Part("worker", portazgo_command("worker"), environment, stop_order=1, stop_seconds=2.0),
    )


def _announce(group: Supervisor, settings: Settings) -> None:
    late = group.wait_ready(READY_SECONDS)
    if group.stopping:
        return
    if late is not None:
        raise StartRefused(f"the {late.name} is not ready after {READY_SECONDS:.0f} s", "see its log above")
    logger.info(
        "ready",
        extra={
            "gateway": f"http://{settings.gateway_listen.reachable}",
            "control": f"http://{settings.control_listen.reachable}",
        },
    )
