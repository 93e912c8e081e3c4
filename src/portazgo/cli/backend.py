"""`portazgo backend`: what stands behind the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from portazgo.cli.backend_credential import credential
from portazgo.cli.backend_environment import as_given, environment_options, environment_with, for_test, says_something
from portazgo.cli.backend_forwarding import for_people
from portazgo.cli.cells import cell
from portazgo.cli.exits import Exit
from portazgo.cli.failing_logins import FAILING, show_failing_logins, with_failing_logins
from portazgo.cli.find import APPLICATION, BACKEND, ISSUER, find, find_id
from portazgo.cli.noun import Noun, asks, confirm, limit, limited, prints, show_deleted, show_list, show_named
from portazgo.cli.output import show_one, show_pairs, show_paragraph
from portazgo.cli.session import connect
from portazgo.cli.words import label, say

if TYPE_CHECKING:
    from portazgo.client.admin import AdminClient

COLUMNS = (
    "name",
    "environments.live.targets",
    "environments.test.targets",
    "environments.live.credential.kind",
    "environments.live.credential.audience",
)
NAMED = {
    "environments.live.credential.issuer": "/issuers",
    "environments.test.credential.issuer": "/issuers",
}


@click.group(cls=Noun)
def backend() -> None:
    """What stands behind the gateway: targets, and the token that it expects, for live and for test."""


backend.add_command(credential)


@backend.command("list")
@limit(None)
@prints
def list_backends(most: int | None, output: str) -> None:
    """List the backends."""
    client = connect()
    show_list(client, limited(client, "/backends", {}, most), COLUMNS, output)


@backend.command("create")
@click.argument("name")
@environment_options
@click.option("--test-target", "test_targets", multiple=True, metavar="URL", help="For test keys, otherwise as live.")
@prints
def create_backend(name: str, test_targets: tuple[str, ...], output: str, **wanted: Any) -> None:
    """Make a backend. Test keys are refused unless there is a --test-target."""
    client = connect()
    wanted["issuer"] = find_id(client, ISSUER, wanted["issuer"])
    live = environment_with({}, wanted)
    environments = {"live": live} | ({"test": for_test(live, list(test_targets))} if test_targets else {})
    _show(client, client.post("/backends", {"name": name, "environments": environments}), output)


@backend.command("show")
@click.argument("backend")
@prints
def show_backend(backend: str, output: str) -> None:
    """Show a backend."""
    client = connect()
    found = find(client, BACKEND, backend)
    document = with_failing_logins(client, found, found)
    if output != "table":
        _show(client, document, output)
        return
    _show(client, found, output)
    show_failing_logins(document.get(FAILING, ()))


@backend.command("change")
@click.argument("backend")
@click.option("--name", help="The new name.")
@click.option("--environment", type=click.Choice(["live", "test"]), default="live", show_default=True, help="Of which.")
@environment_options
@click.option("--remove", is_flag=True, help="Take the --environment away.")
@prints
def change_backend(backend: str, name: str | None, environment: str, remove: bool, output: str, **wanted: Any) -> None:
    """Rename a backend, or change one of its environments: what isn't given stays."""
    if remove and says_something(wanted):
        raise click.UsageError(f"--remove takes {environment} away: nothing else can be said of it")
    client = connect()
    found = find(client, BACKEND, backend)
    wanted["issuer"] = find_id(client, ISSUER, wanted["issuer"])
    environments = {one: as_given(settings) for one, settings in found["environments"].items()}
    before = dict(environments)
    if remove:
        environments.pop(environment, None)
    elif says_something(wanted):
        environments[environment] = environment_with(environments.get(environment, {}), wanted)
    changes = {"name": name, "environments": environments if environments != before else None}
    _show(client, client.patch(f"/backends/{found['id']}", changes), output)


def _show(client: AdminClient, document: dict[str, Any], output: str) -> None:
    show_named(client, document, output, NAMED, for_people)


@backend.command("test")
@click.argument("backend")
@click.option("--path", default="/", show_default=True, help="What to GET, by the backend's own path.")
@click.option("--environment", type=click.Choice(["live", "test"]), default="live", show_default=True, help="Of which.")
@click.option("--application", help="As which application; without it as a probe.")
@prints
def test_backend(backend: str, path: str, environment: str, application: str | None, output: str) -> int:
    """Call a backend with a token made as the gateway makes it, and explain what it says. Exit code 7: not well."""
    client = connect()
    found = find(client, BACKEND, backend)
    attempt = {
        "path": path,
        "environment": environment,
        "application": find_id(client, APPLICATION, application),
    }
    outcome = with_failing_logins(client, found, client.post(f"/backends/{found['id']}/test", attempt))
    if output == "table":
        show_outcome(outcome)
        show_failing_logins(outcome.get(FAILING, ()))
    else:
        show_one(outcome, output)
    return Exit.DONE if outcome["ok"] else Exit.UNHEALTHY


def show_outcome(outcome: dict[str, Any]) -> None:
    """Print what was found, the likely cause first, then what was sent."""
    for finding in outcome["findings"]:
        show_paragraph(finding)
    click.echo()
    called = [(label(name), cell(outcome[name], {})) for name in ("status", "target")]
    show_pairs(called + [(f"claim {name}", cell(value, {})) for name, value in (outcome["claims"] or {}).items()])


@backend.command("delete")
@click.argument("backend")
@asks
@prints
def delete_backend(backend: str, output: str) -> None:
    """Remove a backend that no route leads to and that has no schema."""
    client = connect()
    found = find(client, BACKEND, backend)
    confirm(say("Remove the backend {name}?", name=found["name"]))
    client.delete(f"/backends/{found['id']}")
    show_deleted(found, output)
