"""Three sets of request ids that must agree: answers that clients got, calls that backends saw, records that were collected."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from support.load import Call

if TYPE_CHECKING:
    from support.deployment import Deployment


def every_call_is_recorded_once(
    deployment: Deployment, calls: Iterable[Call], seen: Iterable[str] | None = None
) -> None:
    """End the node, and compare. `seen`: the ids that backends saw; None: what the demo's backend logged."""
    assert deployment.stop("gateway") == 0
    answered = Counter(call.request_id for call in calls)
    assert answered, "no call was made"
    at_backends = Counter(logged(deployment) if seen is None else seen)
    records = Counter(item["request_id"] for item in deployment.admin.pages("/traces", {"limit": 200}))
    doubled = [[one for one, count in ids.items() if count > 1] for ids in (answered, at_backends, records)]
    assert doubled == [[], [], []], "doubled: answers, at the backends, records"
    assert answered.keys() - at_backends.keys() == set(), "answered without the backend"
    assert (answered.keys() | at_backends.keys()) - records.keys() == set(), "lost records"
    balance = deployment.admin.get("/usage/balance")
    assert balance["balanced"], balance
    assert {epoch["state"] for epoch in balance["items"]} == {"clean"}


def logged(deployment: Deployment) -> list[str]:
    """The ids that the demo's backend logged, health checks aside."""
    found = [json.loads(line)["x_request_id"] for line in deployment.answer_log.read_text().splitlines()]
    return [request_id for request_id in found if request_id]
