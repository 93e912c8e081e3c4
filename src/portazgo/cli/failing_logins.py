"""Says which logins at backends fail: under `backend show`, `backend test` and `node show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portazgo.cli.cells import cell
from portazgo.cli.output import show_paragraph
from portazgo.cli.words import say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from portazgo.client.admin import AdminClient

FAILING = "failing_logins"
_LOGINS = frozenset({"exchange", "client_credentials", "token_exchange"})


def with_failing_logins(client: AdminClient, backend: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """Add what nodes say of logins at this backend, where there are any."""
    kinds = {environment["credential"]["kind"] for environment in backend["environments"].values()}
    if not kinds & _LOGINS:
        return document
    return {**document, FAILING: client.get(f"/backends/{backend['id']}/logins")["failing"]}


def show_failing_logins(failing: Iterable[dict[str, Any]]) -> None:
    """Print a paragraph for each."""
    for one in failing:
        show_paragraph(
            say(
                "No login at {backend} ({environment}) for {whose} on the node {node} since {since}, tried last {last}: {why}",
                **{name: cell(one[name], {}) for name in ("backend", "environment", "whose", "node", "since", "why")},
                last=cell(one["last_at"], {}),
            )
        )
