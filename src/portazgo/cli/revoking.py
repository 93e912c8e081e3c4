"""`revoke-keys` of a partner and of an application: what would die, are you sure, it is done, it is proven."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from portazgo.cli.noun import confirm
from portazgo.cli.output import note, show_one
from portazgo.cli.propagation import show_propagation
from portazgo.cli.words import say

if TYPE_CHECKING:
    from portazgo.client.admin import AdminClient


class Revoking(NamedTuple):
    """How it is to be done."""

    dry_run: bool
    wait: bool
    timeout: timedelta


def revoke_keys(client: AdminClient, path: str, name: str, how: Revoking, output: str) -> int | None:
    """Kill the keys of what stands at `path`. Returns the exit code where there is a proof to give."""
    planned = client.post(f"{path}/revoke-keys", {"dry_run": True})
    if how.dry_run:
        show_one(planned, output)
        note(say("{count} keys would die.", count=len(planned["kids"])))
        return None
    confirm(say("Revoke all {count} keys of {name} for ever?", count=len(planned["kids"]), name=name))
    revoked = client.post(f"{path}/revoke-keys", {})
    note(say("{count} keys were revoked.", count=len(revoked["kids"])))
    if how.wait and revoked["revision"] is not None:
        return show_propagation(client, f"{path}/keys", how.timeout, output)
    show_one(revoked, output)
    return None
