"""Documents for tests, and a short way to plan."""

from __future__ import annotations

import copy
from typing import Any

from portazgo.declarative.domain import Ref, State, Thing
from portazgo.declarative.judging import judge
from portazgo.declarative.planning import Plan, Takeover, plan
from portazgo.declarative.worlds import world_of

Tree = dict[str, Any]

DOCUMENT: Tree = {
    "portazgo": 1,
    "name": "example",
    "issuers": {"default": {"url": "https://issuer.example"}},
    "backends": {
        "depot": {
            "environments": {
                "live": {
                    "targets": ["http://127.0.0.1:9000"],
                    "credential": {"kind": "mint", "audience": "depot", "claims": {"tier": "{partner.metadata.tier}"}},
                },
                "test": {"targets": ["http://127.0.0.1:9001"], "credential": {"kind": "none"}},
            }
        }
    },
    "apis": {
        "parcels": {
            "routes": {
                "list": {"backend": "depot", "method": "GET", "path": "/v1/parcels/", "passthrough": True},
                "show": {"backend": "depot", "method": "GET", "path": "/v1/parcels/{id}", "passthrough": True},
            }
        }
    },
    "plans": {"basic": {"apis": ["parcels"], "rates": ["60/min"]}},
    "partners": {
        "acme": {
            "metadata": {"tier": "silver", "city": "Bogotá"},
            "applications": {
                "erp": {"environment": "live", "plan": "basic"},
                "crm": {"environment": "test", "plan": "basic"},
            },
        },
        "globex": {"applications": {"shop": {"environment": "live", "plan": "basic"}}},
    },
}


def changed(*path_and_value: Any, document: Tree = DOCUMENT) -> Tree:
    """The document with the member at a path set to a value; `...` takes it away."""
    *path, name, value = path_and_value
    tree = copy.deepcopy(document)
    node = tree
    for step in path:
        node = node.setdefault(step, {})
    if value is ...:
        del node[name]
    else:
        node[name] = value
    return tree


def state_of(tree: Tree, *, owner: str | None = "example", keys: dict[str, int] | None = None) -> State:
    """What there is once a document has been applied."""
    document, problems = judge(tree, {})
    assert document is not None, problems
    assert not problems
    things = {ref: Thing(terms, owner) for ref, terms in world_of(document, "default").items()}
    return State(things, {Ref("application", name): count for name, count in (keys or {}).items()})


def planned(tree: Tree, state: State, takeover: Takeover | None = None) -> Plan:
    """The plan that takes the state to the document."""
    known: dict[Any, set[str]] = {}
    for ref in state.things:
        known.setdefault(ref.kind, set()).add(ref.name)
    document, problems = judge(tree, known)
    assert document is not None, problems
    assert not problems
    return plan(document.name, world_of(document, "default"), state, takeover or Takeover())


def told(made: Plan) -> list[str]:
    """A plan's lines, each as a person would read it."""
    signs = {"create": "+", "change": "~", "delete": "-"}
    return [
        f"{line.effect} {signs[line.action]} {line.ref}: {line.sentence}"
        + (f" [{', '.join(line.affects)}]" if line.affects else "")
        for line in made.lines
    ]
