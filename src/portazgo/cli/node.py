"""`portazgo node`: gateway nodes, and the tokens with which they speak to the control plane."""

from __future__ import annotations

from datetime import datetime

import click

from portazgo.cli.failing_logins import FAILING, show_failing_logins
from portazgo.cli.find import NODE, NODE_TOKEN, find, find_id
from portazgo.cli.noun import Noun, asks, confirm, limit, limited, prints, show_list
from portazgo.cli.output import note, show_one, show_rows
from portazgo.cli.parameters import rfc3339, since
from portazgo.cli.session import connect
from portazgo.cli.words import say

COLUMNS = ("label", "version", "current", "receipt.revision", "contact_at", "retired_at", "id")
LOST_COLUMNS = ("verdict", "journaled", "collected", "missing_records", "seconds_at_risk", "epoch")
TOKEN_COLUMNS = ("name", "label", "created_at", "revoked_at", "id")


@click.group(cls=Noun)
def node() -> None:
    """Gateway nodes and their tokens."""


@node.command("list")
@limit(None)
@prints
def list_nodes(most: int | None, output: str) -> None:
    """List the gateway nodes that ever polled."""
    client = connect()
    show_list(client, limited(client, "/nodes", {}, most), COLUMNS, output)


@node.command("show")
@click.argument("node")
@prints
def show_node(node: str, output: str) -> None:
    """Show a gateway node, by its label or id."""
    found = find(connect(), NODE, node)
    if output != "table":
        show_one(found, output)
        return
    failing = found.pop(FAILING)
    show_one(found, output)
    show_failing_logins(failing)


@node.command("retire")
@click.argument("node")
@asks
@prints
def retire_node(node: str, output: str) -> None:
    """Declare that a node is gone for good: it no longer counts in proofs, and is not let in again."""
    client = connect()
    found = find(client, NODE, node)
    confirm(say("Retire the node {name} for good?", name=found["label"] or found["id"]))
    show_one(client.post(f"/nodes/{found['id']}/retire"), output)


@node.command("lost")
@click.argument("node")
@click.option(
    "--died-at", type=since, metavar="TIME", help="When it was seen alive last: a time, or back from now, such as 2h."
)
@asks
@prints
def declare_lost(node: str, died_at: datetime | None, output: str) -> None:
    """Declare that a node and its disk are gone: its open epochs end, and the balance says what may be missing."""
    client = connect()
    # Not looked up by its id: it may be known by its records only.
    identifier = find_id(client, NODE, node)
    confirm(say("Declare that the node {name} and its disk are gone?", name=node))
    lost = client.post(f"/nodes/{identifier}/lost", {"died_at": rfc3339(died_at)})
    show_rows(lost["items"], LOST_COLUMNS, output)
    note(say("`portazgo usage accept-gap EPOCH` settles it; `portazgo node retire` keeps it from coming back."))


@node.group("token", cls=Noun)
def token() -> None:
    """Tokens of the nodes."""


@token.command("list")
@limit(None)
@prints
def list_node_tokens(most: int | None, output: str) -> None:
    """List the node tokens, newest first."""
    client = connect()
    show_list(client, limited(client, "/node-tokens", {}, most), TOKEN_COLUMNS, output)


@token.command("create")
@click.argument("name")
@click.option("--label", default="", help="For the node with this label only; without it for every node.")
@prints
def create_node_token(name: str, label: str, output: str) -> None:
    """Make a node token. It is shown this once, and never again."""
    made = connect().post("/node-tokens", {"name": name, "label": label})
    show_one({"token": made["token"], **made}, output)
    note(say("This is the only time that the token is shown: keep it in a file that only the node may read."))


@token.command("revoke")
@click.argument("token")
@asks
@prints
def revoke_node_token(token: str, output: str) -> None:
    """End a node token, by its name or id."""
    client = connect()
    identifier = find_id(client, NODE_TOKEN, token)
    confirm(say("End the node token {name}? Nodes that use it are not let in any more.", name=token))
    show_one(client.post(f"/node-tokens/{identifier}/revoke"), output)
