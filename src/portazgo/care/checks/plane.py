"""The control plane: does it answer, does it know this machine's token, what does it say of nodes and signing keys?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from portazgo.care.finding import Finding, count, skipped, warning, well, wrong
from portazgo.care.surroundings import OK, Surroundings
from portazgo.client.admin import AdminClient, Answered
from portazgo.kit.clock import parse_rfc3339

SILENT = timedelta(seconds=60)
"""A node polls at least every 25 s."""
NOT_ASKED = "the admin API could not be asked"
TOKEN_UNKNOWN = 401


def control_plane(around: Surroundings) -> Iterator[Finding]:
    """Does it answer, and can it reach its databases?"""
    answer, url = around.control, around.settings.control_url
    if answer is None:
        if around.something_runs:
            yield wrong(
                f"the control plane can't be reached at {url}",
                "start it, or correct PORTAZGO_CONTROL_URL; its log says why",
            )
        else:
            yield skipped("nothing of Portazgo runs here")
    elif answer.status == OK:
        yield well(f"it answers at {url}, and so do its databases")
    else:
        said = " ".join(answer.body[:200].decode(errors="replace").split())
        yield wrong(f"{url}/health answers {answer.status}: {said}", "see which database it can't reach")


def admin_token(around: Surroundings) -> Iterator[Finding]:
    """Is this machine's admin token known to the control plane?"""
    file = around.settings.admin_token_file
    if around.control is None:
        yield skipped("the control plane does not answer")
    elif around.admin_token is None:
        yield wrong(
            f"there is no admin token in {file}",
            "make one with `portazgo token create`, or run `portazgo migrate` there",
        )
    elif around.admin is not None:
        yield well(f"the token in {file} is known")
    else:
        yield _why_not(AdminClient(around.settings.control_url, around.admin_token), str(file))


def _why_not(client: AdminClient, file: str) -> Finding:
    try:
        client.get("/nodes", {"limit": 1})
    except Answered as problem:
        if problem.status == TOKEN_UNKNOWN:
            return wrong(
                f"the control plane does not know the token in {file}", "run `portazgo migrate` on its machine"
            )
        return warning(f"the token in {file} may not read nodes: {problem}", "the doctor sees more with `nodes:read`")
    return well(f"the token in {file} is known")


def node(around: Surroundings) -> Iterator[Finding]:
    """Is this machine's node ready for traffic?"""
    if around.node is None:
        yield skipped("no node runs here")
        return
    try:
        said = json.loads(around.node.body)
        reasons, warnings = ([str(one) for one in said[name]] for name in ("reasons", "warnings"))
    except (ValueError, KeyError, TypeError):
        yield skipped(f"what listens at {around.admin_url} is no node")
        return
    for reason in reasons:
        yield wrong(f"the node at {around.admin_url} is not ready: {reason}", "its log says more")
    for sentence in warnings:
        yield warning(f"the node at {around.admin_url} warns: {sentence}", "its log and /metrics say more")
    if not reasons:
        yield well(f"the node at {around.admin_url} is ready")


def receipts(around: Surroundings) -> Iterator[Finding]:
    """Has every node applied what is newest?"""
    if around.admin is None:
        yield skipped(NOT_ASKED)
        return
    nodes = [one for one in around.admin.pages("/nodes") if one["retired_at"] is None]
    found = [trouble for one in nodes if (trouble := _receipt(one)) is not None]
    yield from found
    if not nodes:
        yield skipped("no node has ever called")
    elif not found:
        yield well(f"{count(len(nodes), 'node')} with the newest revision")


def _receipt(its: dict[str, Any]) -> Finding | None:
    name = f"the node {its['label'] or its['id']} ({its['id']})"
    refused = (its["receipt"] or {}).get("refused")
    if refused:
        return wrong(
            f"{name} refuses revision {refused['revision']} at {refused['where']}: {refused['why']}",
            "docs/operations.md, Restore, if the database was restored; else install the control plane's version there",
        )
    silent = datetime.now(UTC) - parse_rfc3339(its["contact_at"])
    if silent > SILENT:
        return wrong(
            f"{name} has been silent for {int(silent.total_seconds())} s",
            "look at its log; if it is gone for good, `portazgo node retire` it",
        )
    if not its["current"]:
        return warning(
            f"{name} has not applied the newest revision yet", "look again in a few seconds; else at its log"
        )
    return None


def signing_keys(around: Surroundings) -> Iterator[Finding]:
    """Has every issuer a key that signs?"""
    if around.admin is None:
        yield skipped(NOT_ASKED)
        return
    keys = list(around.admin.pages("/signing-keys"))
    issuers = list(around.admin.pages("/issuers"))
    for issuer in issuers:
        states = [key["state"] for key in keys if key["issuer"] == issuer["id"]]
        if "signing" not in states:
            yield wrong(
                f"the issuer {issuer['name']} has no key that signs", "add one: its backends can't be called meanwhile"
            )
        else:
            yield well(f"the issuer {issuer['name']} has {count(len(states), 'key')}: {', '.join(sorted(states))}")
    if not issuers:
        yield warning("there is no issuer", "run `portazgo migrate`")


def webhooks(around: Surroundings) -> Iterator[Finding]:
    """Do those who are to be told of events take them?"""
    if around.admin is None:
        yield skipped(NOT_ASKED)
        return
    endpoints = list(around.admin.pages("/webhooks/endpoints"))
    found = [trouble for one in endpoints for trouble in _endpoint(one)]
    yield from found
    if not endpoints:
        yield well("there is no webhook endpoint")
    elif not found:
        yield well(f"{count(len(endpoints), 'webhook endpoint')}, none paused, no dead letters")


def _endpoint(its: dict[str, Any]) -> Iterator[Finding]:
    name = f"the webhook endpoint {its['name']} ({its['id']})"
    if its["status"] == "paused":
        why = its["paused_because"]
        yield warning(f"{name} is paused: {why}", "`portazgo webhook endpoint resume` it when its receiver is well")
    elif its["failing_since"]:
        yield warning(f"{name} fails since {its['failing_since']}", "`portazgo webhook delivery list` says how")
    if its["dead"]:
        yield warning(
            f"{name} did not take {count(its['dead'], 'event')}", "see `portazgo webhook delivery list --state dead`"
        )
