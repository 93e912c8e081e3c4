"""`portazgo webhook`: endpoints that are told of events, and what was delivered to them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from portazgo.cli.contradictions import excludes
from portazgo.cli.find import ENDPOINT, PARTNER, find, find_id
from portazgo.cli.noun import Noun, asks, confirm, limit, limited, prints, show_deleted, show_list, show_named
from portazgo.cli.output import note, show_one
from portazgo.cli.parameters import duration, given, milliseconds, short_duration
from portazgo.cli.session import connect
from portazgo.cli.words import say

COLUMNS = ("name", "partner", "url", "status", "failures", "dead", "delivered_at", "id")
DELIVERY_COLUMNS = ("type", "at", "endpoint", "state", "attempts", "status", "problem", "due_at", "id")
NAMED = {"partner": "/partners"}
DELIVERY_NAMED = {"endpoint": "/webhooks/endpoints"}

EVENT = click.option("--event", "events", multiple=True, metavar="TYPE", help="Only this type of event. Repeat it.")


@click.group(cls=Noun)
def webhook() -> None:
    """Webhooks: signed messages about what happens to keys (docs/webhooks.md)."""


@webhook.group("endpoint", cls=Noun)
def endpoint() -> None:
    """Where the messages go: of the deployment, or of one partner."""


@endpoint.command("list")
@click.option("--partner", help="Of this partner only; name or id.")
@click.option("--status", type=click.Choice(["active", "paused"]), help="Of this status only.")
@limit(None)
@prints
def list_endpoints(partner: str | None, status: str | None, most: int | None, output: str) -> None:
    """List the endpoints."""
    client = connect()
    query = {"partner": find_id(client, PARTNER, partner), "status": status}
    show_list(client, limited(client, "/webhooks/endpoints", query, most), COLUMNS, output, named=NAMED)


@endpoint.command("create")
@click.argument("name")
@click.argument("url")
@click.option("--partner", help="For the events of this partner, and no other's; without it the deployment's own.")
@EVENT
@prints
def create_endpoint(name: str, url: str, partner: str | None, events: tuple[str, ...], output: str) -> None:
    """Make an endpoint. Its secret is shown this once, and never again."""
    client = connect()
    new = given(name=name, url=url, partner=find_id(client, PARTNER, partner), events=events)
    _show_once(client.post("/webhooks/endpoints", new), output)


@endpoint.command("show")
@click.argument("endpoint")
@prints
def show_endpoint(endpoint: str, output: str) -> None:
    """Show an endpoint, without its secret."""
    client = connect()
    show_named(client, find(client, ENDPOINT, endpoint), output, NAMED)


@endpoint.command("change")
@click.argument("endpoint")
@click.option("--name", help="The new name.")
@click.option("--url", help="The new URL.")
@EVENT
@click.option("--all-events", is_flag=True, help="Send all types again.")
@prints
@excludes("all_events", "events")
def change_endpoint(endpoint: str, all_events: bool, output: str, **terms: Any) -> None:
    """Rename an endpoint, give it another URL or other events."""
    client = connect()
    changes = given(**terms, all_events=all_events or None)
    changed = client.patch(f"/webhooks/endpoints/{find_id(client, ENDPOINT, endpoint)}", changes)
    show_named(client, changed, output, NAMED)


@endpoint.command("test")
@click.argument("endpoint")
@prints
def test_endpoint(endpoint: str, output: str) -> None:
    """Have a test event sent to an endpoint."""
    client = connect()
    delivery = client.post(f"/webhooks/endpoints/{find_id(client, ENDPOINT, endpoint)}/test")
    show_named(client, delivery, output, DELIVERY_NAMED)
    note(say("`portazgo webhook delivery list --endpoint {name}` tells how it went.", name=endpoint))


@endpoint.command("pause")
@click.argument("endpoint")
@prints
def pause_endpoint(endpoint: str, output: str) -> None:
    """Call an endpoint no more until it is resumed."""
    client = connect()
    paused = client.post(f"/webhooks/endpoints/{find_id(client, ENDPOINT, endpoint)}/pause")
    show_named(client, paused, output, NAMED)


@endpoint.command("resume")
@click.argument("endpoint")
@prints
def resume_endpoint(endpoint: str, output: str) -> None:
    """Call an endpoint again, at once for what waits."""
    client = connect()
    resumed = client.post(f"/webhooks/endpoints/{find_id(client, ENDPOINT, endpoint)}/resume")
    show_named(client, resumed, output, NAMED)


@endpoint.command("rotate-secret")
@click.argument("endpoint")
@click.option("--overlap", type=duration, default="1d", help="How long the secret before signs too.", show_default=True)
@prints
def rotate_secret(endpoint: str, overlap: timedelta, output: str) -> None:
    """Give an endpoint a new secret, shown this once; until the overlap ends both sign."""
    client = connect()
    identifier = find_id(client, ENDPOINT, endpoint)
    body = {"overlap": short_duration(milliseconds(overlap))}
    _show_once(client.post(f"/webhooks/endpoints/{identifier}/rotate-secret", body), output)


@endpoint.command("delete")
@click.argument("endpoint")
@asks
@prints
def delete_endpoint(endpoint: str, output: str) -> None:
    """Remove an endpoint with its deliveries."""
    client = connect()
    found = find(client, ENDPOINT, endpoint)
    confirm(say("Remove the webhook endpoint {name}?", name=found["name"]))
    client.delete(f"/webhooks/endpoints/{found['id']}")
    show_deleted(found, output)


@webhook.command("outbox")
@prints
def show_outbox(output: str) -> None:
    """Tell what waits for the worker, and since when: for minutes, and no worker sends it."""
    show_one(connect().get("/webhooks/outbox"), output)


@webhook.group("delivery", cls=Noun)
def delivery() -> None:
    """What was sent, waits, or was given up."""


@delivery.command("list")
@click.option("--endpoint", help="To this endpoint only; name or id.")
@click.option("--state", type=click.Choice(["pending", "delivered", "dead"]), help="In this state only.")
@limit(50)
@prints
def list_deliveries(endpoint: str | None, state: str | None, most: int | None, output: str) -> None:
    """List the deliveries, newest first; dead ones were given up."""
    client = connect()
    query = {"endpoint": find_id(client, ENDPOINT, endpoint), "state": state}
    rows = limited(client, "/webhooks/deliveries", query, most)
    show_list(client, rows, DELIVERY_COLUMNS, output, named=DELIVERY_NAMED)


@delivery.command("resend")
@click.argument("delivery")
@prints
def resend_delivery(delivery: str, output: str) -> None:
    """Send an event to its endpoint once more, under the same id."""
    client = connect()
    show_named(client, client.post(f"/webhooks/deliveries/{delivery}/resend"), output, DELIVERY_NAMED)


def _show_once(document: dict[str, Any], output: str) -> None:
    show_named(connect(), {"secret": document["secret"], **document}, output, NAMED)
    note(say("This is the only time that the secret is shown: its receiver checks with it who sent a message."))
