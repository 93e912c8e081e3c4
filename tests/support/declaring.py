"""Documents through the admin API: a short way to apply one and to compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portazgo.snapshot.models import Head

if TYPE_CHECKING:
    from support.admin import AdminAPI, Answer
    from support.declared import Tree

NOTHING: Tree = {"portazgo": 1, "name": "example"}
BASIC = ("plans", "basic", "rates")


def apply(api: AdminAPI, document: Tree, **members: Any) -> Answer:
    """Apply, meaning it."""
    return api.post("/declarative/apply", {"document": document, "confirmed": True, **members})


def applied(api: AdminAPI, document: Tree, **members: Any) -> dict[str, Any]:
    """Apply what is right. Returns the outcome."""
    answer = apply(api, document, **members)
    assert answer.status == 200, answer.body
    body: dict[str, Any] = answer.body
    return body


def revision() -> int:
    """Where the log stands."""
    return Head.objects.get().revision


def differs(api: AdminAPI, document: Tree) -> bool:
    """Whether applying would change anything."""
    answer = api.post("/declarative/diff", {"document": document})
    assert answer.status == 200, answer.body
    return bool(answer.body["differs"])
